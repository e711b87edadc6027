"""Corrects a profile by what the stages of running pipelines have shown."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import attrs
from attrs import frozen

from bnnplan.planner.cores import cluster_of
from bnnplan.planner.plan import MeasuredPipeline, MeasuredStage, Plan
from bnnplan.planner.profile import PlacementCost, Profile
from bnnplan.planner.statistics import scaled
from bnnplan.planner.trials.correction import Placement


@frozen
class RanPipeline:
    """A plan and what was measured when it ran as a pipeline."""

    plan: Plan
    measured: MeasuredPipeline


def corrected_by_stages(profile: Profile, ran: Sequence[RanPipeline]) -> Profile:
    """The profile with costs under load by which the stages take what they took.

    Of a stage only the whole is timed. So the costs of its layers are scaled by one factor, and
    those of others that use as many threads of its devices by the mean factor of these: more or
    fewer threads meet another load. The busiest stage of a stream accounts for all of the period:
    what passes between batches counts as work of its layers.

    Parameters
    ----------
    profile : Profile
        That the plans were made from.
    ran : sequence of RanPipeline
        Where two of them share a placement, the later one counts.
    """
    own: dict[Placement, float] = {}
    sums: dict[tuple[str, int], list[float]] = defaultdict(list)
    for one in ran:
        for stage, taken in _effective(one.measured):
            costs = _costs(profile, one.plan, stage)
            before = sum(_loaded(cost) for cost in costs.values()) + _launches(profile, costs)
            factor = taken / max(before, 1)
            for (name, device), cost in costs.items():
                own[name, device, cost.configuration] = factor
                sums[device, cost.configuration.threads].append(factor)
    drift = {team: sum(factors) / len(factors) for team, factors in sums.items()}

    def correct(name: str, cost: PlacementCost) -> PlacementCost:
        key = name, cost.device, cost.configuration
        factor = own.get(key, drift.get((cost.device, cost.configuration.threads)))
        if factor is None:
            return cost
        return attrs.evolve(cost, loaded=scaled(cost.loaded or cost.time, factor))

    return attrs.evolve(
        profile,
        layers={
            name: attrs.evolve(costs, placements=[correct(name, c) for c in costs.placements])
            for name, costs in profile.layers.items()
        },
        launches=[
            attrs.evolve(cost, ns=round(cost.ns * drift.get((cost.device, cost.threads), 1.0)))
            for cost in profile.launches
        ],
    )


def _effective(measured: MeasuredPipeline) -> list[tuple[MeasuredStage, float]]:
    """Nanoseconds that each stage took, if the busiest of its stream is never idle.

    Stages state means, in which every interruption of the machine counts. They are scaled to the
    median period of the whole.
    """
    busiest: dict[int, MeasuredStage] = {}
    for row in measured.stages:
        if row.stream not in busiest or row.busy > busiest[row.stream].busy:
            busiest[row.stream] = row
    most = {stream: row.busy or 1.0 for stream, row in busiest.items()}
    rate = sum(most[stream] / max(row.busy_ns, 1) for stream, row in busiest.items())
    scale = measured.period.median * rate
    return [(row, scale * row.busy_ns / most[row.stream]) for row in measured.stages]


def _costs(
    profile: Profile, plan: Plan, stage: MeasuredStage
) -> Mapping[tuple[str, str], PlacementCost]:
    """What the layers of a stage cost by the profile, by layer and device of the profile."""
    rows = {row.name: row for row in plan.streams[stage.stream].layers}
    found = {}
    for name in stage.layers:
        row = rows[name]
        device = cluster_of(row.device)
        for cost in profile.layers[name].placements:
            if (cost.device, cost.configuration) == (device, row.configuration):
                found[name, device] = cost
    return found


def _loaded(cost: PlacementCost) -> int:
    return (cost.loaded or cost.time).median


def _launches(profile: Profile, costs: Mapping[tuple[str, str], PlacementCost]) -> int:
    """What starting the stage's programs was planned to take, once a device."""
    widest: dict[str, int] = {}
    for (_, device), cost in costs.items():
        widest[device] = max(widest.get(device, 1), cost.configuration.threads)
    return sum(profile.launch(device, threads) for device, threads in widest.items())
