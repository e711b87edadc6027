"""List schedules where contiguous devices take their tasks as one part."""

from __future__ import annotations

from collections.abc import Sequence

from bnnplan.planner.problem import Option
from bnnplan.planner.solvers.schedules.parts import belongs, blocks, shared_transfers
from bnnplan.planner.solvers.schedules.timeline import Timeline
from bnnplan.planner.solvers.structure import Graph


def scheduled_in_parts(
    graph: Graph, options: Sequence[Option], order: Sequence[int]
) -> Timeline | None:
    """Schedule all tasks, each part as one block; None if that is impossible.

    A block begins when all that it reads has been made and exported, and when its device is free.
    A transfer that belongs to two parts at once is never made here, though a schedule may exist.
    """
    sequence = blocks(graph, options, order, shared_transfers(graph, options))
    if sequence is None:
        return None
    timeline = Timeline(graph, options)
    for block in sequence:
        if options[block[0]].device in graph.contiguous:
            if not _run_part(timeline, block):
                return None
        elif not timeline.run(block[0]):
            return None
    return timeline


def _run_part(timeline: Timeline, tasks: Sequence[int]) -> bool:
    """Place a part: what it needs from elsewhere, then its own things; False if impossible."""
    graph, options = timeline.graph, timeline.options
    device = options[tasks[0]].device
    resources = graph.resources[device]
    ready = 0
    for task in tasks:
        for link in graph.inputs[task]:
            source = options[link.source]
            if source.device == device:
                continue
            produced = source.output_ports[link.output]
            wanted = options[task].input_ports[link.input]
            ready = max(ready, timeline.given[link.source])
            if produced == wanted:
                continue
            move = graph.transfers[link.tensor].get((produced, wanted))
            if move is None:
                return False
            ready = max(ready, timeline.export(link.tensor, produced))
            moved = (link.tensor, wanted) in timeline.moved
            if belongs(graph, move, source.device, device):
                if moved:
                    return False
            elif not moved:
                timeline.move(link.tensor, produced, wanted)
    timeline.floor = first = timeline.wait(resources, ready)
    last = first
    for task in tasks:
        if not timeline.run(task):
            return False
        last = max(last, timeline.ends[task])
        for tensor in graph.outputs[task]:
            port = options[task].output_ports[graph.tensors[tensor].output]
            if any(
                options[one.target].input_ports[one.input] != port for one in graph.readers[tensor]
            ):
                last = max(last, timeline.export(tensor, port))
    timeline.floor = 0
    for task in tasks:
        timeline.given[task] = last
    if last > first:
        timeline.free.update(dict.fromkeys(resources, last))
    return True
