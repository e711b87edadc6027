"""The schedule part of the CP-SAT model: when things run where branches can run concurrently.

Every task has a start and a span; it occupies the resources of its chosen device as an optional
interval. Transfers that occupy resources, or whose memory is limited, have starts of their own;
others are plain delays.
"""

from __future__ import annotations

from collections.abc import Iterator

from ortools.sat.python import cp_model

from bnnplan.planner.solution import ScheduledTransfer, Solution
from bnnplan.planner.solvers.cpsat_engine import Answer, Expression
from bnnplan.planner.solvers.cpsat_placement import Placement
from bnnplan.planner.solvers.structure import Graph, Link


class Schedule:
    """Adds times, resources and the latency to a placement."""

    def __init__(self, placement: Placement, horizon: int, bound: int) -> None:
        self.placement = placement
        self.graph: Graph = placement.graph
        self.model = placement.model
        self.horizon = horizon
        tasks = range(len(self.graph.tasks))
        self.start = [self.time(f"start_{task}") for task in tasks]
        self.end = [self.time(f"end_{task}") for task in tasks]
        self.span = [self.time(f"span_{task}") for task in tasks]
        self.move_start: dict[tuple[int, str], cp_model.IntVar] = {}
        self.latency = self.model.new_int_var(bound, horizon, "latency")
        self.after = self.graph.descendants()
        self.busy: dict[str, list[cp_model.IntervalVar]] = {}
        self.load: dict[str, Expression] = {}
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

    def time(self, name: str) -> cp_model.IntVar:
        """Add a variable that is a time or a span."""
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
            load: Expression = sum(
                self.graph.tasks[task].options[index].duration * placement.option[task][index]
                for index in indices
            )
            if len(devices) == 1:
                load = span
            for present in self._presences(task, indices):
                interval = model.new_optional_interval_var(start, span, end, present, f"run_{task}")
                for resource in sorted(resources):
                    self._occupy(resource, interval, load)
                load = 0

    def _presences(self, task: int, indices: list[int]) -> Iterator[cp_model.LiteralT]:
        """When a task occupies the resources that some of its options share.

        What takes no time occupies nothing, and may happen while others run; but an interval of
        no length may not lie inside another one. So it is absent where the span is 0.
        """
        options = self.graph.tasks[task].options
        long = [index for index in indices if options[index].duration]
        if long:
            yield self.placement.group(task, long)
        brief = [index for index in indices if not options[index].duration]
        if brief:
            takes_time = self.model.new_bool_var(f"entry_{task}_{brief[0]}")
            chosen = self.placement.group(task, brief)
            self.model.add_implication(takes_time, chosen)
            self.model.add(self.span[task] == 0).only_enforce_if(chosen, ~takes_time)
            yield takes_time

    def _occupy(self, resource: str, interval: cp_model.IntervalVar, load: Expression) -> None:
        self.busy.setdefault(resource, []).append(interval)
        self.load[resource] = self.load.get(resource, 0) + load

    def _add_transfers(self, tensor: int) -> None:
        """A transfer starts when its tensor is there, and occupies its resources."""
        for (source, target), literal in self.placement.moved[tensor].items():
            move = self.placement.move(tensor, (source, target))
            if not self._has_start(tensor, target):
                continue
            if (tensor, target) not in self.move_start:
                begin = self.time(f"move_{tensor}_{target}")
                self.move_start[tensor, target] = begin
                self.model.add(begin >= self.end[self.graph.source[tensor]])
            begin = self.move_start[tensor, target]
            if move.duration and move.resources:
                interval = self.model.new_optional_fixed_size_interval_var(
                    begin, move.duration, literal, f"move_{tensor}_{source}_{target}"
                )
                for resource in sorted(move.resources):
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
        arrival: Expression = self.end[link.source]
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
        loads: dict[str, Expression] = {}
        for task in inside:
            for index, literal in self.placement.option[task].items():
                option = self.graph.tasks[task].options[index]
                for resource in sorted(self.graph.resources[option.device]):
                    load = loads.get(resource, 0)
                    loads[resource] = load + option.duration * literal
        for tensor, links in enumerate(self.graph.readers):
            if self.graph.source[tensor] not in (fork, *inside):
                continue
            if any(link.target not in (*inside, join) for link in links):
                continue
            for ports, literal in self.placement.moved[tensor].items():
                move = self.placement.move(tensor, ports)
                for resource in sorted(move.resources):
                    loads[resource] = loads.get(resource, 0) + move.duration * literal
        for load in loads.values():
            self.model.add(self.start[join] - self.end[fork] >= load)

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
        for task in range(len(graph.tasks)):
            start, end = solution.starts[task], solution.ends[task]
            hints[self.start[task].index] = start
            hints[self.end[task].index] = end
            hints[self.span[task].index] = end - start
        hints[self.latency.index] = solution.objective
        moves = {(move.tensor, move.target): move for move in solution.transfers}
        for (tensor, port), begin in self.move_start.items():
            made = moves.get((graph.tensors[tensor].name, port))
            hints[begin.index] = made.start if made else solution.ends[graph.source[tensor]]
