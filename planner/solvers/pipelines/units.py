"""Tasks that always lie on one device where every device takes one part."""

from __future__ import annotations

import graphlib
from collections.abc import Collection

from attrs import frozen

from bnnplan.planner.solvers.structure import Graph


@frozen
class Units:
    """Units of tasks, each after those that it reads from.

    Attributes
    ----------
    tasks : tuple of tuple of int
        For each unit, its tasks in the order of the graph.
    before : tuple of frozenset of int
        For each unit, the units that it reads from.
    """

    tasks: tuple[tuple[int, ...], ...]
    before: tuple[frozenset[int], ...]


def units(graph: Graph, inside: Collection[int]) -> Units:
    """Join the tasks `inside` that are colocated, or on a way from one such task to another.

    A part never waits for what waits for it, so that whatever lies in a circle of groups lies on
    the device of all of them.
    """
    head = {task: task for task in graph.order if task in inside}
    for group in graph.colocated:
        mine = {head[task] for task in group if task in head}
        for task, its in head.items():
            if its in mine:
                head[task] = min(mine)
    after = _after(graph, head)
    circle = {one: min(other for other in after if _mutual(after, one, other)) for one in after}
    head = {task: circle[its] for task, its in head.items()}
    sorter: graphlib.TopologicalSorter[int] = graphlib.TopologicalSorter()
    for task, its in head.items():
        sorter.add(its, *(_before(graph, head, task) - {its}))
    ordered = list(sorter.static_order())
    number = {its: place for place, its in enumerate(ordered)}
    tasks: list[list[int]] = [[] for _ in ordered]
    before: list[set[int]] = [set() for _ in ordered]
    for task, its in head.items():
        tasks[number[its]].append(task)
        before[number[its]] |= {number[one] for one in _before(graph, head, task) - {its}}
    return Units(tuple(map(tuple, tasks)), tuple(map(frozenset, before)))


def _before(graph: Graph, head: dict[int, int], task: int) -> set[int]:
    return {head[link.source] for link in graph.inputs[task] if link.source in head}


def _after(graph: Graph, head: dict[int, int]) -> dict[int, int]:
    """For each group, a bit mask of the groups that it reaches, itself included."""
    after = {its: 1 << its for its in head.values()}
    changed = True
    while changed:
        changed = False
        for task in reversed(head):
            for source in _before(graph, head, task):
                known = after[source]
                after[source] |= after[head[task]]
                changed |= after[source] != known
    return after


def _mutual(after: dict[int, int], one: int, other: int) -> bool:
    return bool(after[one] >> other & 1 and after[other] >> one & 1)
