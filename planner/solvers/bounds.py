"""Lower bounds that need no solver: of the latency by the critical path and the load."""

from __future__ import annotations

from collections.abc import Sequence

from bnnplan.planner.problem import Measure
from bnnplan.planner.solvers.structure import Graph

Kept = Sequence[Sequence[int]]
"""For each task, the positions of the options to consider."""


def least_objective(graph: Graph, kept: Kept, *, serial: bool) -> int:
    """Give a value of the first objective that no solution is below."""
    options = [
        [task.options[index] for index in indices]
        for task, indices in zip(graph.tasks, kept, strict=True)
    ]
    measure = graph.problem.objectives[0]
    if measure is Measure.ENERGY:
        return sum(min(option.energy for option in some) for some in options)
    if measure is Measure.MEMORY:
        return sum(min(option.weight_bytes for option in some) for some in options)
    if graph.problem.is_pipeline:
        return resource_load(graph, kept)
    return lower_bound(graph, kept, serial=serial)


def lower_bound(graph: Graph, kept: Kept, *, serial: bool) -> int:
    """Give a latency (ns) that no solution is below.

    Parameters
    ----------
    graph, kept
        The problem and the options that are left of it.
    serial : bool
        Whether only one thing can ever be busy at a time.
    """
    if serial:
        load = sum(
            min(graph.tasks[task].options[index].duration for index in indices)
            for task, indices in enumerate(kept)
        )
    else:
        load = resource_load(graph, kept)
    return max(load, critical_path(graph, kept))


def resource_load(graph: Graph, kept: Kept) -> int:
    """Give the time that the busiest resource is needed whatever is chosen."""
    loads: dict[str, int] = {}
    for task, indices in enumerate(kept):
        options = [graph.tasks[task].options[index] for index in indices]
        shared = frozenset.intersection(*(graph.resources[option.device] for option in options))
        for resource in shared:
            loads[resource] = loads.get(resource, 0) + min(option.duration for option in options)
    return max(loads.values(), default=0)


def critical_path(graph: Graph, kept: Kept) -> int:
    """Give the longest way through the graph, each task and transfer at its best for that way.

    Exact for a chain: there it is the shortest way through the options.
    """
    # Ends by the only things that matter to a reader: device and output ports.
    ends: list[dict[tuple[str, tuple[str, ...]], int]] = [{} for _ in graph.tasks]
    for task in graph.order:
        for index in kept[task]:
            option = graph.tasks[task].options[index]
            ready = 0
            for link in graph.inputs[task]:
                port = option.input_ports[link.input]
                soonest = None
                for (device, ports), end in ends[link.source].items():
                    cost = graph.transfer_time(link.tensor, ports[link.output], port)
                    if cost is None:
                        continue
                    if ports[link.output] != port:
                        export = graph.exports[link.tensor].get(ports[link.output])
                        cost += export.duration if export else 0
                    end += cost + graph.entries.get((device, option.device), 0)
                    soonest = end if soonest is None else min(soonest, end)
                if soonest is None:
                    break
                ready = max(ready, soonest)
            else:
                key = (option.device, option.output_ports)
                end = ready + option.duration
                ends[task][key] = min(ends[task].get(key, end), end)
    # A task without any way to it makes the problem infeasible: every number is a bound then.
    return max(min(by_key.values(), default=0) for by_key in ends)
