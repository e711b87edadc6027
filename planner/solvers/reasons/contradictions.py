"""Contradictions that are plain to see: they explain most problems without solution at once.

Each is a proof on its own, without a solver.
"""

from __future__ import annotations

from collections.abc import Iterator

from bnnplan.planner.problem import Option, Problem
from bnnplan.planner.problem_rules import listed
from bnnplan.planner.report.units import size
from bnnplan.planner.solvers.structure import Graph


def contradictions(problem: Problem) -> tuple[str, ...]:
    """Give the first kind of plain contradiction of a problem, one line each; empty if none."""
    graph = Graph(problem)
    for cheap in (_no_transfer, _no_common_device, _too_large_alone, _weights_too_large):
        if reasons := tuple(cheap(graph)):
            return reasons
    return ()


def _no_transfer(graph: Graph) -> Iterator[str]:
    """Take out options that nothing can be passed to or from, until a task has none left."""
    left = [set(range(len(task.options))) for task in graph.tasks]
    changed = True
    while changed:
        changed = False
        for link in graph.links:
            given = {
                i: graph.tasks[link.source].options[i].output_ports[link.output]
                for i in left[link.source]
            }
            wanted = {
                i: graph.tasks[link.target].options[i].input_ports[link.input]
                for i in left[link.target]
            }
            pairs = {
                (a, b)
                for a in set(given.values())
                for b in set(wanted.values())
                if graph.transfer_time(link.tensor, a, b) is not None
            }
            if not pairs:
                yield (
                    f"tensor {graph.tensors[link.tensor].name!r} cannot get from task "
                    f"{graph.tasks[link.source].name!r} to {graph.tasks[link.target].name!r}: no "
                    f"transfer from {listed(sorted(set(given.values())))} to "
                    f"{listed(sorted(set(wanted.values())))}"
                )
                return
            sources = {i for i, port in given.items() if any(port == a for a, _ in pairs)}
            targets = {i for i, port in wanted.items() if any(port == b for _, b in pairs)}
            changed |= sources != left[link.source] or targets != left[link.target]
            left[link.source], left[link.target] = sources, targets


def _no_common_device(graph: Graph) -> Iterator[str]:
    """Name colocated groups whose tasks have no device in common."""
    for group in graph.colocated:
        devices = [{option.device for option in graph.tasks[task].options} for task in group]
        if not set.intersection(*devices):
            names = [graph.tasks[task].name for task in group]
            yield f"colocated tasks {listed(names)} have no device in common"


def _too_large_alone(graph: Graph) -> Iterator[str]:
    """Name tasks all of whose options are larger than their space."""
    for number, task in enumerate(graph.tasks):
        lacks = [
            (_alone(graph, number, option) - graph.capacity[option.space], option.space)
            for option in task.options
            if option.space in graph.capacity
        ]
        if len(lacks) == len(task.options) and min(lacks)[0] > 0:
            lack, space = min(lacks)
            yield (
                f"task {task.name!r} fits no space: its smallest option needs "
                f"{size(lack + graph.capacity[space])} of {space!r}, which lacks {size(lack)}"
            )


def _alone(graph: Graph, task: int, option: Option) -> int:
    """Give the bytes that an option needs in its space, all others away."""
    if not option.duration:
        return option.weight_bytes
    read = {link.tensor: option.input_ports[link.input] for link in graph.inputs[task]}
    made = dict(zip(graph.outputs[task], option.output_ports, strict=True))
    data = sum(
        graph.bytes[tensor][port]
        for tensor, port in [*read.items(), *made.items()]
        if graph.space[port] == option.space
    )
    return option.weight_bytes + option.workspace_bytes + data


def _weights_too_large(graph: Graph) -> Iterator[str]:
    """Compare the sum of the smallest weights with the sum of the capacities."""
    needed = sum(
        min(option.weight_bytes if option.space in graph.capacity else 0 for option in task.options)
        for task in graph.tasks
    )
    room = sum(graph.capacity.values())
    if needed > room:
        yield (
            f"the smallest weights need {size(needed)} in all, but the memory of "
            f"{listed(graph.capacity)} is {size(room)}: {size(needed - room)} too little"
        )
