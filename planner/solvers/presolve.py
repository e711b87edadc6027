"""Options that no optimal plan needs."""

from __future__ import annotations

from bnnplan.planner.problem import Option
from bnnplan.planner.solvers.structure import Graph


def undominated(graph: Graph) -> list[list[int]]:
    """For each task, the options that are not dominated, by position.

    An option is dominated by another on the same device, at the same ports and in the same space
    that is not slower and not bigger: put in its place, with the same end, the other one keeps
    every solution right. Of equal options the first is kept.
    """
    kept = []
    for task in graph.tasks:
        classes: dict[tuple[object, ...], list[int]] = {}
        for index, option in enumerate(task.options):
            key = (option.device, option.input_ports, option.output_ports, option.space)
            classes.setdefault(key, []).append(index)
        kept.append(
            sorted(
                index for group in classes.values() for index in _front(graph, task.options, group)
            )
        )
    return kept


def _front(graph: Graph, options: tuple[Option, ...], group: list[int]) -> list[int]:
    """Keep the fastest options of a class, and those that are smaller than all faster ones."""

    def costs(index: int) -> tuple[int, int, int]:
        option = options[index]
        if option.space not in graph.capacity:
            return option.duration, 0, 0
        return option.duration, option.weight_bytes, option.workspace_bytes

    front: list[tuple[int, int, int]] = []
    kept = []
    for index in sorted(group, key=lambda index: (costs(index), index)):
        _, weights, workspace = costs(index)
        if not any(w <= weights and s <= workspace for _, w, s in front):
            front.append(costs(index))
            kept.append(index)
    return kept
