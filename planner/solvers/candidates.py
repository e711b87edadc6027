"""The best solutions that differ in what they choose: first, second, third, …

The solutions of a problem are divided as Lawler does: the best one of a region is found by any
method; what is left of the region is divided into parts that each exclude one of its decisions, and
the best part is next. A part only has fewer options, so every method solves it, with memory,
schedules and pipelines, and where the method proves the best of every part, the order is proven.

Source: Lawler, "A procedure for computing the K best solutions to discrete optimization problems",
Management Science 18(7), 1972. Instead of the solution alone, a part here excludes all that are
nearer to an earlier solution than asked for.
"""

from __future__ import annotations

import heapq
import itertools
import time
from collections.abc import Iterator, Sequence

from attrs import evolve, field, frozen

from bnnplan.planner.problem import Option, Problem
from bnnplan.planner.solution import Solution
from bnnplan.planner.solvers import solve
from bnnplan.planner.solvers.base import SolverResult, Status

Label = tuple[str, str]
"""What counts of an option: its device, and its name where the task takes time."""
Allowed = tuple[tuple[int, ...], ...]
"""For each task, the positions of the options that are left."""

ROOT_SHARE = 0.5
"""Of the time limit, for the best solution; the others are found from there."""


@frozen
class Candidate:
    """One of the best solutions.

    Attributes
    ----------
    problem : int
        Which of the problems it solves.
    solution : Solution
    bound : int
        No solution that differs enough from all candidates before is below.
    """

    problem: int
    solution: Solution
    bound: int

    @property
    def proven(self) -> bool:
        """Whether it is certainly the best of those that differ from all before."""
        return self.bound >= self.solution.objective


@frozen
class Labels:
    """What distinguishes solutions.

    Solutions are compared by the devices of all tasks, and by the options of those tasks that take
    at least a `share` of the time of all in a solution to start from: there are always many ways to
    do what takes no time.
    """

    long: frozenset[int]

    @classmethod
    def of(cls, problem: Problem, choice: Sequence[int], share: float) -> Labels:
        """Tell from a solution which tasks take time."""
        options = [task.options[index] for task, index in zip(problem.tasks, choice, strict=True)]
        least = max(1, share * sum(option.duration for option in options))
        return cls(frozenset(t for t, option in enumerate(options) if option.duration >= least))

    def label(self, task: int, option: Option) -> Label:
        """What counts of an option of a task."""
        return option.device, option.name if task in self.long else ""

    def key(self, problem: Problem, choice: Sequence[int]) -> tuple[Label, ...]:
        """What counts of a choice."""
        pairs = zip(problem.tasks, choice, strict=True)
        return tuple(self.label(n, task.options[index]) for n, (task, index) in enumerate(pairs))


@frozen(order=True)
class _Region:
    """A part of the solutions of a problem, and the best of them that is known."""

    value: int
    number: int
    """Of equal values the first found is taken first."""
    bound: int = field(order=False)
    problem: int = field(order=False)
    allowed: Allowed = field(order=False)
    solution: Solution = field(order=False)


def k_best(
    problems: Sequence[Problem],
    count: int,
    *,
    time_limit: float = 60.0,
    workers: int = 1,
    seed: int = 0,
    distance: int = 1,
    share: float = 0.01,
) -> list[Candidate]:
    """Give the best solutions by the first objective that differ, the best first.

    Parameters
    ----------
    problems : sequence of Problem
        The same tasks in the same order, with options of their own, which have the same name where
        they are the same: a solution of any of them counts.
    count : int
        How many; fewer are given if there are no more, or if the time ends before.
    time_limit : float
        Seconds for all.
    workers, seed
        As for every `Solver`.
    distance : int
        In so many tasks at least each candidate differs from all before.
    share : float
        See :class:`Labels`.
    """
    search = _Search(problems, distance, time.perf_counter() + time_limit, workers, seed)
    search.begin(share)
    found: list[Candidate] = []
    while len(found) < count and (candidate := search.next()):
        found.append(candidate)
    return found


