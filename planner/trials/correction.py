"""Corrects a profile by what running programs have shown."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import attrs
from attrs import frozen

from bnnplan.backends.interface import Configuration
from bnnplan.planner.encoding import widest_teams
from bnnplan.planner.execution.measure import Measurement
from bnnplan.planner.execution.ready import transfer_label
from bnnplan.planner.execution.trace import EventKind
from bnnplan.planner.plan import Plan, PlannedTransfer
from bnnplan.planner.profile import LaunchCost, Origin, PlacementCost, Profile, TransferCost
from bnnplan.planner.statistics import scaled

Placement = tuple[str, str, Configuration]


@frozen
class Ran:
    """An assignment and what was measured when it ran.

    Parameters
    ----------
    assignment : mapping of str to (str, Configuration)
    measured : Measurement
    overlap : float
        What was predicted end to end, as a share of the sum of all parts: 1 where one thing runs
        after the other, less where devices run at the same time.
    """

    assignment: Mapping[str, tuple[str, Configuration]]
    measured: Measurement
    overlap: float = 1.0

    @classmethod
    def of(cls, plan: Plan, measured: Measurement) -> Ran:
        """A plan that ran."""
        parts = plan.launches_ns + sum(row.predicted_ns for row in plan.layers)
        parts += sum(row.predicted_ns for row in plan.transfers)
        whole = plan.predicted_ns / max(parts, 1)
        return cls(plan.assignment, measured, whole if plan.concurrent else 1.0)

    @property
    def scale(self) -> float:
        """What times of parts count for.

        Parts are timed one after the other. Where devices run at the same time, each is slower
        than alone, which only the whole shows: then all parts count for so much more. Elsewhere
        they count for no more together than runs whose parts are not timed.
        """
        summary = self.measured.summary()
        parts = summary.layers_ns + summary.transfers_ns + summary.launches_ns
        scale = summary.end_to_end.median / max(self.overlap * parts, 1)
        return scale if self.overlap < 1 else min(1.0, scale)


def corrected(
    profile: Profile, transfers: Sequence[PlannedTransfer], ran: Sequence[Ran]
) -> Profile:
    """The profile with the costs of what ran as they measured, and all others scaled.

    Parameters
    ----------
    profile : Profile
    transfers : sequence of PlannedTransfer
        Of the plan that ran first.
    ran : sequence of Ran
        Where two of them share a placement, the later one counts.

    Returns
    -------
    Profile
        Costs that ran are replaced; the other costs of a device are scaled by the ratio of
        measured to predicted time over all of its layers that ran.
    """
    layers = _Layers(profile, ran)
    return attrs.evolve(
        profile,
        layers={
            name: attrs.evolve(
                costs, placements=[layers.correct(name, c) for c in costs.placements]
            )
            for name, costs in profile.layers.items()
        },
        launches=_launches(profile, ran),
        transfers=_transfers(profile, transfers, ran[0]),
    )


class _Layers:
    def __init__(self, profile: Profile, ran: Sequence[Ran]) -> None:
        self.own: dict[Placement, int] = {}
        for one in ran:
            times = one.measured.mean_of(EventKind.LAYER)
            scale = one.scale
            for name, (device, configuration) in one.assignment.items():
                self.own[name, device, configuration] = round(times[name] * scale)
        predicted: dict[str, int] = defaultdict(int)
        measured: dict[str, int] = defaultdict(int)
        for name, costs in profile.layers.items():
            for cost in costs.placements:
                if (taken := self.own.get((name, cost.device, cost.configuration))) is not None:
                    predicted[cost.device] += cost.time.median
                    measured[cost.device] += taken
        self.drift = {device: measured[device] / max(predicted[device], 1) for device in measured}

    def correct(self, name: str, cost: PlacementCost) -> PlacementCost:
        taken = self.own.get((name, cost.device, cost.configuration))
        if taken is None:
            time = scaled(cost.time, self.drift.get(cost.device, 1.0))
        else:
            # What was predicted to take no time at all cannot be scaled.
            time = scaled(cost.time, taken / max(cost.time.median, 1))
            time = attrs.evolve(time, median=taken)
            cost = attrs.evolve(cost, origin=Origin.MEASURED)
        if cost.loaded is None:
            return attrs.evolve(cost, time=time)
        loaded = scaled(cost.loaded, time.median / max(cost.time.median, 1))
        return attrs.evolve(cost, time=time, loaded=loaded)


def _launches(profile: Profile, ran: Sequence[Ran]) -> list[LaunchCost]:
    """Launches as they ran, by what ran before them; what no event explains counts as theirs."""
    seen: dict[tuple[str, int, str], int] = {}
    for one in ran:
        widest = widest_teams(one.assignment)
        events = one.measured.launches()
        summary = one.measured.summary()
        # Plans are compared by runs of which only the whole is timed.
        rest = max(0, summary.unattributed_ns - summary.timing_ns) // len(events)
        taken: dict[tuple[str, int, str], list[int]] = defaultdict(list)
        scale = one.scale
        for source, device, ns in events:
            taken[device, widest[device], source].append(round(ns * scale) + rest)
        seen |= {key: sum(times) // len(times) for key, times in taken.items()}
    kept = [c for c in profile.launches if (c.device, c.threads, c.source) not in seen]
    return kept + [
        LaunchCost(device, threads, ns, source) for (device, threads, source), ns in seen.items()
    ]


def _transfers(
    profile: Profile, planned: Sequence[PlannedTransfer], ran: Ran
) -> tuple[TransferCost, ...]:
    """Scale each pair of spaces by what the plan's own transfers between them have shown."""
    taken = ran.measured.mean_of(EventKind.TRANSFER)
    scale = ran.scale
    sums: dict[tuple[str, str], tuple[int, float]] = {}
    for row in planned:
        label = transfer_label(row.tensor, row.source, row.target)
        if label in taken:
            before, now = sums.get((row.source, row.target), (0, 0))
            sums[row.source, row.target] = before + row.predicted_ns, now + taken[label] * scale

    def correct(cost: TransferCost) -> TransferCost:
        before, now = sums.get((cost.source, cost.target), (1, 1))
        factor = now / max(before, 1)
        return attrs.evolve(
            cost, overhead_ns=cost.overhead_ns * factor, ns_per_byte=cost.ns_per_byte * factor
        )

    return tuple(correct(cost) for cost in profile.transfers)
