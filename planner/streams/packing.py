"""The best set of lineups that fit on a board together, each as often as there is room.

A knapsack with one measure for each cell, by dynamic programming over what is left of them:
exact, in whole numbers.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from fractions import Fraction

from attrs import frozen

from bnnplan.planner.streams.kinds import Takes, fits

Value = tuple[int, ...]
"""The rate first, which is a sum; then what decides between equal rates."""


@frozen
class Item:
    """A lineup that may be packed.

    Attributes
    ----------
    takes : Takes
    rate : int
        Frames in some fixed long time; above 0.
    costs : tuple of int
        Decide between sets of equal rates, the less the better, the first first: the largest of a
        set counts.
    """

    takes: Takes
    rate: int
    costs: tuple[int, ...] = ()


@frozen
class Packed:
    """A set of items.

    Attributes
    ----------
    rate : int
    costs : tuple of int
    items : tuple of int
        Numbers of items, as often as they are in it.
    """

    rate: int
    costs: tuple[int, ...]
    items: tuple[int, ...]

    def rank(self, decided: int) -> tuple[object, ...]:
        """The lesser, the better: rate, the first costs, few streams, then the other costs."""
        return -self.rate, self.costs[:decided], len(self.items), self.costs[decided:]


def pack(items: Sequence[Item], capacity: Takes, decided: int = 0) -> dict[Takes, Packed]:
    """The best set for every room of up to a capacity.

    Parameters
    ----------
    items : sequence of Item
        That take something each, and have equally many costs.
    capacity : Takes
    decided : int
        How many of the costs count before the number of streams does.
    """
    costs = len(items[0].costs) if items else 0
    best = {(0,) * len(capacity): Packed(0, (0,) * costs, ())}
    useful = _undominated(items, decided)
    for room in itertools.product(*(range(size + 1) for size in capacity)):
        found = [best[room]] if room in best else []
        for place, size in enumerate(room):
            if size:
                found.append(best[(*room[:place], size - 1, *room[place + 1 :])])
        for number in useful:
            item = items[number]
            if fits(item.takes, room):
                rest = best[tuple(a - b for a, b in zip(room, item.takes, strict=True))]
                most = tuple(max(a, b) for a, b in zip(rest.costs, item.costs, strict=True))
                found.append(Packed(rest.rate + item.rate, most, (*rest.items, number)))
        best[room] = min(found, key=lambda one: one.rank(decided))
    return best


def _undominated(items: Sequence[Item], decided: int) -> list[int]:
    """Of items that take the same, only the best one matters."""
    best: dict[Takes, int] = {}
    for number, item in enumerate(items):
        other = best.get(item.takes)
        if other is None or (-item.rate, item.costs) < (-items[other].rate, items[other].costs):
            best[item.takes] = number
    return list(best.values())


def period_of(periods: Sequence[int]) -> int:
    """The period of streams together, rounded up."""
    rate = sum(Fraction(1, max(period, 1)) for period in periods)
    return math.ceil(1 / rate)
