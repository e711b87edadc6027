"""Layer switching: leave the best single device only where that gains more than it costs.

A switch moves a run of consecutive tasks, none of which is slower on the other device. What they
gain there has to exceed what the switch costs: transfers, exports and entries, those saved counted
as well, as if one thing ran at a time. The switch that gains most is made first, until none gains
anything. The best single device is given where the whole is no better than that.

Source: Aghapour, Sapra, Pimentel, Pathania, "CPU-GPU Layer-Switched Low Latency CNN Inference",
DSD 2022.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Sequence

from attrs import evolve

from bnnplan.planner.problem import Option, Problem
from bnnplan.planner.solvers.base import SolverResult
from bnnplan.planner.solvers.features import EVERYTHING
from bnnplan.planner.solvers.heuristics import single
from bnnplan.planner.solvers.heuristics.greedy import stated
from bnnplan.planner.solvers.interruption import over
from bnnplan.planner.solvers.structure import Graph

METHOD = "layer-switching"
SUPPORTS = EVERYTHING
COMPLETE = False
unsuited = single.unsuited


def solve(
    problem: Problem,
    *,
    time_limit: float = 1.0,
    workers: int = 1,
    seed: int = 0,
    hint: Sequence[int] | None = None,
) -> SolverResult:
    """Give the layer-switched plan; parameters and result as for every `Solver`."""
    started = time.perf_counter()
    alone = single.solve(problem, time_limit=time_limit)
    if alone.solution is not None:
        graph = Graph(problem)
        choice = list(alone.solution.choice)
        while not over(started + time_limit) and (better := _switched(graph, choice)) is not None:
            choice = better
        result = stated(problem, graph, choice, METHOD, started)
        if result.solution is not None and result.solution.objective < alone.solution.objective:
            return result
    return evolve(alone, method=METHOD, runtime_s=time.perf_counter() - started)


def _switched(graph: Graph, choice: Sequence[int]) -> list[int] | None:
    """Make the switch of a run that gains most; None if none gains anything."""
    best, most = None, 0.0
    for device in graph.resources:
        for run in _runs(graph, choice, device):
            changed = [run.get(task, index) for task, index in enumerate(choice)]
            gain = _cost(graph, choice, run) - _cost(graph, changed, run)
            if gain > most:
                best, most = changed, gain
    return best


def _runs(graph: Graph, choice: Sequence[int], device: str) -> Iterator[dict[int, int]]:
    """Give the longest runs of tasks that are elsewhere and no slower on a device.

    Of each task, the fastest option there.
    """
    run: dict[int, int] = {}
    for task in graph.order:
        options = graph.tasks[task].options
        there = [index for index, option in enumerate(options) if option.device == device]
        fastest = min(there, key=lambda index: options[index].duration, default=None)
        now = options[choice[task]]
        if (
            fastest is not None
            and now.device != device
            and options[fastest].duration <= now.duration
        ):
            run[task] = fastest
        elif run:
            yield run
            run = {}
    if run:
        yield run


def _cost(graph: Graph, choice: Sequence[int], run: Iterable[int]) -> float:
    """Add up the ns of some tasks, and of all transfers, exports and entries around them.

    Infinite where a transfer is impossible.
    """
    options = [task.options[index] for task, index in zip(graph.tasks, choice, strict=True)]
    made = {tensor for task in run for tensor in graph.outputs[task]}
    read = {link.tensor for task in run for link in graph.inputs[task]}
    entered = {*run, *(link.target for tensor in made for link in graph.readers[tensor])}
    total: float = sum(options[task].duration for task in run)
    for task in entered:
        entries = (graph.entry_time(options[x.source], options[task]) for x in graph.inputs[task])
        total += max(entries, default=0)
    return total + sum(_passing(graph, options, tensor) for tensor in made | read)


def _passing(graph: Graph, options: Sequence[Option], tensor: int) -> float:
    """Add up the ns of the transfers of a tensor, and of its export."""
    given = options[graph.source[tensor]].output_ports[graph.tensors[tensor].output]
    ports = {options[link.target].input_ports[link.input] for link in graph.readers[tensor]}
    total = 0.0
    for wanted in ports - {given}:
        time_ = graph.transfer_time(tensor, given, wanted)
        total += math.inf if time_ is None else time_
    export = graph.exports[tensor].get(given)
    return total + (export.duration if export and ports - {given} else 0)
