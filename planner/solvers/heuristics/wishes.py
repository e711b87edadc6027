"""What a choice has to fulfil beyond being possible: groups on one device, few switches."""

from __future__ import annotations

from collections.abc import Sequence

from bnnplan.planner.solvers.structure import Graph


def keeps_wishes(graph: Graph, choice: Sequence[int]) -> bool:
    """Tell whether groups lie on one device, and no more edges change device than may."""
    most = graph.problem.switches
    if most is None and not graph.colocated:
        return True
    devices = _devices(graph, choice)
    if any(len({devices[task] for task in group}) > 1 for group in graph.colocated):
        return False
    return most is None or most >= switches(graph, choice)


def switches(graph: Graph, choice: Sequence[int]) -> int:
    """Count the edges that change device."""
    devices = _devices(graph, choice)
    return sum(graph.is_switch(devices[link.source], devices[link.target]) for link in graph.links)


def _devices(graph: Graph, choice: Sequence[int]) -> list[str]:
    return [task.options[index].device for task, index in zip(graph.tasks, choice, strict=True)]
