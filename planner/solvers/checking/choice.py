"""What a choice of options makes necessary, read from the problem for the checker alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from graphlib import CycleError, TopologicalSorter

from attrs import field, frozen

from bnnplan.planner.problem import Edge, Export, Option, Problem, Tensor, Transfer

Key = tuple[str, ...]
"""Names an activity: (task,), (tensor, port) of a transfer, or (tensor, port, "export")."""


@frozen
class Activity:
    """A task, transfer or export: what it takes, and the activities that it waits for."""

    words: str
    duration: int
    resources: frozenset[str]
    after: set[Key] = field(factory=set)


class Chosen:
    """A problem whose every task has its option.

    Attributes
    ----------
    order : list of str
        Tasks in the order of the graph.
    option : dict of str to Option
        By task.
    given : dict of str to str
        The port where each tensor is made.
    readers : dict of (str, str) to list of str
        Who reads a tensor at a port.
    needed : dict of (str, str) to Transfer or None
        The transfers by tensor and target; None where there is no such transfer.
    exports : dict of str to Export
        By tensor, where one is needed.
    activities : dict of Key to Activity
        Everything that happens, each after what it waits for. Impossible transfers take no time.
    parts : dict of str to set of Key
        What belongs to the part of each contiguous device that has tasks.
    """

    def __init__(self, problem: Problem, choice: Sequence[int]) -> None:
        self.problem = problem
        self.option: dict[str, Option] = {
            task.name: task.options[index]
            for task, index in zip(problem.tasks, choice, strict=True)
        }
        self.tensors: dict[str, Tensor] = {tensor.name: tensor for tensor in problem.tensors}
        self.given = {
            tensor.name: self.option[tensor.source].output_ports[tensor.output]
            for tensor in problem.tensors
        }
        self.edges: dict[str, list[Edge]] = {task.name: [] for task in problem.tasks}
        for edge in sorted(problem.edges, key=lambda edge: edge.input):
            self.edges[edge.target].append(edge)
        self.readers: dict[tuple[str, str], list[str]] = defaultdict(list)
        self.needed: dict[tuple[str, str], Transfer | None] = {}
        self.exports: dict[str, Export] = {}
        for edge in problem.edges:
            self._read(edge)
        self.order = self._order()
        self.resources = {device.name: device.resources for device in problem.devices}
        self.activities: dict[Key, Activity] = {}
        entries = {(entry.source, entry.target): entry.duration for entry in problem.entries}
        for task in self.order:
            self._add(task, entries)
        self.parts: dict[str, set[Key]] = {}
        for device in problem.devices:
            tasks = [task for task in self.order if self.device(task) == device.name]
            if device.contiguous and tasks:
                self.parts[device.name] = self._part(device.name, tasks)

    def device(self, task: str) -> str:
        """Name the device of a task."""
        return self.option[task].device

    def source(self, edge: Edge) -> str:
        """Name the task that an edge comes from."""
        return self.tensors[edge.tensor].source

    def port(self, edge: Edge) -> str:
        """Name the port where an edge is read."""
        return self.option[edge.target].input_ports[edge.input]

    def _read(self, edge: Edge) -> None:
        tensor, port = self.tensors[edge.tensor], self.port(edge)
        given = self.given[edge.tensor]
        self.readers[edge.tensor, port].append(edge.target)
        if port == given:
            return
        self.needed[edge.tensor, port] = next(
            (move for move in tensor.transfers if (move.source, move.target) == (given, port)), None
        )
        for export in tensor.exports:
            if export.port == given:
                self.exports[edge.tensor] = export

    def _order(self) -> list[str]:
        """As listed, but depth first after what they read, by input."""
        order: dict[str, None] = {}
        for task in self.edges:
            walk = [task]
            while walk:
                missing = [
                    source
                    for edge in self.edges[walk[-1]]
                    if (source := self.source(edge)) not in order
                ]
                if missing:
                    walk.append(missing[0])
                else:
                    order[walk.pop()] = None
        return list(order)

    def _add(self, task: str, entries: dict[tuple[str, str], int]) -> None:
        """Add what has to happen before a task, then the task."""
        option = self.option[task]
        entry = 0
        after: set[Key] = set()
        for edge in self.edges[task]:
            source, name = self.source(edge), edge.tensor
            entry = max(entry, entries.get((self.device(source), option.device), 0))
            after.add((source,))
            key = name, self.port(edge)
            if key not in self.needed:
                continue
            before: set[Key] = {(source,)}
            if (export := self.exports.get(name)) is not None:
                made = name, export.port, "export"
                words = f"export of {name!r} from {export.port!r}"
                self.activities[made] = Activity(
                    words, export.duration, export.resources, {(source,)}
                )
                before.add(made)
            move = self.needed[key]
            duration, busy = (move.duration, move.resources) if move else (0, frozenset[str]())
            words = f"transfer of {name!r} from {self.given[name]!r} to {key[1]!r}"
            self.activities[key] = Activity(words, duration, busy, before)
            after |= {key, *before}
        self.activities[task,] = Activity(
            f"task {task!r}", option.duration + entry, self.resources[option.device], after
        )

    def _part(self, device: str, tasks: list[str]) -> set[Key]:
        """Tasks, their exports, and transfers to them that occupy the device or move their own."""
        part: set[Key] = {(task,) for task in tasks}
        for name, export in self.exports.items():
            if self.device(self.tensors[name].source) == device:
                part.add((name, export.port, "export"))
        for name, port in self.needed:
            if any(self.device(reader) == device for reader in self.readers[name, port]):
                own = self.device(self.tensors[name].source) == device
                if own or self.activities[name, port].resources & self.resources[device]:
                    part.add((name, port))
        return part

    def parts_in_circle(self) -> bool:
        """Tell whether parts wait for each other, or for tasks that wait for them."""

        def node(task: str) -> Key:
            device = self.device(task)
            return ("part", device) if device in self.parts else (task,)

        before: dict[Key, set[Key]] = {node(task): set() for task in self.order}
        for edge in self.problem.edges:
            if node(self.source(edge)) != node(edge.target):
                before[node(edge.target)].add(node(self.source(edge)))
        try:
            TopologicalSorter(before).prepare()
        except CycleError:
            return True
        return False

    def energy(self) -> int:
        """Nanojoules of one frame."""
        moves = sum(move.energy for move in self.needed.values() if move is not None)
        exports = sum(export.energy for export in self.exports.values())
        return sum(option.energy for option in self.option.values()) + moves + exports
