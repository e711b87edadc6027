"""Contiguous devices in the CP-SAT schedule model: a window of time for the part of each.

All that belongs to a part lies in its window: its tasks, their exports, and the transfers to them
that occupy the device. What the part reads from elsewhere is there when the window starts, what it
gives is there when the window ends, and nothing else occupies the device meanwhile. Every rule is
enforced by the literal of what it is about, so that there is no large constant in the model.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ortools.sat.python import cp_model

from bnnplan.planner.solution import Solution
from bnnplan.planner.solvers.cpsat.engine import Expression
from bnnplan.planner.solvers.cpsat.schedule import Schedule
from bnnplan.planner.solvers.structure import Graph, Link

Ends = tuple[tuple[str, str], tuple[str, str]]
"""Device and port of both ends of an edge."""


class Windows:
    """Adds the windows of all contiguous devices to a schedule.

    Parts never wait for each other in a circle then, unless everything in it takes no time.

    Parameters
    ----------
    times : Schedule
        Of a placement that tells devices apart.

    Attributes
    ----------
    begin, end : dict of str to IntVar
        By device.
    """

    def __init__(self, times: Schedule) -> None:
        self.times = times
        self.placement = times.placement
        self.graph: Graph = times.graph
        self.model = times.model
        self.begin: dict[str, cp_model.IntVar] = {}
        self.end: dict[str, cp_model.IntVar] = {}
        self.length: dict[str, cp_model.IntVar] = {}
        self.long: dict[str, cp_model.IntVar] = {}
        self.outside: list[tuple[cp_model.IntVar, cp_model.IntVar, Sequence[cp_model.IntVar]]] = []
        self.left: dict[str, dict[int, cp_model.IntVar]] = {}
        self.on = [self.placement.on_device(task) for task in range(len(self.graph.tasks))]
        for device in sorted(self.graph.contiguous):
            if any(device in literals for literals in self.on):
                self._add_window(device)
        for link in self.graph.links:
            for ends, literal in self.placement.pair[link.number].items():
                self._add_edge(link, ends, literal)
        for device in self.begin:
            self._add_leaving(device)
            for resource in sorted(self.graph.resources[device]):
                self._add_load(device, resource)
                self._exclude_others(device, resource)
            self._keep_whole(device)

    def _add_window(self, device: str) -> None:
        """The tasks of a device, and exports of what they make, lie in its window."""
        model, times = self.model, self.times
        begin = self.begin[device] = times.time(f"begin_{device}")
        end = self.end[device] = times.time(f"end_{device}")
        length = self.length[device] = times.time(f"length_{device}")
        long = self.long[device] = model.new_bool_var(f"long_{device}")
        model.add(begin + length == end)
        model.add(length == 0).only_enforce_if(~long)
        for task, literals in enumerate(self.on):
            if device not in literals:
                continue
            present = literals[device]
            model.add(times.start[task] >= begin).only_enforce_if(present)
            model.add(times.end[task] <= end).only_enforce_if(present)
            for tensor in self.graph.outputs[task]:
                for port, literal in self.placement.exported[tensor].items():
                    done = times.export_start[tensor] + self.graph.exports[tensor][port].duration
                    model.add(done <= end).only_enforce_if(literal, present)

    def _add_edge(self, link: Link, ends: Ends, literal: cp_model.IntVar) -> None:
        """What goes from device to device is made and exported before, and there after, a part."""
        model, times, graph = self.model, self.times, self.graph
        (maker, given), (device, wanted) = ends
        if maker == device:
            return
        if maker in self.begin:
            model.add(times.start[link.target] >= self.end[maker]).only_enforce_if(literal)
        if device not in self.begin:
            return
        begin = self.begin[device]
        ready = self.end.get(maker, times.end[link.source])
        model.add(begin >= ready).only_enforce_if(literal)
        if given == wanted:
            return
        if (export := graph.exports[link.tensor].get(given)) is not None:
            done = times.export_start[link.tensor] + export.duration
            model.add(begin >= done).only_enforce_if(literal)
        if self._joins(link.tensor, (given, wanted), device):
            moving = times.move_start[link.tensor, wanted]
            model.add(begin <= moving).only_enforce_if(literal)

    def _joins(self, tensor: int, ports: tuple[str, str], device: str) -> bool:
        """Tell whether a transfer to a task of a device occupies the device."""
        busy = self.placement.move(tensor, ports).resources
        return not busy.isdisjoint(self.graph.resources[device])

    def _add_leaving(self, device: str) -> None:
        """What a part makes is transferred after it, unless that is for a task of the part."""
        graph, placement = self.graph, self.placement
        for tensor, source in enumerate(graph.source):
            if device not in self.on[source]:
                continue
            for (given, wanted), literal in placement.moved[tensor].items():
                inside = [
                    pair
                    for link in graph.readers[tensor]
                    for ends, pair in placement.pair[link.number].items()
                    if ends == ((device, given), (device, wanted))
                ]
                moving = self.times.move_start[tensor, wanted]
                # A port of other devices too: then the literal alone does not tell the maker.
                made = self.on[source][device]
                leaves = [literal, made, *(~pair for pair in inside)]
                self.model.add(moving >= self.end[device]).only_enforce_if(leaves)

    def _add_load(self, device: str, resource: str) -> None:
        """A window is no shorter than what its part takes on any resource of the device."""
        graph, placement = self.graph, self.placement
        load: Expression = 0
        for task, literals in enumerate(placement.option):
            options = graph.tasks[task].options
            load += sum(
                options[index].duration * literal
                for index, literal in literals.items()
                if options[index].device == device
            )
        for tensor, source in enumerate(graph.source):
            makers = self._ports(source, graph.tensors[tensor].output, device)
            for port, literal in placement.exported[tensor].items():
                export = graph.exports[tensor][port]
                if makers.get(port) and resource in export.resources:
                    load += export.duration * literal
            for (given, wanted), literal in placement.moved[tensor].items():
                move = placement.move(tensor, (given, wanted))
                if resource in move.resources and self._only_reads(tensor, wanted, device):
                    load += move.duration * literal
        self.model.add(self.length[device] >= load)

    def _ports(self, task: int, output: int, device: str) -> dict[str, bool]:
        """Tell of each port where an output may be made whether only a device makes it there."""
        options = self.graph.tasks[task].options
        alone: dict[str, bool] = {}
        for index in self.placement.option[task]:
            port = options[index].output_ports[output]
            alone[port] = alone.get(port, True) and options[index].device == device
        return alone

    def _only_reads(self, tensor: int, port: str, device: str) -> bool:
        """Tell whether whoever reads a tensor at a port is on a device."""
        return all(
            option.device == device
            for link in self.graph.readers[tensor]
            for index in self.placement.option[link.target]
            for option in [self.graph.tasks[link.target].options[index]]
            if option.input_ports[link.input] == port
        )

    def _exclude_others(self, device: str, resource: str) -> None:
        """Nothing but the part occupies a resource of the device during its window."""
        others = list(self._others(device, resource))
        if others:
            window = self.model.new_optional_interval_var(
                self.begin[device],
                self.length[device],
                self.end[device],
                self.long[device],
                f"window_{device}_{resource}",
            )
            self.model.add_no_overlap([window, *others])

    def _others(self, device: str, resource: str) -> Iterator[cp_model.IntervalVar]:
        """Give intervals of what occupies a resource and belongs to no part on a device."""
        graph, placement, times, model = self.graph, self.placement, self.times, self.model
        for task, literals in enumerate(placement.option):
            options = graph.tasks[task].options
            indices = [
                index
                for index in literals
                if options[index].device != device
                and resource in graph.resources[options[index].device]
            ]
            for present in times.presences(task, indices):
                yield model.new_optional_interval_var(
                    times.start[task], times.span[task], times.end[task], present, f"other_{task}"
                )
        for tensor, source in enumerate(graph.source):
            makers = self._ports(source, graph.tensors[tensor].output, device)
            mine = [self.on[source][device]] if device in self.on[source] else []
            for port, literal in placement.exported[tensor].items():
                export = graph.exports[tensor][port]
                if export.duration and resource in export.resources and not makers[port]:
                    name = f"other_export_{tensor}_{port}_{device}"
                    present = self._unless(literal, mine, name)
                    yield model.new_optional_fixed_size_interval_var(
                        times.export_start[tensor], export.duration, present, name
                    )
            for ports, literal in placement.moved[tensor].items():
                move = placement.move(tensor, ports)
                if (
                    move.duration
                    and resource in move.resources
                    and not self._only_reads(tensor, ports[1], device)
                ):
                    name = f"other_move_{tensor}_{ports[1]}_{device}"
                    readers = [
                        pair
                        for link in graph.readers[tensor]
                        for ((_, given), end), pair in placement.pair[link.number].items()
                        if given == ports[0] and end == (device, ports[1])
                    ]
                    present = self._unless(literal, readers, name)
                    yield model.new_optional_fixed_size_interval_var(
                        times.move_start[tensor, ports[1]], move.duration, present, name
                    )

    def _unless(
        self, literal: cp_model.IntVar, exceptions: Sequence[cp_model.IntVar], name: str
    ) -> cp_model.IntVar:
        """Give a literal that is true if another one is and none of the exceptions are."""
        if not exceptions:
            return literal
        present = self.model.new_bool_var(name)
        self.model.add_bool_or(~literal, *exceptions, present)
        self.outside.append((present, literal, exceptions))
        return present

    def _keep_whole(self, device: str) -> None:
        """No task is on the device after something that reads from its part and is elsewhere.

        Times say so as well, but only once they are known.

        Source: the z variables of the integer programs of Tarnawski et al., "Efficient algorithms
        for device placement of DNN graph operators", NeurIPS 2020.
        """
        model = self.model
        left: dict[int, cp_model.IntVar] = {}
        for task in self.graph.order:
            mine = self.on[task].get(device)
            for source in dict.fromkeys(link.source for link in self.graph.inputs[task]):
                maker = self.on[source].get(device)
                if maker is None and source not in left:
                    continue
                if task not in left:
                    left[task] = model.new_bool_var(f"left_{device}_{task}")
                if source in left:
                    model.add_implication(left[source], left[task])
                if maker is not None:
                    here = [] if mine is None else [mine]
                    model.add_bool_or(~maker, *here, left[task])
            if mine is not None and task in left:
                model.add_bool_or(~mine, ~left[task])
        self.left[device] = left

    def hint(self, hints: dict[int, int], solution: Solution) -> None:
        """Add the values that a solution gives, after those of its schedule, to `hints`."""
        graph = self.graph
        options = [t.options[i] for t, i in zip(graph.tasks, solution.choice, strict=True)]
        names = {tensor.name: number for number, tensor in enumerate(graph.tensors)}
        for device in self.begin:
            mine = [task for task, option in enumerate(options) if option.device == device]
            spans = [(solution.starts[task], solution.ends[task]) for task in mine]
            spans += [
                (export.start, export.end)
                for export in solution.exports
                if graph.source[names[export.tensor]] in mine
            ]
            for move in solution.transfers:
                tensor = names[move.tensor]
                read = any(
                    link.target in mine
                    and options[link.target].input_ports[link.input] == move.target
                    for link in graph.readers[tensor]
                )
                if read and self._joins(tensor, (move.source, move.target), device):
                    spans.append((move.start, move.end))
            begin = min((start for start, _ in spans), default=0)
            end = max((end for _, end in spans), default=begin)
            hints[self.begin[device].index] = begin
            hints[self.end[device].index] = end
            hints[self.length[device].index] = end - begin
            hints[self.long[device].index] = int(end > begin)
        for device, literals in self.left.items():
            gone: set[int] = set()
            for task in graph.order:
                for link in graph.inputs[task]:
                    leaves = device == options[link.source].device != options[task].device
                    if leaves or link.source in gone:
                        gone.add(task)
            for task, literal in literals.items():
                hints[literal.index] = int(task in gone)
        for present, literal, exceptions in self.outside:
            excepted = any(hints[one.index] for one in exceptions)
            hints[present.index] = int(hints[literal.index] and not excepted)
