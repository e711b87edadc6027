"""Exact for chains: the shortest way through the options of one task after the other.

The memory limits are not part of the recursion. If the fastest plan without them keeps them, it is
the optimum; if not, its latency is still a bound, and the method says that it does not apply.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from bnnplan.planner.problem import Option, Problem
from bnnplan.planner.solvers.base import SolverError, SolverResult, Status, verified
from bnnplan.planner.solvers.checking import check
from bnnplan.planner.solvers.evaluation import schedule
from bnnplan.planner.solvers.features import Feature
from bnnplan.planner.solvers.structure import Graph, Link
from bnnplan.planner.solvers.tables import IMPOSSIBLE, Times, add, spread

METHOD = "dynamic-programming"
SUPPORTS: frozenset[Feature] = frozenset()


def solve(
    problem: Problem,
    *,
    time_limit: float = 60.0,
    workers: int = 1,
    seed: int = 0,
    hint: Sequence[int] | None = None,
) -> SolverResult:
    """Solve a chain; parameters and result as for every `Solver` (none of them is needed here).

    Raises
    ------
    SolverError
        If the problem is not a chain.
    """
    started = time.perf_counter()
    graph = Graph(problem)
    if not graph.is_chain():
        raise SolverError(
            f"method {METHOD!r} solves chains, and {problem.name!r} is none: a task has several "
            "inputs or readers; use the method 'cpsat'"
        )
    choice = _shortest(graph)
    if choice is None:
        return SolverResult(
            Status.INFEASIBLE, None, None, None, time.perf_counter() - started, METHOD,
            "no combination of options can pass the tensors on",
        )  # fmt: skip
    solution = schedule(graph, choice)
    assert solution is not None
    fits = not graph.capacity or not check(problem, solution)
    result = SolverResult(
        status=Status.OPTIMAL if fits else Status.UNKNOWN,
        solution=solution if fits else None,
        objective=solution.objective if fits else None,
        bound=solution.objective,
        runtime_s=time.perf_counter() - started,
        method=METHOD,
        message="" if fits else "the memory limits bind: use the method 'cpsat'",
    )
    return verified(problem, result)


def _shortest(graph: Graph) -> list[int] | None:
    """Give the choice with the least sum; None if there is none."""
    order = graph.order
    best = _durations(graph.tasks[order[0]].options)
    came: list[npt.NDArray[np.intp]] = []
    for task in order[1:]:
        (link,) = graph.inputs[task]
        steps = best[:, np.newaxis] + _passing(graph, link)
        came.append(steps.argmin(axis=0))
        best = add(steps.min(axis=0), _durations(graph.tasks[task].options))
    last = int(best.argmin())
    if best[last] >= IMPOSSIBLE:
        return None
    choice = [0] * len(order)
    for task, sources in zip(reversed(order), [*reversed(came), None], strict=True):
        choice[task] = last
        if sources is not None:
            last = int(sources[last])
    return choice


def _durations(options: Sequence[Option]) -> Times:
    return np.array([option.duration for option in options], dtype=np.int64)


def _passing(graph: Graph, link: Link) -> Times:
    """Give the transfer and entry between every option of the source and of the target."""
    sources = graph.tasks[link.source].options
    targets = graph.tasks[link.target].options
    ports = (
        [option.output_ports[link.output] for option in sources],
        [option.input_ports[link.input] for option in targets],
    )
    moving = spread(ports, lambda a, b: graph.transfer_time(link.tensor, a, b))
    if not graph.entries:
        return moving
    devices = [option.device for option in sources], [option.device for option in targets]
    return moving + spread(devices, lambda a, b: graph.entries.get((a, b), 0))
