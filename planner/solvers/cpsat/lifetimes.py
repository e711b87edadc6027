"""Memory over time in the CP-SAT model: what is alive at any moment fits into its space.

Live tensors are optional intervals whose length is variable; workspace is held while a task runs;
weights make the capacity smaller. Where memory is an objective or limited as a whole, the capacity
is a variable.
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import define, field
from ortools.sat.python import cp_model

from bnnplan.planner.problem_sums import most_bytes
from bnnplan.planner.solution import Solution
from bnnplan.planner.solvers.cpsat.engine import any_of
from bnnplan.planner.solvers.cpsat.memory import Room, weights
from bnnplan.planner.solvers.cpsat.schedule import Schedule

Life = tuple[int, str, bool]
"""A tensor, the port it lies at, and whether it was transferred there."""


@define
class _Users:
    """What occupies a limited thing: intervals with their demands."""

    intervals: list[cp_model.IntervalVar] = field(factory=list)
    demands: list[int] = field(factory=list)

    def add(self, interval: cp_model.IntervalVar, demand: int) -> None:
        self.intervals.append(interval)
        self.demands.append(demand)


class Lifetimes:
    """Adds the limits of every space to a schedule.

    Parameters
    ----------
    times : Schedule
    rooms : mapping
        What each space may hold at most, where that matters.
    """

    def __init__(self, times: Schedule, rooms: Mapping[str, Room]) -> None:
        self.times = times
        self.placement = times.placement
        self.graph = times.graph
        self.model = times.model
        self.rooms = rooms
        self.last: dict[Life, cp_model.IntVar] = {}
        self.length: dict[Life, cp_model.IntVar] = {}
        self.there: dict[tuple[int, str], cp_model.IntVar] = {}
        self.left: dict[str, cp_model.IntVar] = {}
        for space, room in rooms.items():
            self._add_space(space, room)

    def _add_space(self, space: str, room: Room) -> None:
        """Weights and what is alive at any time fit into the room of a space."""
        graph, model, placement, times = self.graph, self.model, self.placement, self.times
        users = _Users()
        for task, literals in enumerate(placement.option):
            sizes = {
                index: graph.tasks[task].options[index].workspace_bytes
                for index in literals
                if graph.tasks[task].options[index].space == space
            }
            for size in sorted(set(sizes.values()) - {0}):
                present = placement.group(task, [i for i, other in sizes.items() if other == size])
                start, span, end = times.start[task], times.span[task], times.end[task]
                name = f"work_{task}"
                interval = model.new_optional_interval_var(start, span, end, present, name)
                users.add(interval, size)
        for tensor in range(len(graph.tensors)):
            for port, literal in placement.produced(tensor).items():
                if graph.space[port] == space and graph.bytes[tensor][port]:
                    users.add(self._live(tensor, port, literal), graph.bytes[tensor][port])
            for port in dict.fromkeys(target for _, target in placement.moved[tensor]):
                if graph.space[port] == space and graph.bytes[tensor][port]:
                    users.add(self._live_moved(tensor, port), graph.bytes[tensor][port])
        most = graph.capacity.get(space, most_bytes(graph.problem))
        left = self.left[space] = model.new_int_var(0, most, f"left_{space}")
        model.add(left + weights(placement, space) == room)
        if users.intervals:
            model.add_cumulative(users.intervals, users.demands, left)

    def _live(self, tensor: int, port: str, present: cp_model.IntVar) -> cp_model.IntervalVar:
        """A tensor is alive from the start of its producer to its last reader or transfer."""
        source = self.graph.source[tensor]
        last = self.times.time(f"last_{tensor}_{port}")
        self.last[tensor, port, False] = last
        self.model.add(last >= self.times.end[source])
        for (given, target), literal in self.placement.moved[tensor].items():
            if given == port:
                duration = self.placement.move(tensor, (given, target)).duration
                done = self.times.move_start[tensor, target] + duration
                self.model.add(last >= done).only_enforce_if(literal)
        self._outlive_readers(last, tensor, port, moved=False)
        return self._interval(self.times.start[source], last, present, (tensor, port, False))

    def _live_moved(self, tensor: int, port: str) -> cp_model.IntervalVar:
        """A transferred tensor is alive from the start of its transfer to its last reader."""
        literals = {
            given: literal
            for (given, target), literal in self.placement.moved[tensor].items()
            if target == port
        }
        last = self.times.time(f"moved_last_{tensor}_{port}")
        begin = self.times.move_start[tensor, port]
        self.last[tensor, port, True] = last
        for given, literal in literals.items():
            done = begin + self.placement.move(tensor, (given, port)).duration
            self.model.add(last >= done).only_enforce_if(literal)
        self._outlive_readers(last, tensor, port, moved=True)
        present = any_of(self.model, list(literals.values()), f"there_{tensor}_{port}")
        self.there[tensor, port] = present
        return self._interval(begin, last, present, (tensor, port, True))

    def _outlive_readers(
        self, last: cp_model.IntVar, tensor: int, port: str, *, moved: bool
    ) -> None:
        for link in self.graph.readers[tensor]:
            for ((_, given), (_, target)), literal in self.placement.pair[link.number].items():
                if target == port and (given != port) == moved:
                    self.model.add(last >= self.times.end[link.target]).only_enforce_if(literal)

    def _interval(
        self,
        start: cp_model.IntVar,
        last: cp_model.IntVar,
        present: cp_model.IntVar,
        key: Life,
    ) -> cp_model.IntervalVar:
        length = self.times.time(f"length_{key}")
        self.length[key] = length
        self.model.add(last >= start)
        return self.model.new_optional_interval_var(start, length, last, present, f"alive_{key}")

    def hint(self, hints: dict[int, int], solution: Solution) -> None:
        """Add what a solution gives, after its schedule and the rooms of spaces, to `hints`."""
        graph = self.graph
        options = [t.options[i] for t, i in zip(graph.tasks, solution.choice, strict=True)]
        moves = {(move.tensor, move.target): move for move in solution.transfers}
        for (tensor, port, moved), last in self.last.items():
            source, name = graph.source[tensor], graph.tensors[tensor].name
            begin, until = solution.starts[source], solution.ends[source]
            if moved:
                begin = until = hints[self.times.move_start[tensor, port].index]
            given = options[source].output_ports[graph.tensors[tensor].output]
            for link in graph.readers[tensor]:
                wanted = options[link.target].input_ports[link.input]
                if wanted == port and (given != port) == moved:
                    until = max(until, solution.ends[link.target])
                elif given == port and not moved:
                    until = max(until, moves[name, wanted].end)
            hints[last.index] = until
            hints[self.length[tensor, port, moved].index] = until - begin
        for (tensor, port), present in self.there.items():
            hints[present.index] = int((graph.tensors[tensor].name, port) in moves)
        for space, left in self.left.items():
            room = self.rooms[space]
            most = room if isinstance(room, int) else hints[room.index]
            weight = sum(option.weight_bytes for option in options if option.space == space)
            hints[left.index] = most - weight
