"""Splits of dnn-partitioning workloads that a plan has to be at least as good as.

Source: Tarnawski and others, NeurIPS 2020, Appendix F, and `latency-greedy/greedy.cpp` and
`human-experts` of https://github.com/msr-fiddle/dnn-partitioning (MIT).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from dnn_partitioning import Node, Workload

from bnnplan.planner.problem import Problem, named_choice

Split = dict[int, int]
"""For each node, by identifier, the number of its accelerator from 1, or 0 for a CPU."""

Colour = tuple[str, int]
"""A colour class, or a node without one."""

EXPERT_ENDS = {
    "bert24_inference": (8, 12, 16, 20, 24, 32),
    "resnet50_inference": (5, 37, 79, 121, 163, 177),
}
"""The human experts' parts: the last node of each; nodes are numbered in the order they run."""


def choice(problem: Problem, split: Split) -> tuple[int, ...]:
    """The options of the problem of a workload (for latency) that a split means."""
    return named_choice(
        problem,
        {str(node): f"accelerator{number}" if number else "cpu" for node, number in split.items()},
    )


def expert(workload: Workload) -> Split | None:
    """The human experts' split, if there is one and it keeps the limits of the workload."""
    ends = EXPERT_ENDS.get(workload.name)
    if ends is None or len(ends) > workload.accelerators:
        return None
    split = {
        node.id: next(part for part, end in enumerate(ends, 1) if node.id <= end)
        for node in workload.nodes
    }
    held = [0] * len(ends)
    for node in workload.nodes:
        held[split[node.id] - 1] += node.size
    return split if max(held) <= workload.capacity else None


def greedy(workload: Workload) -> Split:
    """Fill one accelerator after the other, in topological order, as the authors' greedy does."""
    return _filled(workload, balanced=False)


def equal_parts(workload: Workload) -> Split:
    """Parts of about equal time in topological order, as people split networks by hand."""
    return _filled(workload, balanced=True)


def _filled(workload: Workload, *, balanced: bool) -> Split:
    """Give blocks in their order to the accelerators in theirs; what is left goes to CPUs."""
    found = blocks(workload)
    left = sum(_time(block) for block in found)
    split: Split = {}
    used = current = size = 0
    time = 0.0
    for block in found:
        needs = sum(node.size for node in block)
        runs = all(node.accelerator is not None for node in block) and needs <= workload.capacity
        full = size + needs > workload.capacity
        if balanced and current:
            full |= time >= (time + left) / (workload.accelerators - used + 1)
        if not runs or ((full or not current) and used == workload.accelerators):
            current = 0
        elif full or not current:
            used += 1
            current, size, time = used, 0, 0.0
        size, time, left = size + needs, time + _time(block), left - _time(block)
        split.update((node.id, current) for node in block)
    return split


def _time(block: Iterable[Node]) -> float:
    return sum(node.accelerator or 0.0 for node in block)


def blocks(workload: Workload) -> list[list[Node]]:
    """Nodes that must lie on one device, in a depth-first topological order.

    Colour classes that wait for each other are one block, since parts never do.
    """
    colour: dict[int, Colour] = {
        node.id: ("node", node.id) if node.colour is None else ("class", node.colour)
        for node in workload.nodes
    }
    after: dict[Colour, set[Colour]] = {one: set() for one in colour.values()}
    for source, target in workload.edges:
        after[colour[source]].add(colour[target])
    reached = {one: _reached(one, after) for one in after}
    first = {one: min({one, *(o for o in reached[one] if one in reached[o])}) for one in after}
    members: dict[Colour, list[Node]] = {one: [] for one in first.values()}
    for node in workload.nodes:
        members[first[colour[node.id]]].append(node)
    edges = {(first[one], first[other]) for one in after for other in after[one]}
    waits = Counter(later for earlier, later in edges if earlier != later)
    ready = [one for one in members if not waits[one]]
    order = []
    while ready:
        order.append(ready.pop())
        for earlier, later in sorted(edges):
            if earlier == order[-1] != later:
                waits[later] -= 1
                if not waits[later]:
                    ready.append(later)
    return [members[one] for one in order]


def _reached(start: Colour, after: dict[Colour, set[Colour]]) -> set[Colour]:
    found: set[Colour] = set()
    todo = [start]
    while todo:
        new = after[todo.pop()] - found
        found |= new
        todo += new
    return found
