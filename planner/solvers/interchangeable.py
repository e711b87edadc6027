"""Devices that can take each other's place: a symmetry that searches should not repeat."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from attrs import field, frozen

from bnnplan.planner.problem import Device, Option, Problem, Tensor
from bnnplan.planner.solvers.structure import Graph


@frozen
class Family:
    """Equal devices.

    Attributes
    ----------
    devices : tuple of str
        At least two, in the order of the problem.
    options : tuple of tuple of tuple of int
        For each of the devices, and each task: its options there. At one position of two devices
        are options that are the same but for the device.
    """

    devices: tuple[str, ...]
    options: tuple[tuple[tuple[int, ...], ...], ...]

    def relabelled(self, choice: Sequence[int]) -> list[int]:
        """Give the same choice with the devices named in the order in which tasks use them."""
        places = [
            {
                index: (number, position)
                for number, column in enumerate(self.options)
                for position, index in enumerate(column[task])
            }
            for task in range(len(choice))
        ]
        named: dict[int, int] = {}
        changed = list(choice)
        for task, index in enumerate(choice):
            if index in places[task]:
                number, position = places[task][index]
                renamed = named.setdefault(number, len(named))
                changed[task] = self.options[renamed][task][position]
        return changed


@frozen
class _Renaming:
    """Other names for some devices, resources, ports and spaces."""

    devices: Mapping[str, str] = field(factory=dict)
    resources: Mapping[str, str] = field(factory=dict)
    ports: Mapping[str, str] = field(factory=dict)
    spaces: Mapping[str, str] = field(factory=dict)

    def option(self, option: Option) -> object:
        """Give everything that matters of an option."""
        return (
            self.devices.get(option.device, option.device),
            option.duration,
            tuple(self.ports.get(port, port) for port in option.input_ports),
            tuple(self.ports.get(port, port) for port in option.output_ports),
            self.spaces.get(option.space, option.space),
            option.weight_bytes,
            option.workspace_bytes,
            option.energy,
        )

    def moves(self, tensor: Tensor) -> set[object]:
        """Give everything that matters of the transfers and exports of a tensor."""

        def busy(names: frozenset[str]) -> frozenset[str]:
            return frozenset(self.resources.get(one, one) for one in names)

        ports = self.ports
        return {
            (
                ports.get(move.source, move.source),
                ports.get(move.target, move.target),
                move.duration,
                busy(move.resources),
                move.energy,
            )
            for move in tensor.transfers
        } | {
            (ports.get(one.port, one.port), one.duration, busy(one.resources), one.energy)
            for one in tensor.exports
        }


_SAME = _Renaming()


def families(graph: Graph) -> list[Family]:
    """Find devices whose exchange, with resources, ports and spaces of theirs, changes nothing.

    Every exchange is checked in full, whatever the names are. Devices whose ports correspond in
    another order than that of their names may be missed, which only costs time.
    """
    problem = graph.problem
    found: list[list[tuple[Device, _Renaming]]] = []
    for device in problem.devices:
        for members in found:
            renaming = _exchange(problem, members[0][0], device)
            if renaming is not None:
                members.append((device, renaming))
                break
        else:
            found.append([(device, _SAME)])
    return [_family(graph, members) for members in found if len(members) > 1]


def _family(graph: Graph, members: list[tuple[Device, _Renaming]]) -> Family:
    first = members[0][0].name
    columns = []
    for _, renaming in members:
        column = []
        for task in graph.tasks:
            equal: dict[object, list[int]] = {}
            for index, option in enumerate(task.options):
                equal.setdefault(_SAME.option(option), []).append(index)
            mine = [option for option in task.options if option.device == first]
            column.append(tuple(equal[renaming.option(option)].pop(0) for option in mine))
        columns.append(tuple(column))
    return Family(tuple(device.name for device, _ in members), tuple(columns))


def _exchange(problem: Problem, first: Device, second: Device) -> _Renaming | None:
    """Give the renaming that exchanges two devices, if it leaves the problem as it is."""
    if first.contiguous != second.contiguous:
        return None
    pairs = []
    for a, b in zip(_own(problem, first), _own(problem, second), strict=True):
        if len(a) != len(b):
            return None
        pairs.append(dict(zip(a + b, b + a, strict=True)))
    renaming = _Renaming(*pairs)
    return renaming if _unchanged(problem, renaming) else None


def _own(problem: Problem, device: Device) -> tuple[list[str], ...]:
    """Name the device, and the resources, ports and spaces that no other device has."""
    space = {port.name: port.space for port in problem.ports}
    ports: dict[bool, set[str]] = {True: set(), False: set()}
    spaces: dict[bool, set[str]] = {True: set(), False: set()}
    for task in problem.tasks:
        for option in task.options:
            mine = option.device == device.name
            used = {*option.input_ports, *option.output_ports}
            ports[mine] |= used
            spaces[mine] |= {option.space, *(space[port] for port in used)}
    others = {
        one for other in problem.devices if other.name != device.name for one in other.resources
    }
    own = spaces[True] - spaces[False]
    # What lies in a space of its own goes with it, used or not.
    ports[True] |= {port.name for port in problem.ports if port.space in own}
    return (
        [device.name],
        sorted(device.resources - others),
        sorted(ports[True] - ports[False]),
        sorted(own),
    )


def _unchanged(problem: Problem, renaming: _Renaming) -> bool:
    """Tell whether the problem is the same with other names."""
    by_name = {device.name: device for device in problem.devices}
    for device in problem.devices:
        other = by_name[renaming.devices.get(device.name, device.name)]
        busy = {renaming.resources.get(one, one) for one in device.resources}
        if busy != other.resources or device.contiguous != other.contiguous:
            return False
    for task in problem.tasks:
        plain = Counter(_SAME.option(option) for option in task.options)
        if plain != Counter(renaming.option(option) for option in task.options):
            return False
    ports, spaces, devices = renaming.ports, renaming.spaces, renaming.devices
    space = {port.name: port.space for port in problem.ports}
    if any(space[ports.get(a, a)] != spaces.get(b, b) for a, b in space.items()):
        return False
    capacity = {one.name: one.capacity for one in problem.spaces}
    if any(capacity[spaces.get(one, one)] != most for one, most in capacity.items()):
        return False
    entries = {(entry.source, entry.target): entry.duration for entry in problem.entries}
    for (a, b), duration in entries.items():
        if entries.get((devices.get(a, a), devices.get(b, b)), 0) != duration:
            return False
    seen: set[tuple[int, int]] = set()
    for tensor in problem.tensors:
        # Tensors may share their transfers: thousands of them are compared once.
        key = id(tensor.transfers), id(tensor.exports)
        if key not in seen and _SAME.moves(tensor) != renaming.moves(tensor):
            return False
        seen.add(key)
        sizes = {size.port: size.bytes for size in tensor.sizes}
        if any(sizes.get(ports.get(port, port)) != size for port, size in sizes.items()):
            return False
    return True
