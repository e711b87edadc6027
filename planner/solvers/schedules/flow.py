"""Everything that happens for one frame of a pipeline, once a choice is made."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from bnnplan.planner.problem import Export, Option, Transfer
from bnnplan.planner.solvers.schedules.parts import belongs
from bnnplan.planner.solvers.structure import Graph


class Flow:
    """All that happens for one frame: tasks by their position, then transfers and exports.

    Attributes
    ----------
    possible : bool
        Whether all transfers are; else the flow is not complete.
    durations : list of int
        Nanoseconds, entries included.
    resources : list of frozenset of str
    separate : list of bool
        Whether each is a stage apart from what it waits for on other resources.
    after : list of list of int
        What each waits for.
    sequence : list of int
        Everything after what it waits for.
    moves : dict of (int, str) to (int, Transfer)
        Number of each transfer, by tensor and target.
    exports : dict of int to (int, Export)
        Number of each export, by tensor.
    """

    def __init__(self, graph: Graph, options: Sequence[Option]) -> None:
        self.graph = graph
        self.options = options
        self.durations = [option.duration for option in options]
        self.resources = [graph.resources[option.device] for option in options]
        self.separate = [bool(busy) for busy in self.resources]
        self.after: list[list[int]] = [[] for _ in options]
        self.sequence: list[int] = []
        self.moves: dict[tuple[int, str], tuple[int, Transfer]] = {}
        self.exports: dict[int, tuple[int, Export]] = {}
        self.possible = all(map(self._add_task, graph.order))

    def _add_task(self, task: int) -> bool:
        graph, options = self.graph, self.options
        option = options[task]
        after = self.after[task]
        entry = 0
        for link in graph.inputs[task]:
            source = options[link.source]
            if source.device != option.device:
                entry = max(entry, graph.entry_time(source, option))
            after.append(link.source)
            produced = source.output_ports[link.output]
            wanted = option.input_ports[link.input]
            if produced == wanted:
                continue
            if (link.tensor, wanted) not in self.moves:
                move = graph.transfers[link.tensor].get((produced, wanted))
                if move is None:
                    return False
                before = [link.source, *self._export(link.tensor, produced, link.source)]
                number = self._add(move.duration, move.resources, before)
                self.moves[link.tensor, wanted] = number, move
            after.append(self.moves[link.tensor, wanted][0])
            if link.tensor in self.exports:
                after.append(self.exports[link.tensor][0])
        self.durations[task] += entry
        self.sequence.append(task)
        return True

    def _export(self, tensor: int, port: str, maker: int) -> tuple[int, ...]:
        export = self.graph.exports[tensor].get(port)
        if export is None:
            return ()
        if tensor not in self.exports:
            number = self._add(export.duration, export.resources, [maker])
            self.exports[tensor] = number, export
        return (self.exports[tensor][0],)

    def _add(self, duration: int, resources: frozenset[str], after: list[int]) -> int:
        number = len(self.durations)
        self.durations.append(duration)
        self.resources.append(resources)
        self.separate.append(duration > 0)
        self.after.append(after)
        self.sequence.append(number)
        return number

    def period(self) -> int:
        """Give the largest load, or the longest transfer or export without resources (ns)."""
        loads: dict[str, int] = defaultdict(int)
        alone = 0
        tasks = len(self.options)
        for number, (duration, busy) in enumerate(zip(self.durations, self.resources, strict=True)):
            for resource in busy:
                loads[resource] += duration
            if not busy and number >= tasks:
                alone = max(alone, duration)
        return max([alone, *loads.values()])

    def parts(self) -> list[list[int]]:
        """Give what belongs to the part of each contiguous device."""
        graph, options = self.graph, self.options
        members: dict[str, dict[int, None]] = defaultdict(dict)
        for task, option in enumerate(options):
            if option.device in graph.contiguous:
                members[option.device][task] = None
        for tensor, (number, _) in self.exports.items():
            device = options[graph.source[tensor]].device
            if device in graph.contiguous:
                members[device][number] = None
        for (tensor, port), (number, move) in self.moves.items():
            maker = options[graph.source[tensor]].device
            for link in graph.readers[tensor]:
                reader = options[link.target]
                if (
                    reader.device in graph.contiguous
                    and reader.input_ports[link.input] == port
                    and belongs(graph, move, maker, reader.device)
                ):
                    members[reader.device][number] = None
        return [list(numbers) for numbers in members.values()]

    def stages(self) -> list[int] | None:
        """Give the least stage of everything; None where a part waits for a later stage."""
        stages = [0] * len(self.durations)
        parts = self.parts() if self.graph.contiguous else []
        # A way through the flow enters each part at most once, so that this many rounds do.
        for _ in range(len(parts) + 1):
            for number in self.sequence:
                stage = stages[number]
                separate, busy = self.separate[number], self.resources[number]
                for other in self.after[number]:
                    soonest = stages[other]
                    if separate and self.separate[other]:
                        soonest += busy.isdisjoint(self.resources[other])
                    stage = max(stage, soonest)
                stages[number] = stage
            if all(len({stages[number] for number in part}) == 1 for part in parts):
                return stages
            for part in parts:
                stage = max(stages[number] for number in part)
                for number in part:
                    stages[number] = stage
        return None
