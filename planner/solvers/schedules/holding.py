"""How many bytes the spaces hold at most, all together: the measure of memory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from bnnplan.planner.problem import Option
from bnnplan.planner.solvers.schedules.flow import Flow
from bnnplan.planner.solvers.structure import Graph


def most_held(
    graph: Graph,
    options: Sequence[Option],
    starts: Sequence[int],
    ends: Sequence[int],
    moves: Mapping[tuple[int, str], tuple[int, int]],
) -> int:
    """Give the sum of the peaks of all spaces in a schedule of one inference, bytes.

    Parameters
    ----------
    graph, options
        The problem, and the option of each task.
    starts, ends : sequence of int
        Of each task.
    moves : mapping of (int, str) to (int, int)
        Start and end of each transfer, by tensor and target.
    """
    changes: dict[str, list[tuple[int, int]]] = defaultdict(list)

    def hold(space: str, size: int, start: int, end: int) -> None:
        if size and end > start:
            changes[space] += [(start, size), (end, -size)]

    for option, start, end in zip(options, starts, ends, strict=True):
        hold(option.space, option.workspace_bytes, start, end)
    for tensor, source in enumerate(graph.source):
        given = options[source].output_ports[graph.tensors[tensor].output]
        until = {given: ends[source]}
        for link in graph.readers[tensor]:
            wanted = options[link.target].input_ports[link.input]
            until[wanted] = max(until.get(wanted, 0), ends[link.target])
        for port, last in until.items():
            if port != given:
                start, end = moves[tensor, port]
                until[given] = max(until[given], end)
                hold(graph.space[port], graph.bytes[tensor][port], start, max(last, end))
        hold(graph.space[given], graph.bytes[tensor][given], starts[source], until[given])
    weights = sum(option.weight_bytes for option in options)
    return weights + sum(map(_highest, changes.values()))


def _highest(changes: list[tuple[int, int]]) -> int:
    """Give the highest level that (when, change) lead to, from 0; at equal times, falls first."""
    most = level = 0
    for _, change in sorted(changes):
        level += change
        most = max(most, level)
    return most


def most_held_in_pipeline(flow: Flow, stages: Sequence[int]) -> int:
    """Give the sum of the peaks of all spaces in a pipeline with these stages, bytes."""
    graph, options = flow.graph, flow.options
    place = {task: number for number, task in enumerate(graph.order)}
    # By device and space: what is held from one place in the order to before another.
    inside: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
    total = 0

    def hold(device: str, space: str, size: int, first: int, last: int) -> None:
        if size:
            inside[device, space] += [(first, size), (last + 1, -size)]

    for task, option in enumerate(options):
        total += option.weight_bytes
        hold(option.device, option.space, option.workspace_bytes, place[task], place[task])
    for tensor, maker in enumerate(graph.source):
        option = options[maker]
        given = option.output_ports[graph.tensors[tensor].output]
        last = stages[maker]
        end = place[maker]
        local = True
        until: dict[str, int] = {}
        for link in graph.readers[tensor]:
            reader = options[link.target]
            wanted = reader.input_ports[link.input]
            until[wanted] = max(until.get(wanted, 0), stages[link.target])
            end = max(end, place[link.target])
            local &= reader.device == option.device
        for port, stage in until.items():
            if port == given:
                last = max(last, stage)
                continue
            moved = stages[flow.moves[tensor, port][0]]
            last = max(last, moved)
            total += graph.bytes[tensor][port] * (stage - moved + 1)
        size = graph.bytes[tensor][given]
        if local and until.keys() <= {given} and last == stages[maker]:
            hold(option.device, graph.space[given], size, place[maker], end)
        else:
            # An export is never after the transfers that wait for it.
            total += size * (last - stages[maker] + 1)
    return total + sum(map(_highest, inside.values()))
