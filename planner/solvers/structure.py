"""A problem as indices, with the lookups and the structure that the methods need."""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterator

from attrs import frozen

from bnnplan.planner.problem import Export, Measure, Option, Problem, Tensor, Transfer
from bnnplan.planner.problem_sums import most_bytes


@frozen
class Link:
    """An edge in numbers: what task `source` gives at `output`, `target` reads at `input`."""

    number: int
    tensor: int
    source: int
    target: int
    output: int
    input: int


class Graph:
    """The graph of a problem; tasks, tensors and edges by their position in the problem.

    Attributes
    ----------
    inputs : list of list of Link
        For each task, by input number.
    outputs : list of list of int
        For each task, its tensors by output number.
    readers : list of list of Link
        For each tensor.
    order : list of int
        All tasks, each after what it reads, otherwise as listed.
    capacity : dict of str to int
        The spaces whose limit can bind.
    exports : list of dict of str to Export
        For each tensor, by port.
    contiguous : frozenset of str
        Names of devices.
    colocated : list of tuple of int
        Groups of at least two tasks.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.tasks = problem.tasks
        self.tensors: tuple[Tensor, ...] = problem.tensors
        index = {task.name: number for number, task in enumerate(problem.tasks)}
        named = {tensor.name: number for number, tensor in enumerate(problem.tensors)}
        self.source = [index[tensor.source] for tensor in problem.tensors]
        self.links = [
            Link(
                number=number,
                tensor=named[edge.tensor],
                source=self.source[named[edge.tensor]],
                target=index[edge.target],
                output=problem.tensors[named[edge.tensor]].output,
                input=edge.input,
            )
            for number, edge in enumerate(problem.edges)
        ]
        self.inputs: list[list[Link]] = [[] for _ in problem.tasks]
        self.outputs: list[list[int]] = [[] for _ in problem.tasks]
        self.readers: list[list[Link]] = [[] for _ in problem.tensors]
        for link in sorted(self.links, key=lambda link: link.input):
            self.inputs[link.target].append(link)
        for link in self.links:
            self.readers[link.tensor].append(link)
        for number in sorted(range(len(self.tensors)), key=lambda n: self.tensors[n].output):
            self.outputs[self.source[number]].append(number)
        self.transfers: list[dict[tuple[str, str], Transfer]] = [
            {(move.source, move.target): move for move in tensor.transfers}
            for tensor in problem.tensors
        ]
        self.bytes = [{size.port: size.bytes for size in t.sizes} for t in problem.tensors]
        self.resources = {device.name: device.resources for device in problem.devices}
        self.space = {port.name: port.space for port in problem.ports}
        self.entries = {
            (entry.source, entry.target): entry.duration
            for entry in problem.entries
            if entry.duration
        }
        most = most_bytes(problem)
        self.capacity = {
            space.name: space.capacity
            for space in problem.spaces
            # A pipeline may hold a tensor several times.
            if space.capacity is not None and (problem.is_pipeline or space.capacity < most)
        }
        self.exports: list[dict[str, Export]] = [
            {export.port: export for export in tensor.exports} for tensor in problem.tensors
        ]
        self.contiguous = frozenset(d.name for d in problem.devices if d.contiguous)
        self.colocated = [
            tuple(index[name] for name in group) for group in problem.colocated if len(group) > 1
        ]
        self.order = self._topological()

    def transfer_time(self, tensor: int, source: str, target: str) -> int | None:
        """Give the ns to read a tensor at port `target`; None if that is impossible."""
        if source == target:
            return 0
        move = self.transfers[tensor].get((source, target))
        return None if move is None else move.duration

    def entry_time(self, source: Option, target: Option) -> int:
        """Give the ns that `target` takes more because an input comes from `source`."""
        return self.entries.get((source.device, target.device), 0)

    def is_switch(self, source: str, target: str) -> bool:
        """Tell whether an edge between tasks on these devices is a switch."""
        return source != target and bool(self.resources[source] and self.resources[target])

    def _topological(self) -> list[int]:
        """Order by depth first through inputs, so that lists that are in order stay as they are."""
        done = [False] * len(self.tasks)
        order: list[int] = []
        for root in range(len(self.tasks)):
            walk = [(root, 0)]
            while walk:
                task, position = walk.pop()
                if done[task]:
                    continue
                if position < len(self.inputs[task]):
                    walk.append((task, position + 1))
                    walk.append((self.inputs[task][position].source, 0))
                else:
                    done[task] = True
                    order.append(task)
        return order

    def is_chain(self) -> bool:
        """Tell whether every task reads and feeds at most one other, all in one line."""
        if len(self.links) != len(self.tasks) - 1:
            return False
        feeds = [0] * len(self.tasks)
        for link in self.links:
            feeds[link.source] += 1
        return max(feeds) <= 1 and all(len(links) <= 1 for links in self.inputs)

    def descendants(self) -> list[int]:
        """For each task, a bit mask of the tasks that come after it."""
        after = [0] * len(self.tasks)
        for task in reversed(self.order):
            for link in self.inputs[task]:
                after[link.source] |= after[task] | 1 << task
        return after


def one_at_a_time(graph: Graph) -> bool:
    """Tell whether no two things that take time can ever overlap, whatever is chosen.

    That is so if any two tasks or transfers either wait for each other or share a resource in
    all of their alternatives. Then the latency of every plan is the plain sum of its durations,
    in any order.
    """
    if graph.is_chain():
        return True
    after = _successors(graph)
    uses = [_task_uses(graph, task) for task in range(len(graph.tasks))]
    uses += [_transfer_uses(graph, link) for link in graph.links]
    uses += [_export_uses(graph, tensor) for tensor in range(len(graph.tensors))]
    members: dict[frozenset[frozenset[str]], int] = {}
    for node, use in enumerate(uses):
        if use:
            members[use] = members.get(use, 0) | 1 << node
    clashing = {
        first: sum(
            mask
            for second, mask in members.items()
            if not all(one & other for one in first for other in second)
        )
        for first in members
    }
    later = 0
    for node in reversed(list(_sequence(graph))):
        if uses[node] and clashing[uses[node]] & later & ~after[node]:
            return False
        later |= 1 << node
    return True


def _sequence(graph: Graph) -> Iterator[int]:
    """Number tasks, then the transfers on edges, then exports; give each after its predecessors."""
    tasks, links = len(graph.tasks), len(graph.links)
    for task in graph.order:
        yield from (tasks + link.number for link in graph.inputs[task])
        yield task
        yield from (tasks + links + tensor for tensor in graph.outputs[task])


def _successors(graph: Graph) -> list[int]:
    """For each task, transfer and export, a bit mask of those that have to wait for it."""
    tasks, links = len(graph.tasks), len(graph.links)
    after = [0] * (tasks + links + len(graph.tensors))
    for task in reversed(graph.order):
        for tensor in graph.outputs[task]:
            # Not every reader needs a transfer: only what comes after all readers has to wait.
            moves = [tasks + link.number for link in graph.readers[tensor]]
            common = functools.reduce(operator.and_, (after[move] for move in moves), -1)
            node = tasks + links + tensor
            after[node] = sum(1 << move for move in moves) | (common if moves else 0)
            after[task] |= 1 << node
        for link in graph.inputs[task]:
            move = tasks + link.number
            after[move] = after[task] | 1 << task
            after[link.source] |= after[move] | 1 << move
    return after


def _task_uses(graph: Graph, task: int) -> frozenset[frozenset[str]]:
    """The sets of resources that a task may occupy for a time."""
    entered = {target for (_, target) in graph.entries} if graph.inputs[task] else set()
    return frozenset(
        graph.resources[option.device]
        for option in graph.tasks[task].options
        if option.duration or option.device in entered
    )


def _transfer_uses(graph: Graph, link: Link) -> frozenset[frozenset[str]]:
    """The sets of resources that the transfer on an edge may occupy for a time."""
    sources = {option.output_ports[link.output] for option in graph.tasks[link.source].options}
    targets = {option.input_ports[link.input] for option in graph.tasks[link.target].options}
    return frozenset(
        move.resources
        for move in graph.tensors[link.tensor].transfers
        if move.duration and move.source in sources and move.target in targets
    )


def _export_uses(graph: Graph, tensor: int) -> frozenset[frozenset[str]]:
    """The sets of resources that the export of a tensor may occupy for a time."""
    slot = graph.tensors[tensor].output
    made = {option.output_ports[slot] for option in graph.tasks[graph.source[tensor]].options}
    exports = (graph.exports[tensor].get(port) for port in sorted(made))
    return frozenset(one.resources for one in exports if one is not None and one.duration)


def is_sum(graph: Graph) -> bool:
    """Tell whether the first objective is a sum that the choice alone decides.

    Energy always is; latency is where only one thing can be busy at a time, but for contiguous
    devices that may have to wait.
    """
    first = graph.problem.objectives[0]
    if first is Measure.ENERGY:
        return True
    return first is Measure.LATENCY and not graph.problem.is_pipeline and one_at_a_time(graph)
