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
    hops : int
        Places where a batch is handed on, which take a little that no problem knows of.
    """

    takes: Takes
    rate: int
    costs: tuple[int, ...] = ()
    hops: int = 0


@frozen
class Packed:
    """A set of items.

    Attributes
    ----------
    rate : int
    costs : tuple of int
    items : tuple of int
        Numbers of items, as often as they are in it.
    hops : int
    """

    rate: int
    costs: tuple[int, ...]
    items: tuple[int, ...]
    hops: int = 0

    def rank(self, decided: int, equal: int) -> tuple[object, ...]:
        """The lesser, the better: rate, first costs, few hops, few streams, then other costs."""
        rate = (self.rate + equal // 2) // equal
        return -rate, self.costs[:decided], self.hops, len(self.items), self.costs[decided:]


def pack(
    items: Sequence[Item], capacity: Takes, decided: int = 0, equal: int = 1
) -> dict[Takes, Packed]:
    """The best set for every room of up to a capacity.

    Parameters
    ----------
    items : sequence of Item
        That take something each, and have equally many costs.
    capacity : Takes
    decided : int
        How many of the costs count before the number of streams does.
    equal : int
        What rates are rounded to before they are compared, since sums of rounded ones differ a bit
        from what they stand for.
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
                rate, hops = rest.rate + item.rate, rest.hops + item.hops
                found.append(Packed(rate, most, (*rest.items, number), hops))
        best[room] = min(found, key=lambda one: one.rank(decided, equal))
    return best


def _undominated(items: Sequence[Item], decided: int) -> list[int]:
    """Of items that take the same, only the best one matters."""

    def rank(number: int) -> tuple[object, ...]:
        item = items[number]
        return -item.rate, item.costs[:decided], item.hops, item.costs[decided:]

    best: dict[Takes, int] = {}
    for number, item in enumerate(items):
        best[item.takes] = min(best.get(item.takes, number), number, key=rank)
    return list(best.values())


def period_of(periods: Sequence[int]) -> int:
    """The period of streams together, rounded up."""
    rate = sum(Fraction(1, max(period, 1)) for period in periods)
    return math.ceil(1 / rate)
