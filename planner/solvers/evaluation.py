"""From a choice to a solution: the earliest-start list schedule that all methods use.

Tasks are taken in an order that respects precedence. Right before a task, the transfers it needs
and nobody before it needed are made, by input number; each thing starts as soon as what it needs
is there and its resources are free of everything taken before. If only one thing can be busy at a
time, the latency is the plain sum, whatever the order.
"""

from __future__ import annotations

from collections.abc import Sequence

from bnnplan.planner.problem import Problem
from bnnplan.planner.problem_rules import ProblemError
from bnnplan.planner.solution import ScheduledTransfer, Solution
from bnnplan.planner.solvers.structure import Graph


def evaluate(
    problem: Problem, choice: Sequence[int], order: Sequence[int] | None = None
) -> Solution:
    """Schedule `choice` (an option index for each task) as early as its order allows.

    Parameters
    ----------
    problem : Problem
        Memory limits are not looked at: `check` tells whether they hold.
    choice : sequence of int
        For each task, in the order of ``problem.tasks``.
    order : sequence of int, optional
        All task positions, each after what it reads; by default the longest way to the end first.

    Raises
    ------
    ProblemError
        If the choice does not fit the problem, or needs a transfer that is impossible.
    """
    graph = Graph(problem)
    if len(choice) != len(graph.tasks):
        raise ProblemError(f"choice has {len(choice)} options for {len(graph.tasks)} tasks")
    for task, index in zip(graph.tasks, choice, strict=True):
        if not 0 <= index < len(task.options):
            raise ProblemError(f"task {task.name!r} has no option number {index}")
    solution = schedule(graph, choice, order)
    if solution is None:
        raise ProblemError(_impossible(graph, choice))
    return solution


def schedule(
    graph: Graph, choice: Sequence[int], order: Sequence[int] | None = None
) -> Solution | None:
    """Do what `evaluate` does, for a choice that fits; None if a transfer is impossible."""
    options = [task.options[index] for task, index in zip(graph.tasks, choice, strict=True)]
    if order is None:
        order = by_rank(graph, choice)
        if order is None:
            return None
    starts = [0] * len(options)
    ends = [0] * len(options)
    free: dict[str, int] = {}
    arrived: dict[tuple[int, str], int] = {}
    transfers = []
    for task in order:
        option = options[task]
        ready = entry = 0
        for link in graph.inputs[task]:
            source = options[link.source]
            produced = source.output_ports[link.output]
            wanted = option.input_ports[link.input]
            entry = max(entry, graph.entry_time(source, option))
            there = ends[link.source]
            if produced != wanted:
                known = arrived.get((link.tensor, wanted))
                if known is None:
                    move = graph.transfers[link.tensor].get((produced, wanted))
                    if move is None:
                        return None
                    start = max([there, *(free.get(one, 0) for one in move.resources)])
                    known = start + move.duration
                    if move.duration:
                        free.update(dict.fromkeys(move.resources, known))
                    arrived[link.tensor, wanted] = known
                    name = graph.tensors[link.tensor].name
                    transfers.append(ScheduledTransfer(name, produced, wanted, start, known))
                there = known
            ready = max(ready, there)
        resources = graph.resources[option.device]
        span = option.duration + entry
        if span:
            ready = max([ready, *(free.get(one, 0) for one in resources)])
            free.update(dict.fromkeys(resources, ready + span))
        starts[task] = ready
        ends[task] = ready + span
    return Solution(tuple(choice), tuple(starts), tuple(ends), tuple(transfers), max(ends))


def by_rank(graph: Graph, choice: Sequence[int]) -> list[int] | None:
    """Order tasks by the longest way to the end, as HEFT does; None if a transfer is impossible.

    Source: Topcuoglu, Hariri, Wu, "Performance-effective and low-complexity task scheduling for
    heterogeneous computing", IEEE TPDS 13(3), 2002.
    """
    options = [task.options[index] for task, index in zip(graph.tasks, choice, strict=True)]
    rest = [0] * len(options)
    position = [0] * len(options)
    for place, task in reversed(list(enumerate(graph.order))):
        position[task] = place
        rest[task] += options[task].duration
        for link in graph.inputs[task]:
            source = options[link.source].output_ports[link.output]
            cost = graph.transfer_time(link.tensor, source, options[task].input_ports[link.input])
            if cost is None:
                return None
            cost += rest[task] + graph.entry_time(options[link.source], options[task])
            rest[link.source] = max(rest[link.source], cost)
    return sorted(range(len(options)), key=lambda task: (-rest[task], position[task]))


def _impossible(graph: Graph, choice: Sequence[int]) -> str:
    """Say which transfer a choice needs that is impossible."""
    for link in graph.links:
        source = graph.tasks[link.source].options[choice[link.source]].output_ports[link.output]
        target = graph.tasks[link.target].options[choice[link.target]].input_ports[link.input]
        if graph.transfer_time(link.tensor, source, target) is None:
            return (
                f"tensor {graph.tensors[link.tensor].name!r} cannot be transferred from "
                f"{source!r} to {target!r}, where task {graph.tasks[link.target].name!r} reads it"
            )
    raise AssertionError("every transfer is possible")
