"""A plan as text: one line that says where things run, then layers, sums, proof, baselines."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console

from bnnplan.planner.plan import MemoryUse, Plan, PlannedTransfer
from bnnplan.planner.problem import Measure
from bnnplan.planner.profile import Profile
from bnnplan.planner.report.baselines_text import baseline_parts
from bnnplan.planner.report.batches_text import batch_parts
from bnnplan.planner.report.origin_text import (
    cost_text,
    mark,
    offered_origin,
    origin_lines,
    plan_origin,
)
from bnnplan.planner.report.pipeline_text import basis_lines, has_loads, pipeline_lines
from bnnplan.planner.report.placement_text import placement_line
from bnnplan.planner.report.proof_text import proof_lines
from bnnplan.planner.report.request_text import request_text
from bnnplan.planner.report.tables import Rows
from bnnplan.planner.report.trials_text import trial_text
from bnnplan.planner.report.units import duration, energy, percent, size, times
from bnnplan.planner.uncertainty import least_known


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
    if text := request_text(plan.request):
        console.print(text)
    for part in (_layers(plan), _sums(plan)):
        console.print()
        console.print(part)
    for line in basis_lines(plan):
        console.print(line)
    console.print()
    for line in _lines(plan):
        console.print(line)
    for shown in batch_parts(plan):
        console.print(shown)
    for shown in baseline_parts(plan, verbose=verbose):
        console.print(shown)
    for said in trial_text(plan):
        console.print(said)
    if plan.verdict:
        console.print(plan.verdict)


def _lines(plan: Plan) -> Iterator[str]:
    """Pipeline, energy, memory, proof, and how measured and predicted compare."""
    yield from pipeline_lines(plan)
    if plan.predicted.energy_nj is not None:
        joules = mark(plan_origin(plan)) + energy(plan.predicted.energy_nj)
        yield f"energy of the layers: {joules} a batch, {_powers(plan)}"
    for row in plan.memory:
        yield memory_line(row, allocated=plan.is_run)
    proof = plan.proof
    yield from proof_lines(
        proof.status,
        proof.objectives,
        proof.method,
        proof.seconds,
        proof.message,
        known=plan_origin(plan),
        offered=offered_origin(plan),
    )
    yield from origin_lines(plan)
    yield from _measured(plan)


def _powers(plan: Plan) -> str:
    used = {row.device for stream in plan.streams for row in stream.layers}
    stated = [f"{one.name} {one.power_watts:g} W" for one in plan.board.devices if one.name in used]
    return f"with the power that is declared ({', '.join(stated)})"


def _layers(plan: Plan) -> Rows:
    stage = ["stage"] if plan.request.is_pipeline else []
    load = ["under load"] if has_loads(plan) else []
    rows = Rows(
        *("layer", "type", "device", "configuration", *stage, "predicted", *load, "measured"),
        left=4,
        optional=("type",),
    )
    for transfer in plan.transfers:
        if transfer.source == "user":
            _add_transfer(rows, transfer, stage, load)
    for row in plan.layers:
        rows.add_row(
            row.name,
            row.kind,
            row.device,
            row.configuration.label,
            *([str(row.stage)] if stage else []),
            cost_text(row.predicted_ns, row.origin),
            *(cost_text(row.period_ns, row.origin) for _ in load),
            duration(row.measured_ns),
        )
    for transfer in plan.transfers:
        if transfer.source != "user":
            _add_transfer(rows, transfer, stage, load)
    return rows


def _add_transfer(rows: Rows, transfer: PlannedTransfer, stage: list[str], load: list[str]) -> None:
    rows.add_row(
        transfer.tensor,
        "transfer",
        f"{transfer.source} → {transfer.target}",
        f"{transfer.nbytes:,} B",
        *("" for _ in stage),
        duration(transfer.predicted_ns),
        *("" for _ in load),
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
    about = mark(least_known(row.origin for row in plan.layers))
    for (name, before), after in zip(parts, measured, strict=True):
        marked = about if name == parts[0][0] else ""
        rows.add_row(name, marked + duration(before), duration(after))
    if plan.concurrent:
        # Timed runs do one thing after the other, so only the whole tells what overlaps.
        after = m.unattributed_ns - m.timing_ns if m else None
        rows.add_row("overlap and waiting", duration(rest), duration(after))
    else:
        after = m.unattributed_ns if m else None
        rows.add_row("unattributed overhead", duration(rest), duration(after))
        if m:
            rows.add_row("timing the parts", duration(None), duration(-m.timing_ns))
    shown = about + duration(plan.predicted_ns)
    rows.add_row("end to end", shown, duration(whole), style="bold")
    if plan.batch > 1:
        each = whole / plan.batch if whole is not None else None
        shown = about + duration(plan.predicted_ns / plan.batch)
        rows.add_row("per image", shown, duration(each))
    return rows


def memory_line(row: MemoryUse, *, allocated: bool = True) -> str:
    """What a plan holds in one memory space, or would if it ran, and what the solver counted."""
    known = "allocated" if allocated else "planned (not run)"
    text = (
        f"memory of {row.space}: weights {size(row.weight_bytes)}, activations "
        f"{size(row.activation_bytes)} ({times(row.ratio)} what is alive at once), workspace "
        f"{size(row.workspace_bytes)}; in all {size(row.allocated_bytes)} {known}"
    )
    if row.predicted_bytes is None:
        return text
    return f"{text}, {size(row.predicted_bytes)} predicted"


def _measured(plan: Plan) -> Iterator[str]:
    if plan.measured is None:
        return
    whole = plan.measured.end_to_end
    error = plan.predicted_ns / whole.median - 1
    yield (
        f"predicted latency differs by {percent(error)} from the measured median "
        f"({whole.runs} runs, 95 % {duration(whole.low)} to {duration(whole.high)}, "
        f"p90 {duration(whole.p90)})"
    )
    deadline = next((x.most for x in plan.request.limits if x.measure is Measure.LATENCY), None)
    if deadline is not None and whole.median > deadline:
        yield f"the measured median misses the deadline of {duration(deadline)}"
