"""Chooses the method for a pipeline by its structure.

A line of parts has only one order, which is cut at the best places. Small pipelines are solved by
fronts of loads, in a fraction of what CP-SAT needs to begin. Everything else is for CP-SAT, which
starts from what was found.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from bnnplan.planner.problem import Problem
from bnnplan.planner.solvers.base import SolverResult, Status, verified, with_bound
from bnnplan.planner.solvers.pipelines import load_fronts, part_splits
from bnnplan.planner.solvers.pipelines.part_problem import part_problem
from bnnplan.planner.solvers.presolve import undominated
from bnnplan.planner.solvers.structure import Graph

# Options of all tasks, dominated ones apart, up to which fronts of loads are tried.
SMALL = 250


def solve(
    problem: Problem,
    *,
    time_limit: float = 60.0,
    workers: int = 1,
    seed: int = 0,
    hint: Sequence[int] | None = None,
) -> SolverResult:
    """Solve a pipeline; parameters and result as for every `Solver`."""
    started = time.perf_counter()
    graph = Graph(problem)
    kept = undominated(graph)
    bound = 0
    parts = part_problem(graph, kept)
    if parts is not None and parts.is_line:
        found = part_splits.solve(problem, time_limit=time_limit)
        if found.status is Status.OPTIMAL:
            return found
    if parts is None and load_fronts.applies(graph) and sum(map(len, kept)) <= SMALL:
        found = load_fronts.solve(problem, time_limit=time_limit, hint=hint)
        if found.status in (Status.OPTIMAL, Status.INFEASIBLE):
            return found
        bound = found.bound or 0
        hint = found.solution.choice if found.solution else hint
    from bnnplan.planner.solvers.cpsat import throughput as cpsat_throughput

    left = max(0.1, time_limit - (time.perf_counter() - started))
    result = cpsat_throughput.solve(problem, time_limit=left, workers=workers, seed=seed, hint=hint)
    return verified(problem, with_bound(result, bound, time.perf_counter() - started))
