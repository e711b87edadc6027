"""Pipelines in which every device takes one part and pays for its own transfers alone.

Of such a problem little is left: units of tasks, equal devices by the kind, and for each tensor
what loading it costs a device, and what storing it costs. It covers workloads for accelerators
with a memory of their own, and assembly lines.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from bnnplan.planner.problem import Measure, Option
from bnnplan.planner.solvers.bounds import Kept
from bnnplan.planner.solvers.interchangeable import families
from bnnplan.planner.solvers.pipelines.units import units
from bnnplan.planner.solvers.schedules.parts import blocks
from bnnplan.planner.solvers.structure import Graph

Parts = Sequence[tuple[str, Sequence[int]]]
"""The device and the units of each part, first part first."""


@frozen
class Cargo:
    """A tensor that may have to be moved.

    Attributes
    ----------
    maker : int or None
        The unit that makes it; None where that is no device's.
    readers : tuple of int
        Other units that read it.
    outside : bool
        Whether something else reads it: it is always stored.
    load, store : tuple of int
        By kind of device, ns.
    """

    maker: int | None
    readers: tuple[int, ...]
    outside: bool
    load: tuple[int, ...]
    store: tuple[int, ...]


@frozen
class PartProblem:
    """Units in an order that respects precedence, on kinds of devices.

    Attributes
    ----------
    units : tuple of tuple of int
        Tasks that always lie on one device.
    kinds : tuple of tuple of str
        Names of devices that are equal.
    durations, weights : tuple of tuple of int or None
        By unit and kind, ns and bytes; None where the unit cannot run.
    rooms : tuple of int or None
        By kind, the bytes for weights, if they are limited.
    cargo : tuple of Cargo
    before : tuple of frozenset of int
        For each unit, those that it reads from.
    options : tuple of dict of str to int
        For each task of a unit, its option by device.
    """

    units: tuple[tuple[int, ...], ...]
    kinds: tuple[tuple[str, ...], ...]
    durations: tuple[tuple[int | None, ...], ...]
    weights: tuple[tuple[int, ...], ...]
    rooms: tuple[int | None, ...]
    cargo: tuple[Cargo, ...]
    before: tuple[frozenset[int], ...]
    options: tuple[dict[str, int], ...]

    @property
    def is_line(self) -> bool:
        """Whether there is only one order of the units."""
        return all(number - 1 in before for number, before in enumerate(self.before) if number)

    def parts(self, graph: Graph, choice: Sequence[int]) -> Parts:
        """Turn a choice into parts, each after what it waits for."""
        options = [task.options[index] for task, index in zip(graph.tasks, choice, strict=True)]
        unit = {task: number for number, tasks in enumerate(self.units) for task in tasks}
        sequence = blocks(graph, options, graph.order, ())
        assert sequence is not None, "a pipeline has no circle"
        return [
            (options[tasks[0]].device, tuple(dict.fromkeys(unit[task] for task in tasks)))
            for tasks in sequence
            if tasks[0] in unit
        ]

    def choice(self, graph: Graph, parts: Parts) -> list[int]:
        """Turn devices and the units of their parts into a choice."""
        choice = [0] * len(graph.tasks)
        for device, members in parts:
            for unit in members:
                for task in self.units[unit]:
                    choice[task] = self.options[task][device]
        return choice


def part_problem(graph: Graph, kept: Kept) -> PartProblem | None:
    """Give what is left of a problem; None if it is not of this kind."""
    problem = graph.problem
    if (
        problem.objectives[0] is not Measure.PERIOD
        or any(limit.measure is not Measure.PERIOD for limit in problem.limits)
        or problem.switches is not None
        or graph.entries
    ):
        return None
    port = _ports(graph, kept)
    if port is None:
        return None
    inside = {task for task in range(len(graph.tasks)) if _is_inside(graph, kept, task)}
    if any(0 < len(inside.intersection(group)) < len(group) for group in graph.colocated):
        return None
    used = {option.device for options in _options(graph, kept) for option in options}
    equal = [family.devices for family in families(graph)]
    alone = [d.name for d in problem.devices if not any(d.name in family for family in equal)]
    kinds = tuple(
        family for family in (*equal, *((name,) for name in alone))
        if family[0] in used and graph.resources[family[0]]
    )  # fmt: skip
    joined = units(graph, inside)
    unit = {task: number for number, tasks in enumerate(joined.tasks) for task in tasks}
    rooms = _rooms(graph, kept, kinds)
    cargo = _cargo(graph, kept, port, kinds, unit)
    if rooms is None or cargo is None:
        return None
    options = tuple(
        {graph.tasks[task].options[index].device: index for index in indices}
        for task, indices in enumerate(kept)
    )

    def on(task: int, kind: tuple[str, ...]) -> Option | None:
        index = options[task].get(kind[0])
        return None if index is None else graph.tasks[task].options[index]

    chosen = [[[on(task, kind) for task in tasks] for kind in kinds] for tasks in joined.tasks]
    return PartProblem(
        units=joined.tasks,
        kinds=kinds,
        durations=tuple(
            tuple(
                None if None in there else sum(one.duration for one in there if one)
                for there in by_kind
            )
            for by_kind in chosen
        ),
        weights=tuple(
            tuple(sum(one.weight_bytes for one in there if one) for there in by_kind)
            for by_kind in chosen
        ),
        rooms=rooms,
        cargo=cargo,
        before=joined.before,
        options=options,
    )


def _options(graph: Graph, kept: Kept) -> list[list[Option]]:
    return [
        [graph.tasks[task].options[index] for index in indices] for task, indices in enumerate(kept)
    ]


def _is_inside(graph: Graph, kept: Kept, task: int) -> bool:
    return any(graph.resources[graph.tasks[task].options[i].device] for i in kept[task])


def _ports(graph: Graph, kept: Kept) -> dict[str, str] | None:
    """Give the one port of each device with resources; None if the devices are not so simple."""
    port: dict[str, str] = {}
    taken: dict[str, str] = {}
    for task, options in enumerate(_options(graph, kept)):
        if not all(graph.resources[option.device] for option in options):
            ends = not graph.inputs[task] or not any(graph.readers[x] for x in graph.outputs[task])
            if len(options) > 1 or options[0].duration or not ends:
                return None
            continue
        if len({option.device for option in options}) < len(options):
            return None
        for option in options:
            if option.device not in graph.contiguous:
                return None
            if {*option.input_ports, *option.output_ports} - {
                port.setdefault(option.device, one)
                for one in (*option.input_ports, *option.output_ports)
            }:
                return None
            for resource in graph.resources[option.device]:
                if taken.setdefault(resource, option.device) != option.device:
                    return None
    return port


def _rooms(
    graph: Graph, kept: Kept, kinds: tuple[tuple[str, ...], ...]
) -> tuple[int | None, ...] | None:
    """Give the bytes for weights by kind of device; None if anything else needs memory."""
    owner: dict[str, str] = {}
    for options in _options(graph, kept):
        for option in options:
            if option.space in graph.capacity and (
                option.workspace_bytes
                or owner.setdefault(option.space, option.device) != option.device
            ):
                return None
    if any(
        size and graph.space[port] in graph.capacity
        for by_port in graph.bytes
        for port, size in by_port.items()
    ):
        return None
    room = {device: graph.capacity[space] for space, device in owner.items()}
    if len(room) < len(owner) or any(not graph.resources[device] for device in room):
        return None
    return tuple(room.get(kind[0]) for kind in kinds)


def _cargo(
    graph: Graph,
    kept: Kept,
    port: dict[str, str],
    kinds: tuple[tuple[str, ...], ...],
    unit: dict[int, int],
) -> tuple[Cargo, ...] | None:
    """Give what every tensor costs; None if that is not a matter of each device alone."""
    cargo = []
    for tensor, links in enumerate(graph.readers):
        source = graph.source[tensor]
        maker = unit.get(source)
        readers = {unit[link.target] for link in links if link.target in unit} - {maker}
        # Ports where tasks outside of all parts take it.
        taken = {
            graph.tasks[link.target].options[index].input_ports[link.input]
            for link in links
            if link.target not in unit
            for index in kept[link.target]
        }
        outside = bool(taken)
        made = {
            graph.tasks[source].options[index].output_ports[graph.tensors[tensor].output]
            for index in kept[source]
        }
        read = {
            graph.tasks[link.target].options[index].input_ports[link.input]
            for link in links
            if link.target not in unit or unit[link.target] != maker
            for index in kept[link.target]
        }
        if any(graph.transfer_time(tensor, a, b) is None for a in made for b in read):
            return None
        load = {b: _load(graph, tensor, made, b, port) for b in read}
        store = {a: _store(graph, tensor, a, port) for a in made}
        if None in load.values() or None in store.values():
            return None
        if any(store[one] for one in made & taken):
            return None
        if not links or not (readers or (outside and maker is not None)):
            continue
        cargo.append(
            Cargo(
                maker=maker,
                readers=tuple(sorted(readers)),
                outside=outside,
                load=tuple(load.get(port.get(kind[0], ""), 0) or 0 for kind in kinds),
                store=tuple(store.get(port.get(kind[0], ""), 0) or 0 for kind in kinds),
            )
        )
    return tuple(cargo)


def _load(
    graph: Graph, tensor: int, made: set[str], target: str, port: dict[str, str]
) -> int | None:
    """Give the ns that a device is busy to get a tensor at its port, wherever it was made."""
    moves = [graph.transfers[tensor][one, target] for one in made if one != target]
    costs = {(move.duration, move.resources) for move in moves if move.duration}
    if not costs:
        return 0
    owners = [device for device, its in port.items() if its == target]
    if len(costs) > 1 or len(owners) != 1 or not all(move.duration for move in moves):
        return None
    ((duration, resources),) = costs
    return duration if resources == graph.resources[owners[0]] else None


def _store(graph: Graph, tensor: int, source: str, port: dict[str, str]) -> int | None:
    """Give the ns that a device is busy to export a tensor from its port."""
    export = graph.exports[tensor].get(source)
    if export is None or not export.duration:
        return 0
    owners = [device for device, its in port.items() if its == source]
    if len(owners) != 1 or export.resources != graph.resources[owners[0]]:
        return None
    return export.duration
