"""From a choice to a solution: the earliest-start list schedule that all methods use.

Tasks are taken in an order that respects precedence. Right before a task, the transfers it needs
and nobody before it needed are made, by input number; each thing starts as soon as what it needs
is there and its resources are free of everything taken before. If only one thing can be busy at a
time, the latency is the plain sum, whatever the order.
"""

from __future__ import annotations

from collections.abc import Sequence

from bnnplan.planner.solution import Solution
from bnnplan.planner.solvers.schedules.part_scheduling import scheduled_in_parts
from bnnplan.planner.solvers.schedules.timeline import Timeline
from bnnplan.planner.solvers.structure import Graph


def schedule(
    graph: Graph, choice: Sequence[int], order: Sequence[int] | None = None
) -> Solution | None:
    """Schedule a choice for one inference, as early as its order allows.

    None if a transfer is impossible, or if contiguous parts wait for each other in a circle. The
    value of the first objective is stated; limits are not looked at.
    """
    options = [task.options[index] for task, index in zip(graph.tasks, choice, strict=True)]
    if order is None:
        order = by_rank(graph, choice)
        if order is None:
            return None
    timeline: Timeline | None
    if graph.contiguous:
        timeline = scheduled_in_parts(graph, options, order)
    else:
        timeline = Timeline(graph, options)
        if not all(map(timeline.run, order)):
            return None
    return None if timeline is None else timeline.solution(choice)


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
