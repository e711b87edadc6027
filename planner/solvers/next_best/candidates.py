"""The best solutions that differ in what they choose: first, second, third, …"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Protocol

from bnnplan.planner.problem import Problem
from bnnplan.planner.solvers import solve
from bnnplan.planner.solvers.base import Status
from bnnplan.planner.solvers.next_best.dividing import Division
from bnnplan.planner.solvers.next_best.labels import Labels
from bnnplan.planner.solvers.next_best.ranking import Candidate, Root, Search
from bnnplan.planner.solvers.structure import Graph, is_sum

ROOT_SHARE = 0.5
"""Of the time limit, for the best solution; the others are found from there."""
QUICK = frozenset({"dynamic-programming", "elimination"})
"""Methods that solve so fast that one problem a task is no matter,"""
FEW_TASKS = 60
"""if there are no more tasks: 200 cost 5 s for 5 solutions, which cuts find in 2 s."""


class Rest(Protocol):
    """What is left of the solutions."""

    def next(self) -> Candidate | None:
        """Give the best that differs enough from all before; None if none is found."""


def best_first(
    problems: Sequence[Problem],
    *,
    time_limit: float = 60.0,
    workers: int = 1,
    seed: int = 0,
    distance: int = 1,
    share: float = 0.01,
) -> Iterator[Candidate]:
    """Give the solutions that differ, the best by the first objective first.

    Parameters
    ----------
    problems : sequence of Problem
        The same tasks in the same order, with options of their own, which have the same name where
        they are the same: a solution of any of them counts.
    time_limit : float
        Seconds from the first solution that is asked for; what is known by then still comes.
    workers, seed
        As for every `Solver`.
    distance : int
        In so many tasks at least each candidate differs from all before.
    share : float
        Tasks that take less of the time in the best solution differ only by device; see
        :class:`~.labels.Labels`.
    """
    search = Search(problems, distance, time.perf_counter() + time_limit, workers, seed)
    roots, are_quick = _roots(search)
    found = [root for root in roots if root.solution is not None]
    if not found:
        return
    best = min(found, key=lambda root: root.solution.objective if root.solution else 0)
    assert best.solution is not None
    labels = Labels.of(problems[best.problem], best.solution.choice, share)
    rest = Division(roots, labels, search) if are_quick else _rest(roots, labels, search)
    while candidate := rest.next():
        yield candidate


def _roots(search: Search) -> tuple[list[Root], bool]:
    """The best solution of every problem that may have one, and whether that was quick."""
    roots = []
    are_quick = True
    for number, problem in enumerate(search.problems):
        result = solve(
            problem,
            time_limit=max(ROOT_SHARE * search.left / (len(search.problems) - number), 1e-3),
            workers=search.workers,
            seed=search.seed,
        )
        are_quick &= result.method in QUICK and len(problem.tasks) <= FEW_TASKS
        if result.status is not Status.INFEASIBLE:
            roots.append(Root(number, result.solution, result.bound or 0))
    return roots, are_quick


def _rest(roots: Sequence[Root], labels: Labels, search: Search) -> Rest:
    # Imported only here: ortools takes a second.
    from bnnplan.planner.solvers.cpsat.cuts import Cuts

    if all(not one.is_pipeline and is_sum(Graph(one)) for one in search.problems):
        return Cuts(roots, labels, search)
    return Division(roots, labels, search)
