"""One thing after the other: what the list schedule of one inference has placed so far."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bnnplan.planner.problem import Export, Measure, Option, Transfer
from bnnplan.planner.solution import ScheduledExport, ScheduledTransfer, Solution
from bnnplan.planner.solvers.schedules.holding import most_held
from bnnplan.planner.solvers.structure import Graph


class Timeline:
    """Each thing starts as soon as what it waits for is there and its resources are free.

    Attributes
    ----------
    starts, ends, given : list of int
        For each task; `given` is when others may use what it makes.
    free : dict of str to int
        When each resource is free again.
    moved : dict of (int, str) to (Transfer, int, int)
        The transfers made, with start and end, by tensor and target.
    exported : dict of int to (Export, int, int)
        The exports made, by tensor.
    floor : int
        Nothing is placed before it.
    """

    def __init__(self, graph: Graph, options: Sequence[Option]) -> None:
        self.graph = graph
        self.options = options
        self.starts = [0] * len(options)
        self.ends = [0] * len(options)
        self.given = [0] * len(options)
        self.free: dict[str, int] = {}
        self.moved: dict[tuple[int, str], tuple[Transfer, int, int]] = {}
        self.exported: dict[int, tuple[Export, int, int]] = {}
        self.floor = 0

    def run(self, task: int) -> bool:
        """Place the transfers that a task needs, then the task; False if one is impossible."""
        graph, options = self.graph, self.options
        option = options[task]
        ready = self.floor
        entry = 0
        for link in graph.inputs[task]:
            source = options[link.source]
            if source.device != option.device:
                entry = max(entry, graph.entry_time(source, option))
            produced = source.output_ports[link.output]
            wanted = option.input_ports[link.input]
            if produced != wanted:
                known = self.moved.get((link.tensor, wanted)) or self.move(
                    link.tensor, produced, wanted
                )
                if known is None:
                    return False
                ready = max(ready, known[2])
            ready = max(ready, self.given[link.source])
        span = option.duration + entry
        if span:
            ready = self._place(ready, span, graph.resources[option.device])
        self.starts[task] = ready
        self.ends[task] = self.given[task] = ready + span
        return True

    def move(self, tensor: int, source: str, target: str) -> tuple[Transfer, int, int] | None:
        """Place a transfer, and its export if nobody did; None if it is impossible."""
        move = self.graph.transfers[tensor].get((source, target))
        if move is None:
            return None
        ready = max(self.floor, self.export(tensor, source))
        start = self._place(ready, move.duration, move.resources) if move.duration else ready
        self.moved[tensor, target] = move, start, start + move.duration
        return self.moved[tensor, target]

    def export(self, tensor: int, port: str) -> int:
        """Place the export of a tensor if nobody did; give when transfers of it may start."""
        given = self.given[self.graph.source[tensor]]
        if (export := self.graph.exports[tensor].get(port)) is None:
            return given
        if tensor not in self.exported:
            start = max(self.floor, given)
            if export.duration:
                start = self._place(start, export.duration, export.resources)
            self.exported[tensor] = export, start, start + export.duration
        return max(given, self.exported[tensor][2])

    def wait(self, resources: Iterable[str], until: int = 0) -> int:
        """Give when resources are free, which is at `until` at the earliest."""
        return max([until, *(self.free.get(one, 0) for one in resources)])

    def _place(self, ready: int, duration: int, resources: frozenset[str]) -> int:
        free = self.free
        for one in resources:
            ready = max(ready, free.get(one, 0))
        end = ready + duration
        for one in resources:
            free[one] = end
        return ready

    def solution(self, choice: Sequence[int]) -> Solution:
        """Give what has been placed, with the value of the first objective."""
        names = [tensor.name for tensor in self.graph.tensors]
        return Solution(
            choice=tuple(choice),
            starts=tuple(self.starts),
            ends=tuple(self.ends),
            transfers=tuple(
                ScheduledTransfer(names[tensor], move.source, move.target, start, end)
                for (tensor, _), (move, start, end) in self.moved.items()
            ),
            objective=self._objective(),
            exports=tuple(
                ScheduledExport(names[tensor], export.port, start, end)
                for tensor, (export, start, end) in self.exported.items()
            ),
        )

    def _objective(self) -> int:
        measure = self.graph.problem.objectives[0]
        if measure is Measure.ENERGY:
            return energy(self.options, self.moved.values(), self.exported.values())
        if measure is Measure.MEMORY:
            moves = {key: (start, end) for key, (_, start, end) in self.moved.items()}
            return most_held(self.graph, self.options, self.starts, self.ends, moves)
        return max(self.ends)


def energy(
    options: Iterable[Option],
    moves: Iterable[tuple[Transfer, int, int]],
    exports: Iterable[tuple[Export, int, int]],
) -> int:
    """Add up the nanojoules of all that happens."""
    total = sum(option.energy for option in options)
    total += sum(move.energy for move, _, _ in moves)
    return total + sum(export.energy for export, _, _ in exports)
