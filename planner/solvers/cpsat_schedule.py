"""The schedule part of the CP-SAT model: when things run where branches can run concurrently.

Every task has a start and a span; it occupies the resources of its chosen device as an optional
interval. Transfers that occupy resources, or whose memory is limited, have starts of their own;
others are plain delays. Live tensors are optional intervals of variable length.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import define, field
from ortools.sat.python import cp_model

from bnnplan.planner.problem import ScheduledTransfer, Solution
from bnnplan.planner.solvers.cpsat_engine import Answer, any_of
from bnnplan.planner.solvers.cpsat_memory import weights
from bnnplan.planner.solvers.cpsat_placement import Placement
from bnnplan.planner.solvers.structure import Graph, Link


@define
class _Users:
    """What occupies a limited thing: intervals with their demands."""

    intervals: list[cp_model.IntervalVar] = field(factory=list)
    demands: list[int] = field(factory=list)

    def add(self, interval: cp_model.IntervalVar, demand: int) -> None:
        self.intervals.append(interval)
        self.demands.append(demand)


class Schedule:
    """Adds times, resources, memory over time and the latency to a placement."""

    def __init__(self, placement: Placement, horizon: int, bound: int) -> None:
        self.placement = placement
        self.graph: Graph = placement.graph
        self.model = placement.model
        self.horizon = horizon
        tasks = range(len(self.graph.tasks))
        self.start = [self._time(f"start_{task}") for task in tasks]
        self.end = [self._time(f"end_{task}") for task in tasks]
        self.span = [self._time(f"span_{task}") for task in tasks]
        self.move_start: dict[tuple[int, str], cp_model.IntVar] = {}
        # Memory: by tensor, port, and whether it was transferred there.
        self.last: dict[tuple[int, str, bool], cp_model.IntVar] = {}
        self.length: dict[tuple[int, str, bool], cp_model.IntVar] = {}
        self.there: dict[tuple[int, str], cp_model.BoolVarT] = {}
        self.taken: dict[str, cp_model.IntVar] = {}
        self.latency = self.model.new_int_var(bound, horizon, "latency")
        self.after = self.graph.descendants()
        self.busy: dict[str, list[cp_model.IntervalVar]] = {}
        self.load: dict[str, cp_model.LinearExprT] = {}
        for task in tasks:
            self._add_task(task)
        for tensor in range(len(self.graph.tensors)):
            self._add_transfers(tensor)
        for link in self.graph.links:
            self._add_precedence(link)
        for resource, intervals in self.busy.items():
            self.model.add_no_overlap(intervals)
            # No interval reasoning is as tight as the plain sum, which knows the placement.
            self.model.add(self.load[resource] <= self.latency)
        for fork, join in self._windows():
            self._add_window(fork, join)
        for space in self.graph.capacity:
            self._add_memory(space)

    def _time(self, name: str) -> cp_model.IntVar:
        return self.model.new_int_var(0, self.horizon, name)

    def _add_task(self, task: int) -> None:
        """A task occupies the resources of its device from start to end."""
        model, placement = self.model, self.placement
        start, span, end = self.start[task], self.span[task], self.end[task]
        model.add(span == placement.duration(task) + placement.entry[task])
        model.add(end == start + span)
        model.add(end <= self.latency)
        devices: dict[frozenset[str], list[int]] = {}
        for index in placement.option[task]:
            resources = self.graph.resources[self.graph.tasks[task].options[index].device]
            devices.setdefault(resources, []).append(index)
        for resources, indices in devices.items():
            if not resources:
                continue
            present = placement.group(task, indices)
            interval = model.new_optional_interval_var(start, span, end, present, f"run_{task}")
            load: cp_model.LinearExprT = sum(
                self.graph.tasks[task].options[index].duration * placement.option[task][index]
                for index in indices
            )
            if len(devices) == 1:
                load = span
            for resource in resources:
                self._occupy(resource, interval, load)

    def _occupy(
        self, resource: str, interval: cp_model.IntervalVar, load: cp_model.LinearExprT
    ) -> None:
        self.busy.setdefault(resource, []).append(interval)
        self.load[resource] = self.load.get(resource, 0) + load

    def _add_transfers(self, tensor: int) -> None:
        """A transfer starts when its tensor is there, and occupies its resources."""
        for (source, target), literal in self.placement.moved[tensor].items():
            move = self.placement.move(tensor, (source, target))
            if not self._has_start(tensor, target):
                continue
            if (tensor, target) not in self.move_start:
                begin = self._time(f"move_{tensor}_{target}")
                self.move_start[tensor, target] = begin
                self.model.add(begin >= self.end[self.graph.source[tensor]])
            begin = self.move_start[tensor, target]
            if move.duration and move.resources:
                interval = self.model.new_optional_fixed_size_interval_var(
                    begin, move.duration, literal, f"move_{tensor}_{source}_{target}"
                )
                for resource in move.resources:
                    self._occupy(resource, interval, move.duration * literal)

    def _has_start(self, tensor: int, target: str) -> bool:
        """Tell whether the transfers of a tensor to a port may have to wait."""
        return bool(self.graph.capacity) or any(
            self.placement.move(tensor, ports).resources
            for ports in self.placement.moved[tensor]
            if ports[1] == target
        )

    def _add_precedence(self, link: Link) -> None:
        """A task starts after its inputs are there."""
        arrival: cp_model.LinearExprT = self.end[link.source]
        for ((_, source), (_, target)), literal in self.placement.pair[link.number].items():
            if source == target:
                continue
            duration = self.placement.move(link.tensor, (source, target)).duration
            arrival += duration * literal
            if (link.tensor, target) in self.move_start:
                begin = self.move_start[link.tensor, target]
                self.model.add(self.start[link.target] >= begin + duration).only_enforce_if(literal)
        self.model.add(self.start[link.target] >= arrival)

    def _windows(self) -> Iterator[tuple[int, int]]:
        """Give each task where branches join, with the last task before all of its branches."""
        before = [0] * len(self.graph.tasks)
        for task in self.graph.order:
            for link in self.graph.inputs[task]:
                before[task] |= before[link.source] | 1 << link.source
            common = -1
            for link in self.graph.inputs[task]:
                common &= before[link.source] | 1 << link.source
            if len(self.graph.inputs[task]) > 1 and common:
                yield [other for other in self.graph.order if common >> other & 1][-1], task

    def _add_window(self, fork: int, join: int) -> None:
        """What runs on a resource between fork and join fits between them.

        Intervals alone say little until they are placed; this sum is tight from the beginning,
        since it knows which option each branch takes.
        """
        inside = [
            task
            for task in range(len(self.graph.tasks))
            if self.after[fork] >> task & 1 and self.after[task] >> join & 1
        ]
        loads: dict[str, cp_model.LinearExprT] = {}
        for task in inside:
            for index, literal in self.placement.option[task].items():
                option = self.graph.tasks[task].options[index]
                for resource in self.graph.resources[option.device]:
                    load = loads.get(resource, 0)
                    loads[resource] = load + option.duration * literal
        for tensor, links in enumerate(self.graph.readers):
            if self.graph.source[tensor] not in (fork, *inside):
                continue
            if any(link.target not in (*inside, join) for link in links):
                continue
            for ports, literal in self.placement.moved[tensor].items():
                move = self.placement.move(tensor, ports)
                for resource in move.resources:
                    loads[resource] = loads.get(resource, 0) + move.duration * literal
        for load in loads.values():
            self.model.add(self.start[join] - self.end[fork] >= load)

    def _add_memory(self, space: str) -> None:
        """Weights and what is alive at any time fit into a space."""
        graph, model, placement = self.graph, self.model, self.placement
        users = _Users()
        for task, literals in enumerate(placement.option):
            sizes = {
                index: graph.tasks[task].options[index].workspace_bytes
                for index in literals
                if graph.tasks[task].options[index].space == space
            }
            for size in sorted(set(sizes.values()) - {0}):
                present = placement.group(task, [i for i, other in sizes.items() if other == size])
                interval = model.new_optional_interval_var(
                    self.start[task], self.span[task], self.end[task], present, f"work_{task}"
                )
                users.add(interval, size)
        for tensor in range(len(graph.tensors)):
            for port, literal in placement.produced(tensor).items():
                if graph.space[port] == space:
                    users.add(self._live(tensor, port, literal), graph.bytes[tensor][port])
            for port in dict.fromkeys(target for _, target in placement.moved[tensor]):
                if graph.space[port] == space:
                    users.add(self._live_moved(tensor, port), graph.bytes[tensor][port])
        taken = model.new_int_var(0, graph.capacity[space], f"weights_{space}")
        model.add(taken == weights(placement, space))
        self.taken[space] = taken
        model.add_cumulative(users.intervals, users.demands, graph.capacity[space] - taken)

    def _live(self, tensor: int, port: str, present: cp_model.BoolVarT) -> cp_model.IntervalVar:
        """A tensor is alive from the start of its producer to its last reader or transfer."""
        source = self.graph.source[tensor]
        last = self._time(f"last_{tensor}_{port}")
        self.last[tensor, port, False] = last
        self.model.add(last >= self.end[source])
        for (given, target), literal in self.placement.moved[tensor].items():
            if given == port:
                done = self.move_start[tensor, target]
                done += self.placement.move(tensor, (given, target)).duration
                self.model.add(last >= done).only_enforce_if(literal)
        self._outlive_readers(last, tensor, port, moved=False)
        return self._interval(self.start[source], last, present, (tensor, port, False))

    def _live_moved(self, tensor: int, port: str) -> cp_model.IntervalVar:
        """A transferred tensor is alive from the start of its transfer to its last reader."""
        literals = {
            given: literal
            for (given, target), literal in self.placement.moved[tensor].items()
            if target == port
        }
        last = self._time(f"moved_last_{tensor}_{port}")
        begin = self.move_start[tensor, port]
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
                    self.model.add(last >= self.end[link.target]).only_enforce_if(literal)

    def _interval(
        self,
        start: cp_model.IntVar,
        last: cp_model.IntVar,
        present: cp_model.BoolVarT,
        key: tuple[int, str, bool],
    ) -> cp_model.IntervalVar:
        length = self._time(f"length_{key}")
        self.length[key] = length
        self.model.add(last >= start)
        return self.model.new_optional_interval_var(start, length, last, present, f"alive_{key}")

    def solution(self, answer: Answer) -> Solution:
        """Read the choice and the times; ends are computed again from what was chosen."""
        graph = self.graph
        choice = self.placement.choice(answer)
        options = [t.options[index] for t, index in zip(graph.tasks, choice, strict=True)]
        starts = [answer.value(start) for start in self.start]
        ends = []
        moves: dict[tuple[int, str], ScheduledTransfer] = {}
        for task, option in enumerate(options):
            entries = [
                graph.entry_time(options[link.source], option) for link in graph.inputs[task]
            ]
            ends.append(starts[task] + option.duration + max(entries, default=0))
        for link in graph.links:
            given = options[link.source].output_ports[link.output]
            wanted = options[link.target].input_ports[link.input]
            if given == wanted or (link.tensor, wanted) in moves:
                continue
            duration = graph.transfers[link.tensor][given, wanted].duration
            begin = ends[link.source]
            if (link.tensor, wanted) in self.move_start:
                begin = answer.value(self.move_start[link.tensor, wanted])
            name = graph.tensors[link.tensor].name
            moves[link.tensor, wanted] = ScheduledTransfer(
                name, given, wanted, begin, begin + duration
            )
        return Solution(tuple(choice), tuple(starts), tuple(ends), (*moves.values(),), max(ends))

    def hint(self, hints: dict[int, int], solution: Solution) -> None:
        """Add the values that a solution gives to every variable of the schedule to `hints`."""
        graph = self.graph
        options = [t.options[i] for t, i in zip(graph.tasks, solution.choice, strict=True)]
        for task in range(len(graph.tasks)):
            start, end = solution.starts[task], solution.ends[task]
            hints[self.start[task].index] = start
            hints[self.end[task].index] = end
            hints[self.span[task].index] = end - start
        hints[self.latency.index] = solution.objective
        moves = {(move.tensor, move.target): move for move in solution.transfers}
        for (tensor, port), begin in self.move_start.items():
            move = moves.get((graph.tensors[tensor].name, port))
            hints[begin.index] = move.start if move else solution.ends[graph.source[tensor]]
        for (tensor, port, moved), last in self.last.items():
            source, name = graph.source[tensor], graph.tensors[tensor].name
            begin, until = solution.starts[source], solution.ends[source]
            if moved:
                begin = until = hints[self.move_start[tensor, port].index]
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
        for space, taken in self.taken.items():
            hints[taken.index] = sum(
                option.weight_bytes for option in options if option.space == space
            )