class _Search:
    def __init__(
        self, problems: Sequence[Problem], distance: int, end: float, workers: int, seed: int
    ) -> None:
        self.problems = problems
        self.distance = distance
        self.end = end
        self.workers = workers
        self.seed = seed
        self.open: list[_Region] = []
        self.unexplored: list[int] = []
        """Bounds of regions in which nothing was found, but might be."""
        self.taken: list[tuple[Label, ...]] = []
        self.labels = Labels(frozenset())
        self.numbers = itertools.count()

    def begin(self, share: float) -> None:
        """Find the best solution of every problem."""
        limit = ROOT_SHARE * self._left() / len(self.problems)
        for number, problem in enumerate(self.problems):
            everything = tuple(tuple(range(len(task.options))) for task in problem.tasks)
            self._explore(number, everything, 0, None, limit)
        if self.open:
            best = self.open[0]
            self.labels = Labels.of(self.problems[best.problem], best.solution.choice, share)

    def next(self) -> Candidate | None:
        """Give the best solution that differs enough from all before; None if none is found."""
        while self.open:
            region = heapq.heappop(self.open)
            key = self.labels.key(self.problems[region.problem], region.solution.choice)
            near = next((one for one in self.taken if self._is_near(one, key)), None)
            if near is None:
                self.taken.append(key)
                # What is left of the region is divided when it is its turn again.
                heapq.heappush(self.open, region)
                return Candidate(region.problem, region.solution, self._bound())
            if self._left() <= 0:
                self.unexplored.append(region.bound)
            else:
                self._divide(region, key, near)
        return None

    def _is_near(self, one: tuple[Label, ...], other: tuple[Label, ...]) -> bool:
        return sum(a != b for a, b in zip(one, other, strict=True)) < self.distance

    def _bound(self) -> int:
        """What no solution can be below that has not been given yet."""
        return min([*(region.bound for region in self.open), *self.unexplored])

    def _left(self) -> float:
        return self.end - time.perf_counter()

    def _divide(self, region: _Region, key: tuple[Label, ...], near: tuple[Label, ...]) -> None:
        """Divide a region, without those solutions that agree with `near` where its best one does."""
        parts = list(self._parts(region, key, near))
        limit = self._left() / 2 / max(len(parts), 1)
        for allowed in parts:
            self._explore(region.problem, allowed, region.bound, region.solution.choice, limit)

    def _parts(
        self, region: _Region, key: tuple[Label, ...], near: tuple[Label, ...]
    ) -> Iterator[Allowed]:
        """Give parts that have no solution in common: each has one decision more, and less."""
        allowed = list(region.allowed)
        tasks = self.problems[region.problem].tasks
        for task in range(len(tasks)):
            if key[task] != near[task]:
                continue
            options = tasks[task].options
            same = tuple(
                i for i in allowed[task] if self.labels.label(task, options[i]) == near[task]
            )
            other = tuple(i for i in allowed[task] if i not in same)
            if other:
                yield (*allowed[:task], other, *allowed[task + 1 :])
                allowed[task] = same

    def _explore(
        self, number: int, allowed: Allowed, bound: int, like: Sequence[int] | None, limit: float
    ) -> None:
        """Find the best solution of a region, and keep the region if there is one."""
        problem = self.problems[number]
        if (left := min(limit, self._left())) <= 0:
            self.unexplored.append(bound)
            return
        hint = [
            ways.index(like[task]) if like is not None and like[task] in ways else 0
            for task, ways in enumerate(allowed)
        ]
        result = solve(
            restricted(problem, allowed),
            time_limit=left,
            workers=self.workers,
            seed=self.seed,
            hint=hint,
        )
        self._keep(number, allowed, max(bound, result.bound or 0), result)

    def _keep(self, number: int, allowed: Allowed, bound: int, result: SolverResult) -> None:
        if result.solution is not None:
            found = result.solution
            choice = tuple(ways[i] for ways, i in zip(allowed, found.choice, strict=True))
            solution = evolve(found, choice=choice)
            turn = next(self.numbers)
            region = _Region(found.objective, turn, bound, number, allowed, solution)
            heapq.heappush(self.open, region)
        elif result.status is not Status.INFEASIBLE:
            self.unexplored.append(bound)


def restricted(problem: Problem, allowed: Allowed) -> Problem:
    """Give the problem with only some of the options of each task, in the order given."""
    tasks = [
        task
        if len(ways) == len(task.options)
        else evolve(task, options=tuple(task.options[index] for index in ways))
        for task, ways in zip(problem.tasks, allowed, strict=True)
    ]
    return evolve(problem, tasks=tuple(tasks))
