"""Options that no optimal plan needs."""

from __future__ import annotations

from collections.abc import Callable

from bnnplan.planner.problem import Measure, Option
from bnnplan.planner.solvers.structure import Graph

Costs = tuple[int, ...]
"""What an option costs, in each respect that matters."""


def undominated(graph: Graph) -> list[list[int]]:
    """For each task, the options that are not dominated, by position.

    An option is dominated by another on the same device, at the same ports and in the same space
    that is not worse in any respect that matters (time, energy, bytes): put in its place, with the
    same end, the other one keeps every solution right. Where no measure is a time, neither is how
    long an option takes, but only whether it does: everything after it may come later, and while it
    runs on nothing else begins. Of equal options the fastest is kept, and of these the first.
    """
    costs_of = _respects(graph)
    kept = []
    for task in graph.tasks:
        classes: dict[tuple[object, ...], list[int]] = {}
        for index, option in sorted(enumerate(task.options), key=lambda one: one[1].duration):
            key = (option.device, option.input_ports, option.output_ports, option.space)
            classes.setdefault(key, []).append(index)
        costs = [costs_of(option) for option in task.options]
        kept.append(sorted(index for group in classes.values() for index in _front(costs, group)))
    return kept


def _respects(graph: Graph) -> Callable[[Option], Costs]:
    """Give the function that tells what an option costs."""
    measures = _measures(graph)
    timed = bool(measures - {Measure.ENERGY, Measure.MEMORY}) or graph.problem.is_pipeline
    lasting = _counts_bytes(graph)
    powered = Measure.ENERGY in measures
    summed = Measure.MEMORY in measures

    def costs(option: Option) -> Costs:
        counted = summed or option.space in graph.capacity
        return (
            option.duration if timed else int(lasting and option.duration > 0),
            option.energy if powered else 0,
            option.weight_bytes if counted else 0,
            option.workspace_bytes if counted else 0,
        )

    return costs


def _measures(graph: Graph) -> set[Measure]:
    """Everything that is minimised or limited."""
    return {*graph.problem.objectives, *(limit.measure for limit in graph.problem.limits)}


def _counts_bytes(graph: Graph) -> bool:
    return bool(graph.capacity) or Measure.MEMORY in _measures(graph)


def _front(costs: list[Costs], group: list[int]) -> list[int]:
    """Keep those of a class that no other one is as good as in every respect; first ones first."""
    kept: list[int] = []
    for index in sorted(group, key=costs.__getitem__):
        if not any(
            all(a <= b for a, b in zip(costs[other], costs[index], strict=True)) for other in kept
        ):
            kept.append(index)
    return kept
