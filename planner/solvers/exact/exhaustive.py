"""Every choice and every schedule of a small problem: the oracle of the other methods."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Sequence

from bnnplan.planner.problem import Problem
from bnnplan.planner.solution import Solution
from bnnplan.planner.solvers.base import SolverError, SolverResult, Status, verified
from bnnplan.planner.solvers.checking.checker import check
from bnnplan.planner.solvers.exact.all_schedules import Search
from bnnplan.planner.solvers.features import EVERYTHING
from bnnplan.planner.solvers.heuristics.wishes import keeps_wishes
from bnnplan.planner.solvers.interruption import over
from bnnplan.planner.solvers.schedules.pipelining import pipelined
from bnnplan.planner.solvers.structure import Graph

METHOD = "exhaustive"
SUPPORTS = EVERYTHING
COMPLETE = True

MOST_CHOICES = 20_000
MOST_ACTIVITIES = 24


def solve(
    problem: Problem,
    *,
    time_limit: float = 60.0,
    workers: int = 1,
    seed: int = 0,
    hint: Sequence[int] | None = None,
) -> SolverResult:
    """Try everything; parameters and result as for every `Solver`.

    Raises
    ------
    SolverError
        If the problem is too large for that.
    """
    started = time.perf_counter()
    deadline = started + time_limit
    choices = math.prod(len(task.options) for task in problem.tasks)
    activities = len(problem.tasks) + len(problem.edges)
    if choices > MOST_CHOICES or activities > MOST_ACTIVITIES:
        raise SolverError(
            f"method {METHOD!r} is for small problems: at most {MOST_CHOICES} choices and "
            f"{MOST_ACTIVITIES} tasks and edges, not about 10^{math.log10(choices):.0f} and "
            f"{activities}; use 'cpsat'"
        )
    graph = Graph(problem)
    best: Solution | None = None
    for choice in itertools.product(*(range(len(task.options)) for task in problem.tasks)):
        if over(deadline):
            break
        best = _better(graph, choice, best, deadline)
    # The search of the last choice may not have come to its end either.
    complete = not over(deadline)
    if best is None:
        status = Status.INFEASIBLE if complete else Status.UNKNOWN
    else:
        status = Status.OPTIMAL if complete else Status.FEASIBLE
    objective = best.objective if best else None
    result = SolverResult(
        status=status,
        solution=best,
        objective=objective,
        bound=objective if complete else None,
        runtime_s=time.perf_counter() - started,
        method=METHOD,
        message="no choice and order keeps all limits" if status is Status.INFEASIBLE else "",
    )
    return verified(problem, result)


def _better(
    graph: Graph, choice: Sequence[int], best: Solution | None, deadline: float
) -> Solution | None:
    """Give the best solution of `choice` if it is better than `best`, else `best`."""
    measure = graph.problem.objectives[0]
    if graph.problem.is_pipeline:
        found = pipelined(graph, choice)
        if found is None or (best is not None and found.objective >= best.objective):
            return best
        return best if check(graph.problem, found) else found
    if not keeps_wishes(graph, choice):
        return best
    most = {limit.measure: limit.most for limit in graph.problem.limits}
    if best is not None:
        most[measure] = min(best.objective - 1, most.get(measure, best.objective))
    return Search(graph, choice, deadline).best(measure, most) or best
