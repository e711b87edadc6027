"""Contiguous devices: what runs as one part, and what waits for what then."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from bnnplan.planner.problem import Option, Transfer
from bnnplan.planner.solvers.structure import Graph


def belongs(graph: Graph, move: Transfer, maker: str, device: str) -> bool:
    """Tell whether a transfer to a task on contiguous `device` belongs to the part there."""
    return maker == device or not move.resources.isdisjoint(graph.resources[device])


def in_circle(graph: Graph, options: Sequence[Option]) -> bool:
    """Tell whether parts wait for each other, or for tasks that wait for them."""
    return blocks(graph, options, graph.order, ()) is None


def shared_transfers(graph: Graph, options: Sequence[Option]) -> Iterator[tuple[int, int]]:
    """Give (task of a part, other task) for each transfer of the part that the other reads too."""
    for tensor, source in enumerate(graph.source):
        readers: dict[str, list[int]] = defaultdict(list)
        for link in graph.readers[tensor]:
            readers[options[link.target].input_ports[link.input]].append(link.target)
        given = options[source].output_ports[graph.tensors[tensor].output]
        for port, tasks in readers.items():
            move = graph.transfers[tensor].get((given, port))
            if move is None or len(tasks) < 2:
                continue
            for first in tasks:
                device = options[first].device
                if device in graph.contiguous and belongs(
                    graph, move, options[source].device, device
                ):
                    yield from ((first, other) for other in tasks if other != first)


def blocks(
    graph: Graph,
    options: Sequence[Option],
    order: Sequence[int],
    waits: Iterable[tuple[int, int]],
) -> list[list[int]] | None:
    """Give parts and single tasks, each after what it reads, otherwise as in `order`.

    Parameters
    ----------
    graph, options
        The problem, and the option of each task.
    order : sequence of int
        All tasks, each after what it reads.
    waits : iterable of (int, int)
        Tasks that come before other tasks for further reasons.

    Returns
    -------
    list of list of int, or None
        The tasks of each block in order; None if blocks wait for each other in a circle.
    """
    of: dict[int, int] = {}
    members: list[list[int]] = []
    parts: dict[str, int] = {}
    for task in order:
        device = options[task].device
        block = len(members)
        if device in graph.contiguous:
            block = parts.setdefault(device, block)
        if block == len(members):
            members.append([])
        of[task] = block
        members[block].append(task)
    after: list[list[int]] = [[] for _ in members]
    missing = [0] * len(members)
    pairs = ((link.source, link.target) for link in graph.links)
    for source, target in (*pairs, *waits):
        if of[source] != of[target]:
            after[of[source]].append(of[target])
            missing[of[target]] += 1
    ready = [block for block, count in enumerate(missing) if not count]
    found = []
    while ready:
        block = heapq.heappop(ready)
        found.append(members[block])
        for later in after[block]:
            missing[later] -= 1
            if not missing[later]:
                heapq.heappush(ready, later)
    return found if len(found) == len(members) else None
