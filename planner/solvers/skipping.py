"""What is known of a problem that no method has looked at: a bound that needs no search."""

from __future__ import annotations

import time

from bnnplan.planner.problem import Problem
from bnnplan.planner.solvers.base import SolverResult, Status
from bnnplan.planner.solvers.bounds import least_objective
from bnnplan.planner.solvers.structure import Graph, one_at_a_time


def unsearched(problem: Problem, method: str) -> SolverResult:
    """Give the result of a method that Ctrl-C has kept from beginning."""
    started = time.perf_counter()
    graph = Graph(problem)
    every = [range(len(task.options)) for task in graph.tasks]
    return SolverResult(
        status=Status.UNKNOWN,
        solution=None,
        objective=None,
        bound=least_objective(graph, every, serial=one_at_a_time(graph)),
        runtime_s=time.perf_counter() - started,
        method=method,
        interrupted=True,
    )
