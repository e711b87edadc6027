"""The next best solutions by dividing what is left, for every kind of problem.

The best solution of a region is found by any method; what is left of the region is divided into
parts that each exclude one of its decisions, and the best part is next. A part only has fewer
options, so every method solves it, with memory, schedules and pipelines, and where the method
proves the best of every part, the order is proven.

Source: Lawler, "A procedure for computing the K best solutions to discrete optimization problems",
Management Science 18(7), 1972. Instead of the solution alone, a part here excludes all that are
nearer to an earlier solution than asked for.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterator, Sequence

from attrs import field, frozen

from bnnplan.planner.problem import Problem
from bnnplan.planner.solution import Solution
from bnnplan.planner.solvers import solve
from bnnplan.planner.solvers.base import Status
from bnnplan.planner.solvers.next_best.labels import Key, Labels, differences
from bnnplan.planner.solvers.next_best.ranking import Candidate, Root, Search
from bnnplan.planner.solvers.restriction import Allowed, Restriction, everything


@frozen(order=True)
class _Region:
    """A part of the solutions of a problem, and the best of them that is known."""

    value: int
    turn: int
    """Of equal values the one that was found first is taken first."""
    bound: int = field(order=False)
    problem: int = field(order=False)
    allowed: Allowed = field(order=False)
    solution: Solution = field(order=False)


class Division:
    """What is left of the solutions of some problems, the best first.

    Parameters
    ----------
    roots : sequence of Root
        One for each problem that may have a solution.
    labels : Labels
    search : Search
    """

    def __init__(self, roots: Sequence[Root], labels: Labels, search: Search) -> None:
        self.problems: Sequence[Problem] = search.problems
        self.search = search
        self.labels = labels
        self.open: list[_Region] = []
        self.unexplored: list[int] = []
        """Bounds of regions in which nothing was found, but might be."""
        self.taken: list[Key] = []
        self.turns = itertools.count()
        for root in roots:
            self._keep(root, everything(self.problems[root.problem]))

    def next(self) -> Candidate | None:
        """Give the best solution that differs enough from all before; None if none is found."""
        while self.open:
            region = heapq.heappop(self.open)
            key = self.labels.key(self.problems[region.problem], region.solution.choice)
            near = (one for one in self.taken if differences(one, key) < self.search.distance)
            if (nearest := next(near, None)) is None:
                self.taken.append(key)
                # What is left of the region is divided when it is its turn again.
                heapq.heappush(self.open, region)
                bounds = [*(one.bound for one in self.open), *self.unexplored]
                return Candidate(region.problem, region.solution, min(bounds))
            if self.search.left <= 0:
                self.unexplored.append(region.bound)
            else:
                self._divide(region, key, nearest)
        return None

    def _divide(self, region: _Region, key: Key, near: Key) -> None:
        """Divide a region, less all that agrees with `near` wherever its best solution does."""
        parts = list(self._parts(region, key, near))
        limit = self.search.left / 2 / max(len(parts), 1)
        for allowed in parts:
            self._explore(region, allowed, limit)

    def _parts(self, region: _Region, key: Key, near: Key) -> Iterator[Allowed]:
        """Give parts without a common solution: each has one decision more, and another less."""
        allowed = list(region.allowed)
        for task, (mine, its) in enumerate(zip(key, near, strict=True)):
            if mine != its:
                continue
            options = self.problems[region.problem].tasks[task].options
            same = [i for i in allowed[task] if self.labels.label(task, options[i]) == mine]
            if other := tuple(i for i in allowed[task] if i not in same):
                yield (*allowed[:task], other, *allowed[task + 1 :])
                allowed[task] = tuple(same)

    def _explore(self, region: _Region, allowed: Allowed, limit: float) -> None:
        """Find the best solution of a part of a region."""
        if (left := min(limit, self.search.left)) <= 0:
            self.unexplored.append(region.bound)
            return
        part = Restriction(self.problems[region.problem], allowed)
        result = solve(
            part.problem,
            time_limit=left,
            workers=self.search.workers,
            seed=self.search.seed,
            hint=part.hint(region.solution.choice),
        )
        if result.status is not Status.INFEASIBLE:
            solution = None if result.solution is None else part.back(result.solution)
            bound = max(region.bound, result.bound or 0)
            self._keep(Root(region.problem, solution, bound), allowed)

    def _keep(self, root: Root, allowed: Allowed) -> None:
        """Keep a region if there is a solution, else that there might be."""
        if root.solution is None:
            self.unexplored.append(root.bound)
            return
        value, turn = root.solution.objective, next(self.turns)
        region = _Region(value, turn, root.bound, root.problem, allowed, root.solution)
        heapq.heappush(self.open, region)
