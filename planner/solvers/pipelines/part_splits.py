"""Parts cut from a few orders of the tasks, each at the best places.

Exact where there is only one order, as in a chain; elsewhere without proof. It is for pipelines
of contiguous devices that pay for their own transfers alone.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from bnnplan.planner.problem import Problem
from bnnplan.planner.solution import Solution
from bnnplan.planner.solvers.base import SolverResult, Status, verified
from bnnplan.planner.solvers.checking.checker import check
from bnnplan.planner.solvers.features import Feature
from bnnplan.planner.solvers.interruption import over
from bnnplan.planner.solvers.pipelines.part_cuts import best_split, orders
from bnnplan.planner.solvers.pipelines.part_problem import PartProblem, part_problem
from bnnplan.planner.solvers.presolve import undominated
from bnnplan.planner.solvers.schedules.loads import least_period
from bnnplan.planner.solvers.schedules.pipelining import pipelined
from bnnplan.planner.solvers.structure import Graph

METHOD = "part-splits"
SUPPORTS = frozenset({Feature.PIPELINE, Feature.EXPORTS, Feature.CONTIGUOUS, Feature.COLOCATED})
COMPLETE = False
REQUIRES = frozenset({Feature.PIPELINE, Feature.CONTIGUOUS})


def solve(
    problem: Problem,
    *,
    time_limit: float = 60.0,
    workers: int = 1,
    seed: int = 0,
    hint: Sequence[int] | None = None,
) -> SolverResult:
    """Cut the best parts; parameters and result as for every `Solver`."""
    started = time.perf_counter()
    graph = Graph(problem)
    kept = undominated(graph)
    parts = part_problem(graph, kept)
    assert parts is not None, "of another kind, see unsuited"
    deadline = started + time_limit
    best = best_parts(graph, parts, deadline)
    bound = least_period(graph, kept)
    if best is not None and parts.is_line:
        bound = best.objective
    status = Status.UNKNOWN
    if best is not None:
        status = Status.OPTIMAL if best.objective <= bound else Status.FEASIBLE
    message = "no cut keeps all limits: use the method 'cpsat'"
    if over(deadline):
        message = "no cut found within the time limit"
    result = SolverResult(
        status=status,
        solution=best,
        objective=best.objective if best else None,
        bound=bound,
        runtime_s=time.perf_counter() - started,
        method=METHOD,
        message="" if best else message,
    )
    return verified(problem, result)


def unsuited(graph: Graph) -> str:
    """Tell why the method is not for a problem; empty if it is."""
    if part_problem(graph, undominated(graph)) is not None:
        return ""
    return (
        "is for the least period of contiguous devices that pay for their own transfers alone, "
        "without limits"
    )


def best_parts(graph: Graph, problem: PartProblem, deadline: float) -> Solution | None:
    """Give the best solution of a few orders; None if none keeps all limits.

    Orders that are not cut at `deadline` (of ``time.perf_counter``) are left out.
    """
    best: Solution | None = None
    for order in orders(problem):
        if over(deadline):
            break
        split = best_split(problem, order, deadline)
        found = pipelined(graph, problem.choice(graph, split[1])) if split else None
        if found is None or check(graph.problem, found):
            continue
        if best is None or found.objective < best.objective:
            best = found
    return best
