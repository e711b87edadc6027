"""How uncertain the sum of many costs is, where some of them are predicted."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

from bnnplan.planner.profile import Origin, PlacementCost


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
    if all(cost.origin is Origin.MEASURED for _, cost in chosen.values()):
        return None
    below: dict[tuple[str, ...], int] = defaultdict(int)
    above: dict[tuple[str, ...], int] = defaultdict(int)
    for name, (kind, cost) in chosen.items():
        shared = (kind, cost.device, cost.configuration.variant)
        key = (name,) if cost.origin is Origin.MEASURED else shared
        below[key] += cost.time.median - cost.time.low
        above[key] += cost.time.high - cost.time.median
    return (
        max(0, whole - round(math.hypot(*below.values()))),
        whole + round(math.hypot(*above.values())),
    )


def least_known(origins: Iterable[Origin]) -> Origin:
    """How the whole is known of which the costs are: no better than any of them."""
    ranks = list(Origin)
    return max(origins, key=ranks.index, default=Origin.MEASURED)


def origins_text(origins: Iterable[Origin]) -> str:
    """How many layers' costs are known how: ``3 measured, 2 predicted``."""
    counts = Counter(origins)
    return ", ".join(f"{counts[origin]} {origin}" for origin in Origin if counts[origin])
