"""A plan as text: one line that says where things run, then layers, sums, proof, baselines."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import attrs
from rich.console import Console

from bnnplan.planner.plan import Baseline, MemoryUse, Plan, PlannedTransfer
from bnnplan.planner.profile import Profile
from bnnplan.planner.report.tables import Rows
from bnnplan.planner.report.units import duration, percent, size, times

SHOWN_BASELINES = 6


def print_plan(
    plan: Plan, console: Console, *, profile: Profile | None = None, verbose: bool = False
) -> None:
    """Print a plan.

    Parameters
    ----------
    plan : Plan
    console : rich.console.Console
    profile : Profile, optional
        What it was made from, to say why devices are not used.
    verbose : bool
        All baselines instead of the best few.
    """
    console.print(placement_line(plan, profile))
    console.print()
    console.print(_layers(plan))
    console.print()
    console.print(_sums(plan))
    console.print()
    for row in plan.memory:
        console.print(memory_line(row))
    _proof(plan, console)
    for part in _baselines(plan, verbose=verbose):
        console.print(part)
    if plan.verdict:
        console.print(plan.verdict)


def placement_line(plan: Plan, profile: Profile | None = None) -> str:
    """How many layers, and what share of the time, each device has; and why others have none."""
    count: dict[str, int] = defaultdict(int)
    time: dict[str, int] = defaultdict(int)
    for row in plan.layers:
        count[row.device] += 1
        time[row.device] += row.predicted_ns
    total = max(sum(time.values()), 1)
    used = [
        f"{count[device]} of {len(plan.layers)} layers on {device} ({time[device] / total:.0%} of "
        f"the layer time{_why_not_all(plan, device, profile)})"
        for device in sorted(count, key=lambda device: -time[device])
    ]
    why = [_why_unused(plan, d.name, profile) for d in plan.board.devices if d.name not in count]
    return "; ".join(used + why)


def _why_not_all(plan: Plan, device: str, profile: Profile | None) -> str:
    """Which of the layers that are elsewhere a device could not have run at all."""
    if profile is None:
        return ""
    lost = [
        profile.layers[row.name]
        for row in plan.layers
        if all(cost.device != device for cost in profile.layers[row.name].placements)
    ]
    if not lost:
        return ""
    reason = next((r.reason for r in lost[0].rejections if r.device == device), "not measured")
    return f"; it cannot run {len(lost)} others: {reason}"


def _why_unused(plan: Plan, device: str, profile: Profile | None) -> str:
    costs = profile.layers if profile else {}
    runnable = [n for n, c in costs.items() if any(p.device == device for p in c.placements)]
    if costs and not runnable:
        first = next(iter(costs.values()))
        reason = next((r.reason for r in first.rejections if r.device == device), "not measured")
        return f"none on {device}: it can run no layer ({reason})"
    alone = plan.baseline(f"all on {device}")
    if alone is not None and alone.predicted_ns is not None:
        return f"none on {device}: the network alone there takes {duration(alone.predicted_ns)}"
    return f"none on {device}: no layer gains from it"


def _layers(plan: Plan) -> Rows:
    rows = Rows(
        *("layer", "type", "device", "configuration", "predicted", "measured"),
        left=4,
        optional=("type",),
    )
    for transfer in plan.transfers:
        if transfer.source == "user":
            _add_transfer(rows, transfer)
    for row in plan.layers:
        rows.add_row(
            row.name,
            row.kind,
            row.device,
            row.configuration.label,
            duration(row.predicted_ns),
            duration(row.measured_ns),
        )
    for transfer in plan.transfers:
        if transfer.source != "user":
            _add_transfer(rows, transfer)
    return rows


def _add_transfer(rows: Rows, transfer: PlannedTransfer) -> None:
    rows.add_row(
        transfer.tensor,
        "transfer",
        f"{transfer.source} → {transfer.target}",
        f"{transfer.nbytes:,} B",
        duration(transfer.predicted_ns),
        duration(transfer.measured_ns),
        style="dim",
    )


def _sums(plan: Plan) -> Rows:
    layers = sum(row.predicted_ns for row in plan.layers)
    transfers = sum(row.predicted_ns for row in plan.transfers)
    rest = plan.predicted_ns - layers - transfers - plan.launches_ns
    parts = [
        ("sum of layers", layers),
        ("transfers", transfers),
        ("program launches", plan.launches_ns),
    ]
    m = plan.measured
    measured = (m.layers_ns, m.transfers_ns, m.launches_ns) if m else (None,) * 3
    whole = m.end_to_end.median if m else None
    rows = Rows("", "predicted", "measured")
    for (name, before), after in zip(parts, measured, strict=True):
        rows.add_row(name, duration(before), duration(after))
    if plan.concurrent:
        # Timed runs do one thing after the other, so only the whole tells what overlaps.
        after = m.unattributed_ns - m.timing_ns if m else None
        rows.add_row("overlap and waiting", duration(rest), duration(after))
    else:
        after = m.unattributed_ns if m else None
        rows.add_row("unattributed overhead", duration(rest), duration(after))
        if m:
            rows.add_row("timing the parts", duration(None), duration(-m.timing_ns))
    rows.add_row("end to end", duration(plan.predicted_ns), duration(whole), style="bold")
    if plan.batch > 1:
        each = whole / plan.batch if whole is not None else None
        rows.add_row("per image", duration(plan.predicted_ns / plan.batch), duration(each))
    return rows


def memory_line(row: MemoryUse) -> str:
    """What a plan holds in one memory space, and what the solver counted."""
    text = (
        f"memory of {row.space}: weights {size(row.weight_bytes)}, activations "
        f"{size(row.activation_bytes)} ({times(row.ratio)} what is alive at once), workspace "
        f"{size(row.workspace_bytes)}; in all {size(row.allocated_bytes)} allocated"
    )
    if row.predicted_bytes is None:
        return text
    return f"{text}, {size(row.predicted_bytes)} predicted"


def _proof(plan: Plan, console: Console) -> None:
    proof = plan.proof
    console.print(
        f"{proof.status}: objective {duration(proof.objective_ns)}, "
        f"bound {duration(proof.bound_ns)}, gap {percent(proof.gap)}, "
        f"{proof.method} in {duration(proof.seconds * 1e9)}"
    )
    if proof.message:
        console.print(proof.message)
    if plan.measured:
        whole = plan.measured.end_to_end
        error = plan.predicted_ns / whole.median - 1
        console.print(
            f"predicted latency differs by {percent(error)} from the measured median "
            f"({whole.runs} runs, 95 % {duration(whole.low)} to {duration(whole.high)}, "
            f"p90 {duration(whole.p90)})"
        )


def _baselines(plan: Plan, *, verbose: bool) -> Iterator[Rows | str]:
    """The baselines that differ, and a line that names those that are the plan itself."""
    rows = Rows(
        *("baseline", "note", "predicted", "measured", "plan is faster by"),
        left=2,
        optional=("measured",),
    )
    same = [b.name for b in plan.baselines if b.placements == plan.assignment]
    shown: list[Baseline] = []
    for baseline in plan.baselines:
        known = [index for index, other in enumerate(shown) if _are_same(other, baseline)]
        if known:
            before = shown[known[0]]
            note = "; ".join(filter(None, (before.note, f"same as {baseline.name!r}")))
            shown[known[0]] = attrs.evolve(before, note=note)
        elif baseline.name not in same:
            shown.append(baseline)
    for baseline in shown if verbose else shown[:SHOWN_BASELINES]:
        rows.add_row(
            baseline.name,
            baseline.note,
            duration(baseline.predicted_ns),
            duration(baseline.measured.median if baseline.measured else None),
            gain(plan, baseline),
        )
    if rows.rows:
        yield rows
    if not verbose and len(shown) > SHOWN_BASELINES:
        yield f"({len(shown) - SHOWN_BASELINES} more with --verbose)"
    if same:
        yield f"the plan itself: {', '.join(same)}"


def _are_same(one: Baseline, other: Baseline) -> bool:
    return bool(one.placements) and one.placements == other.placements


def gain(plan: Plan, baseline: Baseline) -> str:
    """How many times faster the plan is, over paired runs if both were measured, else predicted."""
    if baseline.ratio is not None:
        return f"{times(baseline.ratio.median)} measured"
    if baseline.predicted_ns is None:
        return "–"
    return times(baseline.predicted_ns / max(plan.predicted_ns, 1))
