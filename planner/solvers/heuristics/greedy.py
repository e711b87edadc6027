"""HEP-BNN's greedy choice: the fastest option of each task, transfers ignored.

The plan is then evaluated with the transfers, as it would run. Source: HEP-BNN, "A Framework for
Finding Low-Latency Execution Configurations of BNNs on Heterogeneous Multiprocessor Platforms".
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from bnnplan.planner.problem import Problem
from bnnplan.planner.solvers.base import SolverResult, Status, verified
from bnnplan.planner.solvers.checking.checker import check
from bnnplan.planner.solvers.features import EVERYTHING
from bnnplan.planner.solvers.heuristics.list_scheduling import fitting
from bnnplan.planner.solvers.heuristics.starts import fastest
from bnnplan.planner.solvers.schedules.solutions import impossible, solution_of
from bnnplan.planner.solvers.structure import Graph

METHOD = "greedy"
SUPPORTS = EVERYTHING
COMPLETE = False


def solve(
    problem: Problem,
    *,
    time_limit: float = 60.0,
    workers: int = 1,
    seed: int = 0,
    hint: Sequence[int] | None = None,
) -> SolverResult:
    """Give the greedy plan; parameters and result as for every `Solver` (none is needed here)."""
    started = time.perf_counter()
    graph = Graph(problem)
    return stated(problem, graph, greedy_choice(graph), METHOD, started)


def greedy_choice(graph: Graph) -> list[int]:
    """Choose the option of least duration for each task, the first of equal ones."""
    return fastest(graph, [range(len(task.options)) for task in graph.tasks])


def stated(
    problem: Problem, graph: Graph, choice: Sequence[int], method: str, started: float,
    message: str = "", order: Sequence[int] | None = None,
) -> SolverResult:  # fmt: skip
    """Make a fixed choice a result: feasible if it keeps all rules, else unknown and why.

    `order` is of its tasks, for one inference; by default it is by ranks.
    """
    solution = fitting(graph, choice, order)
    if solution is None:
        tried = solution_of(graph, choice)
        fault = check(problem, tried)[0].message if tried else impossible(graph, choice)
        message = "; ".join(filter(None, (message, fault)))
    result = SolverResult(
        status=Status.FEASIBLE if solution else Status.UNKNOWN,
        solution=solution,
        objective=solution.objective if solution else None,
        bound=None,
        runtime_s=time.perf_counter() - started,
        method=method,
        message=message,
    )
    return verified(problem, result)
