"""Chooses the method by the structure of the problem."""

from __future__ import annotations

import time
from collections.abc import Sequence

from attrs import evolve

from bnnplan.planner.problem import Problem
from bnnplan.planner.solvers import dynamic_programming, elimination
from bnnplan.planner.solvers.base import SolverResult, Status, verified
from bnnplan.planner.solvers.features import Feature
from bnnplan.planner.solvers.presolve import undominated
from bnnplan.planner.solvers.structure import Graph, one_at_a_time

SUPPORTS: frozenset[Feature] = frozenset()

# The share of the time limit that may go into a start for CP-SAT where memory is limited.
START_SHARE = 0.2


def solve(
    problem: Problem,
    *,
    time_limit: float = 60.0,
    workers: int = 1,
    seed: int = 0,
    hint: Sequence[int] | None = None,
) -> SolverResult:
    """Solve by dynamic programming where that proves the optimum, else by CP-SAT.

    The result says which method it is from. Where dynamic programming proves nothing, since the
    memory limits bind or devices can run concurrently, it still gives CP-SAT a start and a bound.
    """
    started = time.perf_counter()
    graph = Graph(problem)
    bound = 0
    result: SolverResult | None
    if graph.is_chain():
        result = dynamic_programming.solve(problem)
    elif one_at_a_time(graph):
        result = _eliminated(problem)
    else:
        result = None
    if result is not None:
        if result.status is Status.OPTIMAL:
            return result
        bound = result.bound or 0
    if hint is None:
        hint = _start(graph, deadline=started + START_SHARE * time_limit)
    from bnnplan.planner.solvers import cpsat_latency

    result = cpsat_latency.solve(
        problem,
        time_limit=max(0.1, time_limit - (time.perf_counter() - started)),
        workers=workers,
        seed=seed,
        hint=hint,
    )
    return verified(problem, _with_bound(result, bound, time.perf_counter() - started))


def _eliminated(problem: Problem) -> SolverResult | None:
    try:
        return elimination.solve(problem)
    except elimination.TooWideError:
        return None


def _start(graph: Graph, *, deadline: float) -> Sequence[int] | None:
    """Give the plan that is best one thing after the other, within the memory limits."""
    kept = undominated(graph)
    try:
        if not graph.capacity:
            return elimination.least_sum(graph, kept)
        solution = elimination.cheapest_fitting(graph, kept, deadline=deadline)
    except elimination.TooWideError:
        return None
    return solution.choice if solution else None


def _with_bound(result: SolverResult, bound: int, runtime_s: float) -> SolverResult:
    """Add what is known besides to a result."""
    if result.status is Status.INFEASIBLE:
        return evolve(result, runtime_s=runtime_s)
    bound = max(bound, result.bound or 0)
    proven = result.objective is not None and result.objective <= bound
    status = Status.OPTIMAL if proven else result.status
    return evolve(result, bound=bound, status=status, runtime_s=runtime_s)
