"""Choices to start a search from, each good in its own way."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from bnnplan.planner.problem import Measure, Option
from bnnplan.planner.solvers.bounds import Kept
from bnnplan.planner.solvers.heuristics.insertion import earliest_finish
from bnnplan.planner.solvers.heuristics.joining import without_circles
from bnnplan.planner.solvers.structure import Graph


def starts(graph: Graph, kept: Kept, hint: Sequence[int] | None) -> Iterator[Sequence[int]]:
    """Give the hint, the earliest finish, each device, and what the measures of the problem ask.

    Groups that have to lie on one device do, where there is a device that can run all of one; and
    contiguous parts do not wait for each other in a circle, where that can be avoided.
    """
    if hint is not None:
        yield hint
    for choice in _by_rules(graph, kept):
        if graph.colocated:
            choice = _gathered(graph, kept, choice)
        yield without_circles(graph, kept, choice) if graph.contiguous else choice


def _by_rules(graph: Graph, kept: Kept) -> Iterator[list[int]]:
    yield earliest_finish(graph, kept)[0]
    yield fastest(graph, kept)
    for device in graph.resources:
        yield fastest(graph, kept, device=device)
    asked = {*graph.problem.objectives, *(limit.measure for limit in graph.problem.limits)}
    if Measure.PERIOD in asked:
        yield balanced(graph, kept)
    if Measure.ENERGY in asked:
        yield cheapest(graph, kept, lambda option: option.energy)
    if Measure.MEMORY in asked:
        yield cheapest(graph, kept, lambda option: option.weight_bytes + option.workspace_bytes)
    elif graph.capacity:
        yield cheapest(graph, kept, lambda option: _limited_bytes(graph, option))


def _gathered(graph: Graph, kept: Kept, choice: Sequence[int]) -> list[int]:
    """Put each group on the device where it takes the least time in all."""
    gathered = [*choice]
    for group in graph.colocated:
        best: tuple[int, list[int]] | None = None
        for device in graph.resources:
            there = fastest(graph, kept, device=device)
            options = [graph.tasks[task].options[there[task]] for task in group]
            total = sum(option.duration for option in options)
            if all(option.device == device for option in options):
                best = (total, there) if best is None or total < best[0] else best
        devices = {graph.tasks[task].options[gathered[task]].device for task in group}
        if best is not None and len(devices) > 1:
            for task in group:
                gathered[task] = best[1][task]
    return gathered


def cheapest(graph: Graph, kept: Kept, cost: Callable[[Option], int]) -> list[int]:
    """Choose the least cost for each task, the first of equal ones."""
    return [
        min(indices, key=lambda index: cost(task.options[index]))
        for task, indices in zip(graph.tasks, kept, strict=True)
    ]


def _limited_bytes(graph: Graph, option: Option) -> int:
    fits = option.space not in graph.capacity
    return 0 if fits else option.weight_bytes + option.workspace_bytes


def balanced(graph: Graph, kept: Kept) -> list[int]:
    """Choose for each task, longest first, the option that loads its resources least."""
    loads: dict[str, int] = {}
    choice = [0] * len(graph.tasks)

    def level(option: Option) -> tuple[int, int]:
        resources = graph.resources[option.device]
        before = max((loads.get(one, 0) for one in resources), default=0)
        return before + option.duration if resources else 0, option.duration

    def least(task: int) -> int:
        return min(graph.tasks[task].options[index].duration for index in kept[task])

    for task in sorted(graph.order, key=least, reverse=True):
        options = graph.tasks[task].options
        choice[task] = min(kept[task], key=lambda index: level(options[index]))
        option = options[choice[task]]
        for one in graph.resources[option.device]:
            loads[one] = loads.get(one, 0) + option.duration
    return choice


def fastest(graph: Graph, kept: Kept, device: str | None = None) -> list[int]:
    """Choose the least duration for each task, on `device` where it can run there."""
    choice = []
    for task, indices in enumerate(kept):
        options = graph.tasks[task].options
        choice.append(
            min(
                indices,
                key=lambda index: (options[index].device != device, options[index].duration),
            )
        )
    return choice
