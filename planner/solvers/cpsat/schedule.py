"""The schedule part of the CP-SAT model: when things run where branches can run concurrently.

Every task has a start and a span; it occupies the resources of its chosen device as an optional
interval. Transfers have starts of their own where that matters (they occupy resources, their
memory counts, or they belong to a part); others are plain delays. Transfers of one tensor that
exclude each other and occupy the same for the same time are one interval.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

from ortools.sat.python import cp_model

from bnnplan.planner.solution import Solution
from bnnplan.planner.solvers.cpsat.engine import Expression, any_of
from bnnplan.planner.solvers.cpsat.placement import Placement
from bnnplan.planner.solvers.structure import Graph, Link

Ports = tuple[str, str]
"""Source and target of a transfer."""
Busy = tuple[int, frozenset[str]]
"""How long something takes, and what it occupies meanwhile."""


class Schedule:
    """Adds times, resources and the latency to a placement.

    Attributes
    ----------
    start, end, span : list
        For each task, ns.
    move_start : dict
        By tensor and target, when its transfer starts, where that matters.
    export_start : dict
        By tensor, when its export starts, if there is one.
    latency : IntVar
        At least every end; nothing makes it larger.
    """

    def __init__(
        self, placement: Placement, horizon: int, bound: int, *, spacious: bool = False
    ) -> None:
        """Add everything; `spacious` says that the memory of transfers counts."""
        self.placement = placement
        self.graph: Graph = placement.graph
        self.model = placement.model
        self.horizon = horizon
        tasks = range(len(self.graph.tasks))
        self.start = [self.time(f"start_{task}") for task in tasks]
        self.end = [self.time(f"end_{task}") for task in tasks]
        self.span = [self.time(f"span_{task}") for task in tasks]
        self.spacious = spacious
        self.brief: list[tuple[cp_model.IntVar, int, cp_model.IntVar]] = []
        self.move_start: dict[tuple[int, str], cp_model.IntVar] = {}
        self.export_start: dict[int, cp_model.IntVar] = {}
        self.given: dict[int, cp_model.IntVar] = {}
        self.latency = self.model.new_int_var(bound, horizon, "latency")
        self.after = self.graph.descendants()
        self.busy: dict[str, list[cp_model.IntervalVar]] = {}
        self.load: dict[str, Expression] = {}
        for task in tasks:
            self._add_task(task)
        for tensor in range(len(self.graph.tensors)):
            self._add_exports(tensor)
            self._add_transfers(tensor)
        for link in self.graph.links:
            self._add_precedence(link)
        for resource, intervals in self.busy.items():
            self.model.add_no_overlap(intervals)
            # No interval reasoning is as tight as the plain sum, which knows the placement.
            self.model.add(self.load[resource] <= self.latency)

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
            for present in self.presences(task, indices):
                interval = model.new_optional_interval_var(start, span, end, present, f"run_{task}")
                for resource in sorted(resources):
                    self._occupy(resource, interval, load)
                load = 0

    def presences(self, task: int, indices: Sequence[int]) -> Iterator[cp_model.IntVar]:
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
            self.brief.append((takes_time, task, chosen))
            yield takes_time

    def _occupy(self, resource: str, interval: cp_model.IntervalVar, load: Expression) -> None:
        self.busy.setdefault(resource, []).append(interval)
        self.load[resource] = self.load.get(resource, 0) + load

    def _add_exports(self, tensor: int) -> None:
        """An export starts when its tensor is there, and occupies its resources."""
        exported = self.placement.exported[tensor]
        if not exported:
            return
        begin = self.export_start[tensor] = self.time(f"export_{tensor}")
        given = self.given[tensor] = self.time(f"given_{tensor}")
        self.model.add(begin >= self.end[self.graph.source[tensor]])
        durations = {port: self.graph.exports[tensor][port].duration for port in exported}
        self.model.add(given >= begin + sum(durations[port] * exported[port] for port in exported))
        kinds: dict[Busy, list[str]] = {}
        for port in exported:
            kinds.setdefault(
                (durations[port], self.graph.exports[tensor][port].resources), []
            ).append(port)
        for (duration, resources), ports in kinds.items():
            if duration and resources:
                name = f"export_{tensor}_{ports[0]}"
                literals = [exported[port] for port in ports]
                present = self._any(literals, name, partial(self._leaves, tensor, ports))
                self._add_fixed(begin, duration, resources, present, name)

    def _add_transfers(self, tensor: int) -> None:
        """A transfer starts when its tensor is there, and occupies its resources."""
        moved = self.placement.moved[tensor]
        # With one reader there is one transfer at most, wherever it goes.
        alone = len(self.graph.readers[tensor]) == 1
        kinds: dict[tuple[str, Busy], list[Ports]] = {}
        for ports in moved:
            target = ports[1]
            if not self._has_start(tensor, None if alone else target):
                continue
            if (tensor, target) not in self.move_start:
                known = [self.move_start[key] for key in self.move_start if key[0] == tensor]
                if not (alone and known):
                    known = [self.time(f"move_{tensor}_{target}")]
                    self.model.add(known[0] >= self._given(tensor))
                self.move_start[tensor, target] = known[0]
            move = self.placement.move(tensor, ports)
            busy = move.duration, move.resources
            if all(busy):
                kinds.setdefault(("" if alone else target, busy), []).append(ports)
        for (_, (duration, resources)), some in kinds.items():
            name = f"move_{tensor}_{some[0][0]}_{some[0][1]}"
            literals = [moved[ports] for ports in some]
            present = self._any(literals, name, partial(self._moves, tensor, some))
            begin = self.move_start[tensor, some[0][1]]
            self._add_fixed(begin, duration, resources, present, name)

    def _given(self, tensor: int) -> cp_model.IntVar:
        """Give when transfers of a tensor may start."""
        return self.given.get(tensor, self.end[self.graph.source[tensor]])

    def _any(
        self, literals: Sequence[cp_model.IntVar], name: str, value: Callable[[Sequence[int]], bool]
    ) -> cp_model.IntVar:
        """Give the literal of any of `literals`, whose `value` is known by the choice."""
        literal = any_of(self.model, literals, name)
        if len(literals) > 1:
            self.placement.derived[literal.index] = value
        return literal

    def _add_fixed(
        self,
        begin: cp_model.IntVar,
        duration: int,
        resources: Iterable[str],
        present: cp_model.IntVar,
        name: str,
    ) -> None:
        """Something occupies resources for a time that is known."""
        interval = self.model.new_optional_fixed_size_interval_var(begin, duration, present, name)
        for resource in sorted(resources):
            self._occupy(resource, interval, duration * present)

    def _made(self, tensor: int, choice: Sequence[int]) -> set[Ports]:
        """Give the ports of the ends of all edges of a tensor."""
        tasks = self.graph.tasks
        return {
            (
                tasks[link.source].options[choice[link.source]].output_ports[link.output],
                tasks[link.target].options[choice[link.target]].input_ports[link.input],
            )
            for link in self.graph.readers[tensor]
        }

    def _moves(self, tensor: int, some: Sequence[Ports], choice: Sequence[int]) -> bool:
        """Tell whether a choice makes one of some transfers necessary."""
        return not self._made(tensor, choice).isdisjoint(some)

    def _leaves(self, tensor: int, ports: Sequence[str], choice: Sequence[int]) -> bool:
        """Tell whether a choice transfers a tensor from one of some ports."""
        return any(a in ports and a != b for a, b in self._made(tensor, choice))

    def _has_start(self, tensor: int, target: str | None) -> bool:
        """Tell whether the transfers of a tensor, all or those to a port, may have to wait."""
        return (
            self.spacious
            or bool(self.graph.contiguous)
            or any(
                self.placement.move(tensor, ports).resources
                for ports in self.placement.moved[tensor]
                if target in (None, ports[1])
            )
        )

    def _add_precedence(self, link: Link) -> None:
        """A task starts after its inputs are there."""
        arrival: Expression = self.end[link.source]
        for ((_, source), (_, target)), literal in self.placement.pair[link.number].items():
            if source == target:
                continue
            duration = self.placement.move(link.tensor, (source, target)).duration
            exported = self.graph.exports[link.tensor].get(source)
            arrival += (duration + (exported.duration if exported else 0)) * literal
            begin = self.move_start.get((link.tensor, target), self.given.get(link.tensor))
            if begin is not None:
                self.model.add(self.start[link.target] >= begin + duration).only_enforce_if(literal)
        self.model.add(self.start[link.target] >= arrival)

    def hint(self, hints: dict[int, int], solution: Solution) -> None:
        """Add the values that a solution gives to every variable of the schedule to `hints`."""
        graph = self.graph
        for task in range(len(graph.tasks)):
            start, end = solution.starts[task], solution.ends[task]
            hints[self.start[task].index] = start
            hints[self.end[task].index] = end
            hints[self.span[task].index] = end - start
        for takes_time, task, chosen in self.brief:
            span = solution.ends[task] - solution.starts[task]
            hints[takes_time.index] = int(span > 0 and hints[chosen.index])
        hints[self.latency.index] = max(solution.ends)
        exports = {one.tensor: one for one in solution.exports}
        for tensor, begin in self.export_start.items():
            end = solution.ends[graph.source[tensor]]
            made = exports.get(graph.tensors[tensor].name)
            hints[begin.index] = made.start if made else end
            hints[self.given[tensor].index] = made.end if made else end
        names = {tensor.name: number for number, tensor in enumerate(graph.tensors)}
        for (tensor, _), begin in self.move_start.items():
            hints[begin.index] = hints[self._given(tensor).index]
        for move in solution.transfers:
            if (key := (names[move.tensor], move.target)) in self.move_start:
                hints[self.move_start[key].index] = move.start
