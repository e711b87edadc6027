"""How uncertain the sum of many costs is, where some of them are predicted."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from attrs import frozen

from bnnplan.planner.profile import Origin, PlacementCost, Time


@frozen
class Doubt:
    """How far the cost of a layer may be off.

    Parameters
    ----------
    shared : tuple of str
        What is the same for all costs that are off the same way.
    below, above : int
        Nanoseconds from the median to the ends of its interval.
    measured : bool
    """

    shared: tuple[str, ...]
    below: int
    above: int
    measured: bool


def doubt_of(name: str, kind: str, cost: PlacementCost, time: Time) -> Doubt:
    """The doubt of a layer's cost, of which a time is taken: alone, or under load."""
    measured = cost.origin is Origin.MEASURED
    shared = (name,) if measured else (kind, cost.device, cost.configuration.variant)
    return Doubt(shared, time.median - time.low, time.high - time.median, measured)


def margins(doubts: Iterable[Doubt]) -> tuple[float, float]:
    """How far below and above the sum of costs may be, nanoseconds.

    Doubts that share what predicted them add up, of the others the squares do.
    """
    below: dict[tuple[str, ...], int] = defaultdict(int)
    above: dict[tuple[str, ...], int] = defaultdict(int)
    for one in doubts:
        below[one.shared] += one.below
        above[one.shared] += one.above
    return math.hypot(*below.values()), math.hypot(*above.values())


def shares(doubts: Sequence[Doubt]) -> tuple[float, float]:
    """What share of its own margin, below and above, each cost is off at the ends of their sum."""
    below, above = margins(doubts)
    return (
        below / max(sum(one.below for one in doubts), 1),
        above / max(sum(one.above for one in doubts), 1),
    )


def interval_of(
    whole: int, chosen: Mapping[str, tuple[str, PlacementCost]]
) -> tuple[int, int] | None:
    """Where a latency lies in 95 of 100 cases by what its costs state; None if all are measured.

    Errors of what one model predicted (layers of one kind on one device in one kernel variant) are
    taken to go all the same way, so they add up; those of different models, and of measurements,
    for independent, so the squares of their half intervals add up. Transfers and launches count as
    exact, and layers that run at the same time as if each made the whole longer.

    Parameters
    ----------
    whole : int
        The latency.
    chosen : mapping of str to (str, PlacementCost)
        Kind of layer, and cost, by layer.
    """
    doubts = [doubt_of(name, kind, cost, cost.time) for name, (kind, cost) in chosen.items()]
    if all(one.measured for one in doubts):
        return None
    below, above = margins(doubts)
    return max(0, whole - round(below)), whole + round(above)


def period_interval(period: int, costs: Iterable[tuple[str, int, Doubt]]) -> tuple[int, int] | None:
    """Where the period of a stream lies by what its costs state; None if all are measured.

    The rule of :func:`interval_of` holds for what each device works for a batch. The period is that
    of the busiest device, where all of them are at the same end at once.

    Parameters
    ----------
    period : int
    costs : iterable of (str, int, Doubt)
        Of each layer: device, nanoseconds with the launch before it, and how far these may be off.
    """
    work: dict[str, int] = defaultdict(int)
    doubts: dict[str, list[Doubt]] = defaultdict(list)
    for device, taken, doubt in costs:
        work[device] += taken
        doubts[device].append(doubt)
    if all(one.measured for mine in doubts.values() for one in mine):
        return None
    off = {device: margins(mine) for device, mine in doubts.items()}
    most = max(work.values())
    below = most - max(work[device] - one for device, (one, _) in off.items())
    above = max(work[device] + one for device, (_, one) in off.items()) - most
    return max(0, period - round(below)), period + round(above)


def least_known(origins: Iterable[Origin]) -> Origin:
    """How the whole is known of which the costs are: no better than any of them."""
    ranks = list(Origin)
    return max(origins, key=ranks.index, default=Origin.MEASURED)


def origins_text(origins: Iterable[Origin]) -> str:
    """How many layers' costs are known how: ``3 measured, 2 predicted``."""
    counts = Counter(origins)
    return ", ".join(f"{counts[origin]} {origin}" for origin in Origin if counts[origin])
