"""Exact for sums over narrow graphs: dynamic programming over any order of the tasks.

A task is eliminated by adding up the terms it occurs in and keeping, for every combination of its
neighbours, its best class of options. Chains go away first, since their tables are smallest;
networks with residual connections stay narrow: blocks go away one after the other. Limits are no
part of it: the least sum that keeps them is the optimum, any other one a bound.

Source: Dechter, "Bucket elimination: A unifying framework for reasoning", Artificial Intelligence
113, 1999.
"""

from __future__ import annotations

import heapq
import math
import time
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from bnnplan.planner.problem import Problem
from bnnplan.planner.solvers.base import SolverResult, Status, verified
from bnnplan.planner.solvers.bounds import Kept
from bnnplan.planner.solvers.exact.sums import WIDEST, Sum, Term, TooWideError
from bnnplan.planner.solvers.exact.tables import IMPOSSIBLE, Times, add
from bnnplan.planner.solvers.features import EVERYTHING, Feature
from bnnplan.planner.solvers.heuristics.list_scheduling import fitting
from bnnplan.planner.solvers.presolve import undominated
from bnnplan.planner.solvers.structure import Graph, is_sum

METHOD = "elimination"
SUPPORTS: frozenset[Feature] = EVERYTHING - {Feature.PIPELINE, Feature.MEMORY}
COMPLETE = False


def solve(
    problem: Problem,
    *,
    time_limit: float = 60.0,
    workers: int = 1,
    seed: int = 0,
    hint: Sequence[int] | None = None,
) -> SolverResult:
    """Solve a narrow problem; parameters and result as for every `Solver` (none is needed here).

    Raises
    ------
    TooWideError
        If the graph is too wide.
    """
    started = time.perf_counter()
    graph = Graph(problem)
    return stated(graph, least_sum(graph, undominated(graph)), METHOD, started)


def unsuited(graph: Graph) -> str:
    """Tell why the method is not for a problem; empty if it is."""
    if is_sum(graph):
        return ""
    return (
        "needs that only one thing can be busy at a time, and in "
        f"{graph.problem.name!r} devices can run concurrently"
    )


def stated(
    graph: Graph, least: tuple[int, list[int]] | None, method: str, started: float
) -> SolverResult:
    """Make the least sum and its choice a result: the optimum if it keeps all limits."""
    if least is None:
        return SolverResult(
            status=Status.INFEASIBLE,
            solution=None,
            objective=None,
            bound=None,
            runtime_s=time.perf_counter() - started,
            method=method,
            message="no combination of options can pass the tensors on",
        )
    bound, choice = least
    solution = fitting(graph, choice)
    if solution is None:
        status, message = Status.UNKNOWN, "the limits bind: use the method 'cpsat'"
    elif solution.objective <= bound:
        status, message = Status.OPTIMAL, ""
    else:
        status, message = Status.FEASIBLE, "contiguous parts have to wait: use the method 'cpsat'"
    result = SolverResult(
        status=status,
        solution=solution,
        objective=solution.objective if solution else None,
        bound=bound,
        runtime_s=time.perf_counter() - started,
        method=method,
        message=message,
    )
    return verified(graph.problem, result)


def least_sum(graph: Graph, kept: Kept) -> tuple[int, list[int]] | None:
    """Give the least sum of everything, whatever the limits, and its choice; None if there is none.

    Raises
    ------
    TooWideError
        If that needs larger tables than `WIDEST`.
    """
    total = Sum(graph, kept)
    own = []
    best: list[list[int]] = []
    for task, classes in enumerate(total.classes):
        options = graph.tasks[task].options
        best.append([min(some, key=lambda index: total.cost(options[index])) for some in classes])
        own.append(np.array([total.cost(options[index]) for index in best[-1]], dtype=np.int64))
    least = Elimination(total).least(own)
    if least is None:
        return None
    value, places = least
    return value, [best[task][place] for task, place in enumerate(places)]


