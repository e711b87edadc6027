"""Better bounds where memory binds: prices for parts of the choices.

Good prices mix choices that are far from each other: one has a whole region of the graph on one
device, another on another one. No real plan is such a mixture, it has to pay for the borders
between regions. So a task in the middle of a region that they differ in is fixed to each of its
classes in turn, and every part gets prices of its own. A few such tasks decide where all regions
lie, and then the bound is close and the choices are too.

Source: Land, Doig, "An automatic method of solving discrete programming problems", Econometrica
28(3), 1960.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Mapping, Sequence

import numpy as np
from attrs import field, frozen

from bnnplan.planner.solvers.prices.priced import Explored
from bnnplan.planner.solvers.prices.pricing import Pricing
from bnnplan.planner.solvers.structure import Graph

ROUNDS = 12
"""Prices that are tried for a part."""
COMPARED = 5
"""Choices of a part, those with the best bounds, that are compared to find where they differ."""
FAR = 1.1
"""How much above the least bound others are all alike, where no plan is known."""
OFF_CENTRE = 0.1
"""What a place off the middle of a region weighs against what fixing it adds to the bounds."""


@frozen(order=True)
class Part:
    """The choices with the classes of some tasks fixed; ordered by bound, then by age.

    Attributes
    ----------
    bound, number : int
    fixed : mapping of int to int
        Classes by task.
    explored : Explored
        What is known of it, or else of the part that it was divided from.
    is_explored : bool
        Which of the two.
    """

    bound: int
    number: int
    fixed: Mapping[int, int] = field(order=False)
    explored: Explored = field(order=False)
    is_explored: bool = field(order=False)


class Branching:
    """Parts that all better solutions are in.

    Parameters
    ----------
    graph : Graph
    pricing : Pricing
    root : Explored
        What it found for all choices.

    Attributes
    ----------
    open : list of Part
        A heap of those that can be looked at further.
    """

    def __init__(self, graph: Graph, pricing: Pricing, root: Explored) -> None:
        self.graph = graph
        self.pricing = pricing
        self.count = 0
        self.open = [Part(root.bound, 0, {}, root, True)]
        self.closed = math.inf

    @property
    def bound(self) -> float:
        """No solution that is better than the one known is below it; infinite if there is none."""
        return min(self.closed, self.open[0].bound if self.open else math.inf)

    def step(self, most: float, deadline: float) -> None:
        """Look for prices of the part with the least bound, or divide it if that is done.

        Parameters
        ----------
        most : float
            The objective of a plan that is known, else infinite: parts that have no better one
            are left out.
        deadline : float
            Of ``time.perf_counter``; ended by it, the part may stay as it is.
        """
        part = heapq.heappop(self.open)
        if part.bound >= most:
            return
        if part.is_explored:
            self._divide(part, most)
            return
        pricing, start = self.pricing, part.explored.prices
        explored = pricing.explore(part.fixed, start, deadline, rounds=ROUNDS, enough=most)
        if explored is not None:
            bound = max(part.bound, explored.bound)
            heapq.heappush(self.open, Part(bound, part.number, part.fixed, explored, True))

    def _divide(self, part: Part, most: float) -> None:
        marginals = self.pricing.class_marginals(part.explored.prices, part.fixed)
        task = self._middle(part, marginals, min(most, FAR * part.bound))
        if task is None:
            self.closed = min(self.closed, part.bound)
            return
        for place, value in enumerate(marginals[task]):
            if value < most:
                self.count += 1
                bound, fixed = max(part.bound, value), {**part.fixed, task: place}
                one = Part(bound, self.count, fixed, part.explored, False)
                heapq.heappush(self.open, one)

    def _middle(self, part: Part, marginals: Sequence[Sequence[int]], least: float) -> int | None:
        """Give a task amid the largest region in which the best choices differ, or amid all.

        None if all of them are fixed.
        """
        order = self.graph.order
        for begin, end in (_longest(self._differs(part)), (0, len(order))):
            free = [at for at in range(begin, end) if order[at] not in part.fixed]
            if free:
                break
        centre, length = (begin + end - 1) / 2, end - begin

        def worth(at: int) -> float:
            rises = [min(value, least) - part.bound for value in marginals[order[at]]]
            off = abs(at - centre) / length
            return sum(rises) / max(1, least - part.bound) - OFF_CENTRE * off * len(rises)

        return order[max(free, key=worth)] if free else None

    def _differs(self, part: Part) -> list[bool]:
        """Tell for each task, in the order of the graph, whether good choices differ in it."""
        ranked = sorted(part.explored.choices, key=lambda one: -one[0])[:COMPARED]
        places = np.array([self.pricing.places(choice) for _, choice in ranked])
        differs: list[bool] = (places != places[0]).any(axis=0)[self.graph.order].tolist()
        return differs


def _longest(marks: Sequence[bool]) -> tuple[int, int]:
    """Give begin and end of the longest run of marks; a single gap does not end it."""
    best, begin, last = (0, 0), None, 0
    for at, mark in enumerate(marks):
        if not mark:
            continue
        if begin is None or at - last > 2:
            begin = at
        last = at
        best = max(best, (begin, at + 1), key=lambda run: run[1] - run[0])
    return best
