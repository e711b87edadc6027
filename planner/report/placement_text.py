"""Where the layers of a plan run, and why not elsewhere, in one line."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from bnnplan.planner.cores import cluster_of, named_part
from bnnplan.planner.plan import Plan
from bnnplan.planner.profile import LayerCosts, Profile
from bnnplan.planner.report.origin_text import estimate
from bnnplan.planner.report.pipeline_text import streams_text


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
    # Parts of clusters are on the board for baselines; what is not used is a cluster.
    unused = [
        device.name
        for device in plan.board.devices
        if device.name not in count and not named_part(plan.board, device.name)
    ]
    why = [_why_unused(plan, name, profile) for name in unused]
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
    lost = _unable(profile, device, [row.name for row in plan.layers])
    if not lost:
        return ""
    return f"; it cannot run {len(lost)} others: {_reason(lost[0], device)}"


def _unable(profile: Profile, device: str, layers: Iterable[str]) -> list[LayerCosts]:
    """Layers that have no placement on a device."""
    found = [profile.layers[name] for name in layers]
    return [costs for costs in found if all(one.device != device for one in costs.placements)]


def _reason(costs: LayerCosts, device: str) -> str:
    return next((r.reason for r in costs.rejections if r.device == device), "not measured")


def _why_unused(plan: Plan, device: str, profile: Profile | None) -> str:
    lost = _unable(profile, device, profile.layers) if profile else []
    if profile and len(lost) == len(profile.layers):
        return f"none on {device}: it can run no layer ({_reason(lost[0], device)})"
    alone = plan.baseline(f"all on {device}")
    if alone is None or alone.predicted_ns is None:
        return f"none on {device}: no layer gains from it"
    takes = estimate(alone.predicted_ns, alone.origin)
    others = sum(where != device for where, _ in alone.placements.values())
    if not others:
        return f"none on {device}: the network alone there takes {takes}"
    if others != len(lost):
        there = len(alone.placements) - others
        return (
            f"none on {device}: with {_counted(there)} there and {others} elsewhere the network "
            f"takes {takes}"
        )
    return (
        f"none on {device}: it cannot run {_counted(others)} ({_reason(lost[0], device)}); with "
        f"the others there the network takes {takes}"
    )


def _counted(layers: int) -> str:
    return "1 layer" if layers == 1 else f"{layers} layers"
