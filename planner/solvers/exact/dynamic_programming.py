"""Exact for chains: the shortest way through the options of one task after the other.

Limits, groups and contiguous devices are not part of the recursion. If the best plan without them
keeps them, it is the optimum; if not, its value is still a bound, and the method says so.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from bnnplan.planner.problem import Measure, Problem
from bnnplan.planner.solvers.base import SolverResult
from bnnplan.planner.solvers.exact.elimination import stated
from bnnplan.planner.solvers.exact.tables import IMPOSSIBLE, Times, add, spread
from bnnplan.planner.solvers.features import EVERYTHING, Feature
from bnnplan.planner.solvers.structure import Graph, Link

METHOD = "dynamic-programming"
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
    """Solve a chain; parameters and result as for every `Solver` (none of them is needed here)."""
    started = time.perf_counter()
    graph = Graph(problem)
    return stated(graph, _shortest(graph), METHOD, started)


def unsuited(graph: Graph) -> str:
    """Tell why the method is not for a problem; empty if it is."""
    if graph.is_chain():
        return ""
    return (
        f"solves chains, and {graph.problem.name!r} is none: a task has several inputs or readers"
    )


def _shortest(graph: Graph) -> tuple[int, list[int]] | None:
    """Give the least sum and its choice; None if there is none."""
    order = graph.order
    best = _costs(graph, order[0])
    came: list[npt.NDArray[np.intp]] = []
    for task in order[1:]:
        (link,) = graph.inputs[task]
        steps = best[:, np.newaxis] + _passing(graph, link)
        came.append(steps.argmin(axis=0))
        best = add(steps.min(axis=0), _costs(graph, task))
    last = int(best.argmin())
    least = int(best[last])
    if least >= IMPOSSIBLE:
        return None
    choice = [0] * len(order)
    for task, sources in zip(reversed(order), [*reversed(came), None], strict=True):
        choice[task] = last
        if sources is not None:
            last = int(sources[last])
    return least, choice


def _costs(graph: Graph, task: int) -> Times:
    powered = graph.problem.objectives[0] is Measure.ENERGY
    options = graph.tasks[task].options
    return np.array([one.energy if powered else one.duration for one in options], dtype=np.int64)


def _passing(graph: Graph, link: Link) -> Times:
    """Give the export, transfer and entry between every option of the source and of the target."""
    powered = graph.problem.objectives[0] is Measure.ENERGY

    def moving(given: str, wanted: str) -> int | None:
        if given == wanted:
            return 0
        move = graph.transfers[link.tensor].get((given, wanted))
        if move is None:
            return None
        export = graph.exports[link.tensor].get(given)
        if powered:
            return move.energy + (export.energy if export else 0)
        return move.duration + (export.duration if export else 0)

    sources = graph.tasks[link.source].options
    targets = graph.tasks[link.target].options
    ports = (
        [option.output_ports[link.output] for option in sources],
        [option.input_ports[link.input] for option in targets],
    )
    costs = spread(ports, moving)
    if powered or not graph.entries:
        return costs
    devices = [option.device for option in sources], [option.device for option in targets]
    return costs + spread(devices, lambda a, b: graph.entries.get((a, b), 0))
