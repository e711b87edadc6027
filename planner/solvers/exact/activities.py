"""What one choice makes necessary in one inference, as the exhaustive search takes it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from attrs import frozen

from bnnplan.planner.problem import Export, Transfer
from bnnplan.planner.solvers.schedules.parts import belongs, in_circle
from bnnplan.planner.solvers.structure import Graph


@frozen
class Activity:
    """A task, transfer or export of one choice; `parts` have to end before it starts."""

    duration: int
    resources: frozenset[str]
    after: tuple[int, ...]
    parts: frozenset[str] = frozenset()


@frozen
class Block:
    """Bytes that lie in a space from the start of `maker` until all of `users` have ended."""

    space: str
    bytes: int
    maker: int
    users: tuple[int, ...]


@frozen
class Part:
    """What runs as one, and what has to have ended before it starts."""

    resources: frozenset[str]
    members: frozenset[int]
    after: frozenset[int]
    parts: frozenset[str]


class Activities:
    """What one choice makes necessary, by number: tasks by position, then transfers and exports.

    Attributes
    ----------
    possible : bool
        Whether all transfers are, and parts do not wait in a circle; else the rest is missing.
    all : list of Activity
    moves : dict of (int, str) to (int, Transfer)
        Number of each transfer, by tensor and target.
    exports : dict of int to (int, Export)
        Number of each export, by tensor.
    parts : dict of str to Part
        By contiguous device.
    blocks : list of Block
        What lies in memory for a while.
    weights : dict of str to int
        Bytes that lie in each space all the time.
    energy : int
        Nanojoules.
    """

    def __init__(self, graph: Graph, choice: Sequence[int]) -> None:
        self.graph = graph
        self.options = [t.options[index] for t, index in zip(graph.tasks, choice, strict=True)]
        self.moves: dict[tuple[int, str], tuple[int, Transfer]] = {}
        self.exports: dict[int, tuple[int, Export]] = {}
        self.all = [Activity(0, frozenset(), ())] * len(graph.tasks)
        self.possible = not in_circle(graph, self.options) and all(map(self._add, graph.order))
        if not self.possible:
            return
        self.parts = {
            device: self._part(device)
            for device in dict.fromkeys(option.device for option in self.options)
            if device in graph.contiguous
        }
        self.blocks = list(self._blocks())
        self.weights = {space.name: 0 for space in graph.problem.spaces}
        for option in self.options:
            self.weights[option.space] += option.weight_bytes
        self.energy = sum(option.energy for option in self.options)
        self.energy += sum(move.energy for _, move in self.moves.values())
        self.energy += sum(export.energy for _, export in self.exports.values())

    def _device(self, task: int) -> str:
        return self.options[task].device

    def _foreign(self, tensor: int, device: str) -> frozenset[str]:
        """Name the part that makes a tensor, if it is another device's."""
        maker = self._device(self.graph.source[tensor])
        return frozenset({maker} & self.graph.contiguous - {device})

    def _add(self, task: int) -> bool:
        """Add a task after its transfers and exports; False if a transfer is impossible."""
        graph, option = self.graph, self.options[task]
        after = []
        parts: frozenset[str] = frozenset()
        entry = 0
        for link in graph.inputs[task]:
            source = self.options[link.source]
            entry = max(entry, graph.entry_time(source, option))
            given, wanted = source.output_ports[link.output], option.input_ports[link.input]
            after.append(link.source)
            parts |= self._foreign(link.tensor, option.device)
            if given == wanted:
                continue
            move = graph.transfers[link.tensor].get((given, wanted))
            if move is None:
                return False
            if (link.tensor, wanted) not in self.moves:
                self._add_move(link.tensor, link.source, move)
            after.append(self.moves[link.tensor, wanted][0])
        resources = graph.resources[option.device]
        self.all[task] = Activity(option.duration + entry, resources, tuple(after), parts)
        return True

    def _add_move(self, tensor: int, source: int, move: Transfer) -> None:
        waits = [source]
        export = self.graph.exports[tensor].get(move.source)
        if export is not None:
            if tensor not in self.exports:
                self.exports[tensor] = len(self.all), export
                self.all.append(Activity(export.duration, export.resources, (source,)))
            waits.append(self.exports[tensor][0])
        # What a part makes may be moved before its end only to itself.
        part = self._foreign(tensor, "")
        if part & {self._device(reader) for reader in self._readers(tensor, move.target)}:
            part = frozenset()
        self.moves[tensor, move.target] = len(self.all), move
        self.all.append(Activity(move.duration, move.resources, tuple(waits), part))

    def _readers(self, tensor: int, port: str) -> list[int]:
        return [
            link.target
            for link in self.graph.readers[tensor]
            if self.options[link.target].input_ports[link.input] == port
        ]

    def _part(self, device: str) -> Part:
        graph = self.graph
        members = {task for task in range(len(graph.tasks)) if self._device(task) == device}
        tasks = frozenset(members)
        after = set()
        for tensor, (number, _) in self.exports.items():
            if graph.source[tensor] in tasks:
                members.add(number)
        for (tensor, port), (number, move) in self.moves.items():
            if tasks.intersection(self._readers(tensor, port)):
                maker = self._device(graph.source[tensor])
                if belongs(graph, move, maker, device):
                    members.add(number)
                if maker != device and tensor in self.exports:
                    after.add(self.exports[tensor][0])
        parts: frozenset[str] = frozenset()
        for task in tasks:
            after.update(link.source for link in graph.inputs[task] if link.source not in tasks)
            parts |= self.all[task].parts
        return Part(graph.resources[device], frozenset(members), frozenset(after), parts)

    def _blocks(self) -> Iterator[Block]:
        graph = self.graph
        for task, option in enumerate(self.options):
            yield Block(option.space, option.workspace_bytes, task, (task,))
        for tensor, source in enumerate(graph.source):
            given = self.options[source].output_ports[graph.tensors[tensor].output]
            users = [source, *self._readers(tensor, given)]
            for port, size in graph.bytes[tensor].items():
                if (tensor, port) in self.moves:
                    maker = self.moves[tensor, port][0]
                    users.append(maker)
                    readers = self._readers(tensor, port)
                    yield Block(graph.space[port], size, maker, (maker, *readers))
            yield Block(graph.space[given], graph.bytes[tensor][given], source, tuple(users))