class Elimination:
    """Finds the least sum of terms, again and again for other costs of the options.

    Parameters
    ----------
    total : Sum
        The terms.
    fine : int
        What they are multiplied by; so that the costs of options can be finer than whole numbers.

    Attributes
    ----------
    order, position : list of int
        The tasks in the order of elimination, and the place of each.
    entries : int
        Of all tables together.
    """

    def __init__(self, total: Sum, fine: int = 1) -> None:
        self.total = total
        self.terms = [
            Term(t.tasks, np.where(t.costs < IMPOSSIBLE, t.costs * fine, IMPOSSIBLE))
            for t in total.terms
        ]
        self.order = self._order()

    def least(self, own: Sequence[Times]) -> tuple[int, list[int]] | None:
        """Give the least value and the class of each task; None if there is none.

        Parameters
        ----------
        own : sequence of array
            For each task, the cost of each of its classes, multiplied as well; sums stay below
            `IMPOSSIBLE`.
        """
        mine = self._buckets(own)
        best: list[tuple[int, tuple[int, ...], npt.NDArray[np.intp]]] = []
        constant = 0
        for task in self.order:
            together = _sum(mine[task])
            axis = together.tasks.index(task)
            others = together.tasks[:axis] + together.tasks[axis + 1 :]
            best.append((task, others, together.costs.argmin(axis=axis)))
            costs = together.costs.min(axis=axis)
            if others:
                mine[self._first(others)].append(Term(others, costs))
            else:
                constant += int(costs)
        if constant >= IMPOSSIBLE:
            return None
        places = [0] * len(own)
        for task, others, argmin in reversed(best):
            places[task] = int(argmin[tuple(places[other] for other in others)])
        return constant, places

    def marginals(self, own: Sequence[Times]) -> list[Times]:
        """Give for each task and each of its classes the least value with it; else as `least`."""
        mine = self._buckets(own)
        passed: list[Term] = [Term((), np.zeros((), np.int64))] * len(own)
        children: list[list[int]] = [[] for _ in own]
        for task in self.order:
            together = _sum(mine[task])
            passed[task] = _least_over(together, {task})
            if passed[task].tasks:
                after = self._first(passed[task].tasks)
                mine[after].append(passed[task])
                children[after].append(task)
        whole = sum(int(term.costs) for term in passed if not term.tasks)
        found = [np.zeros(0, np.int64)] * len(own)
        outside = [Term((), np.array(whole - int(t.costs))) if not t.tasks else t for t in passed]
        for task in reversed(self.order):
            terms = [*mine[task], outside[task]]
            full = _sum(terms)
            found[task] = _least_over(full, {*full.tasks} - {task}).costs
            for child in children[task]:
                rest = _sum([term for term in terms if term is not passed[child]])
                outside[child] = _least_over(rest, {*rest.tasks} - {*passed[child].tasks})
        return found

    def _buckets(self, own: Sequence[Times]) -> list[list[Term]]:
        """Give for each task the terms to be added when it is eliminated."""
        mine: list[list[Term]] = [[Term((task,), costs)] for task, costs in enumerate(own)]
        for term in self.terms:
            mine[self._first(term.tasks)].append(term)
        return mine

    def _first(self, tasks: Iterable[int]) -> int:
        """Give the task that is eliminated first."""
        return min(tasks, key=self.position.__getitem__)

    def _order(self) -> list[int]:
        """Eliminate next what needs the smallest table."""
        sizes = self.total.sizes
        near: list[set[int]] = [{task} for task in range(len(sizes))]
        for term in self.total.terms:
            for task in term.tasks:
                near[task].update(term.tasks)

        def width(task: int) -> int:
            return math.prod(sizes[other] for other in near[task])

        queue = [(width(task), task) for task in range(len(sizes))]
        heapq.heapify(queue)
        order: list[int] = []
        self.position = [-1] * len(sizes)
        self.entries = 0
        while queue:
            size, task = heapq.heappop(queue)
            if self.position[task] >= 0 or size != width(task):
                continue
            if size > WIDEST:
                raise TooWideError("the graph is too wide to eliminate its tasks; use 'cpsat'")
            self.position[task] = len(order)
            self.entries += size
            order.append(task)
            others = near[task] - {task}
            for other in others:
                near[other] |= others
                near[other].discard(task)
                heapq.heappush(queue, (width(other), other))
        return order


def _sum(terms: Sequence[Term]) -> Term:
    """Add terms up over all of their tasks."""
    tasks = tuple(sorted({task for term in terms for task in term.tasks}))
    total = np.zeros([1] * len(tasks), dtype=np.int64)
    # The small ones first: most additions are then over few entries.
    for term in sorted(terms, key=lambda term: term.costs.size):
        shape = [1] * len(tasks)
        for task, length in zip(term.tasks, term.costs.shape, strict=True):
            shape[tasks.index(task)] = length
        total = add(total, term.costs.reshape(shape))
    return Term(tasks, total)


def _least_over(term: Term, tasks: set[int]) -> Term:
    """Take the least over some tasks."""
    axes = tuple(axis for axis, task in enumerate(term.tasks) if task in tasks)
    left = tuple(task for task in term.tasks if task not in tasks)
    return Term(left, np.asarray(term.costs.min(axis=axes) if axes else term.costs))
