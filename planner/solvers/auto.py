"""Chooses the method by the structure of the problem and by what is to be minimised."""

from __future__ import annotations

import time
from collections.abc import Sequence

from attrs import evolve

from bnnplan.planner.problem import Problem
from bnnplan.planner.solvers.base import SolverResult, Status, verified, with_bound
from bnnplan.planner.solvers.exact import dynamic_programming, elimination
from bnnplan.planner.solvers.exact.sums import TooWideError
from bnnplan.planner.solvers.features import EVERYTHING
from bnnplan.planner.solvers.presolve import undominated
from bnnplan.planner.solvers.restriction import Restriction, everything
from bnnplan.planner.solvers.structure import Graph, is_sum

SUPPORTS = EVERYTHING
COMPLETE = True

# The share of the time limit that may go into a start for CP-SAT where limits bind.
START_SHARE = 0.7


def solve(
    problem: Problem,
    *,
    time_limit: float = 60.0,
    workers: int = 1,
    seed: int = 0,
    hint: Sequence[int] | None = None,
) -> SolverResult:
    """Solve by the method that proves the most in the least time.

    A pipeline goes to the methods for pipelines. A sum (energy; latency where one thing runs at a
    time) is minimised by dynamic programming, which proves it where no limit binds. Otherwise
    CP-SAT has the last word: it starts from the plan, the bound and the options that are left by
    what came before. The result says which method it is from.
    """
    started = time.perf_counter()
    if problem.is_pipeline:
        from bnnplan.planner.solvers.pipelines import throughput

        return throughput.solve(
            problem, time_limit=time_limit, workers=workers, seed=seed, hint=hint
        )
    graph = Graph(problem)
    bound = 0
    restriction = Restriction(problem, everything(problem))
    if is_sum(graph):
        result = _unlimited(graph)
        if result is not None:
            if result.status in (Status.OPTIMAL, Status.INFEASIBLE):
                return result
            bound = result.bound or 0
            if result.solution is not None and hint is None:
                hint = result.solution.choice
        if graph.capacity:
            from bnnplan.planner.solvers.cpsat.start import start

            found = start(
                graph, undominated(graph), hint,
                time_limit=START_SHARE * time_limit, workers=workers, seed=seed,
            )  # fmt: skip
            bound = max(bound, found.bound)
            if found.best is not None:
                hint = found.best.choice
            useful = found.useful()
            if useful is not None:
                restriction = Restriction(problem, useful)
    elif hint is None:
        hint = _least_sum(graph)
    from bnnplan.planner.solvers.cpsat import latency as cpsat_latency

    result = cpsat_latency.solve(
        restriction.problem,
        time_limit=max(0.1, time_limit - (time.perf_counter() - started)),
        workers=workers,
        seed=seed,
        hint=None if hint is None else restriction.hint(hint),
    )
    if result.solution is not None:
        result = evolve(result, solution=restriction.back(result.solution))
    return verified(problem, with_bound(result, bound, time.perf_counter() - started))


def _unlimited(graph: Graph) -> SolverResult | None:
    """Minimise a sum, whatever the limits; None if the graph is too wide for that."""
    if graph.is_chain():
        return dynamic_programming.solve(graph.problem)
    try:
        return elimination.solve(graph.problem)
    except TooWideError:
        return None


def _least_sum(graph: Graph) -> Sequence[int] | None:
    """Give what would be best if one thing ran at a time."""
    try:
        least = elimination.least_sum(graph, undominated(graph))
    except TooWideError:
        return None
    return least[1] if least else None
