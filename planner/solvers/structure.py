"""A problem as indices, with the lookups and the structure that the methods need."""

from __future__ import annotations

from attrs import frozen

from bnnplan.planner.problem import Export, Option, Problem, Tensor, Transfer
from bnnplan.planner.problem_rules import most_bytes


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
            if space.capacity is not None and space.capacity < most
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
    count = len(graph.tasks)
    # Transfers are nodes of their own, between the two ends of their edge.
    after = [0] * (count + len(graph.links))
    for task in reversed(graph.order):
        for link in graph.inputs[task]:
            node = count + link.number
            after[node] |= after[task] | 1 << task
            after[link.source] |= after[node] | 1 << node
    before = [0] * len(after)
    for task in graph.order:
        for link in graph.inputs[task]:
            node = count + link.number
            before[node] = before[link.source] | 1 << link.source
            before[task] |= before[node] | 1 << node
    uses = [_task_uses(graph, task) for task in range(count)]
    uses += [_transfer_uses(graph, link) for link in graph.links]
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
    return not any(
        clashing[use] & ~after[node] & ~before[node] & ~(1 << node)
        for node, use in enumerate(uses)
        if use
    )


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
