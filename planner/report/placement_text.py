"""Where the layers of a plan run, and why not elsewhere, in one line."""

from __future__ import annotations

from collections import defaultdict

from bnnplan.planner.cores import cluster_of, named_part
from bnnplan.planner.plan import Plan
from bnnplan.planner.profile import Profile
from bnnplan.planner.report.pipeline_text import streams_text
from bnnplan.planner.report.units import duration


def placement_line(plan: Plan, profile: Profile | None = None) -> str:
    """How many layers, and what share of the time, each device has; and why others have none.

    Of several streams, or of one on parts of clusters, which devices they have.
    """
    if plan.replicas or any(named_part(plan.board, d) for d in _used(plan)):
        return _streams_line(plan, profile)
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


def _used(plan: Plan) -> set[str]:
    return {row.device for stream in plan.streams for row in stream.layers}


def _streams_line(plan: Plan, profile: Profile | None) -> str:
    """The devices of every stream, and why what is left does nothing."""
    count = len(plan.streams)
    used = _used(plan)
    busy = frozenset[str]().union(*(plan.board.device(name).resources for name in used))
    idle = [
        device.name
        for device in plan.board.devices
        if device.name not in used
        and device.name == cluster_of(device.name)
        and not (device.resources & busy)
    ]
    why = [_why_unused(plan, name, profile) for name in idle]
    streams = f"{count} streams" if count > 1 else "1 stream"
    return "; ".join([f"{streams} on {streams_text(plan.streams)}", *why])


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
