"""How the tensors of a network move between memory spaces: ports, sizes and transfers."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import frozen

from bnnplan.backends.host import HOST
from bnnplan.models.graph import Network
from bnnplan.planner import problem as pure
from bnnplan.planner.board import USER, Board
from bnnplan.planner.offers import Offers
from bnnplan.planner.profile import Profile

INPUT = "input "
"""What stands before the name of a network's input in that of its task."""


def port_name(space: str, format: str) -> str:
    """What the port of a tensor format in a memory space is called."""
    return f"{space}/{format}"


def link_name(source: str, target: str) -> str:
    """What the connection of two places, spaces or the caller's memory, is called as a resource."""
    return "link:" + "-".join(sorted((source, target)))


def ports_of(placements: Offers, board: Board) -> tuple[pure.Port, ...]:
    """The caller's port, and one for each tensor format in each memory space."""
    ports = {USER: pure.Port(USER, USER)}
    for costs in placements.values():
        for cost in costs:
            space = board.device(cost.device).space.name
            for format in (*cost.input_formats, *cost.output_formats):
                name = port_name(space, format)
                ports[name] = pure.Port(name, space)
    return tuple(ports.values())


@frozen
class _End:
    """A port where a tensor is made or read: its space, and the devices that use it there."""

    space: str
    devices: tuple[str, ...] = ()


def tensors_of(
    network: Network, profile: Profile, placements: Offers, *, pipeline: bool = False
) -> tuple[pure.Tensor, ...]:
    """Every tensor of a network, with what it takes to move wherever it may be read.

    What lies in the caller's memory is not counted: it is there whatever the plan is.

    Parameters
    ----------
    network : Network
    profile : Profile
    placements : mapping of str to tuple of PlacementCost
    pipeline : bool
        Whether batches overlap: then the first and last stages read and write windows in ordinary
        memory, where the caller puts and takes batches while others are computed.
    """
    return tuple(
        _tensor(name, network, profile, placements, pipeline=pipeline) for name in network.types
    )


def _tensor(
    name: str, network: Network, profile: Profile, placements: Offers, *, pipeline: bool
) -> pure.Tensor:
    nbytes = network.types[name].nbytes(profile.batch)
    maker = network.producers.get(name)
    source, output = (INPUT + name, 0) if maker is None else (maker.name, maker.outputs.index(name))
    made = _made(name, network, profile.board, placements)
    read = _read(name, network, profile.board, placements)
    # Stages read and write what is of this form in place.
    window = {USER, port_name(HOST, network.types[name].format)}
    transfers = []
    for start, source_end in made.items():
        for end, target_end in read.items():
            cost = profile.transfer(source_end.space, target_end.space)
            if start != end and cost is not None:
                if pipeline and {start, end} == window:
                    transfers.append(pure.Transfer(start, end, 0))
                    continue
                busy = _cores_of_both(profile.board, source_end.space, target_end.space)
                if pipeline:
                    busy = _drivers(profile.board, source_end, target_end, busy)
                resources = busy | {link_name(source_end.space, target_end.space)}
                transfers.append(pure.Transfer(start, end, cost.duration(nbytes), resources))
    sizes = [pure.TensorSize(port, 0 if port == USER else nbytes) for port in {**made, **read}]
    return pure.Tensor(name, source, output, tuple(sizes), tuple(transfers))


def _made(name: str, network: Network, board: Board, placements: Offers) -> dict[str, _End]:
    """The ports where a tensor may be made."""
    maker = network.producers.get(name)
    if maker is None:
        return {USER: _End(USER)}
    index = maker.outputs.index(name)
    return _ends(
        board, ((cost.device, cost.output_formats[index]) for cost in placements[maker.name])
    )


def _read(name: str, network: Network, board: Board, placements: Offers) -> dict[str, _End]:
    """The ports where a tensor may be read."""
    read = {USER: _End(USER)} if name in network.outputs else {}
    return read | _ends(
        board,
        (
            (cost.device, format)
            for consumer in network.consumers[name]
            for cost in placements[consumer.name]
            for tensor, format in zip(consumer.inputs, cost.input_formats, strict=True)
            if tensor == name
        ),
    )


def _ends(board: Board, used: Iterable[tuple[str, str]]) -> dict[str, _End]:
    """Ends by port, of devices and the formats that they use."""
    found: dict[str, _End] = {}
    for device, format in used:
        space = board.device(device).space.name
        port = port_name(space, format)
        before = found.get(port, _End(space)).devices
        found[port] = _End(space, (*before, device))
    return found


def _cores_of_both(board: Board, source: str, target: str) -> frozenset[str]:
    """The cores that both ends of a transfer compute on."""
    users = [
        frozenset[str]().union(*(d.resources for d in board.devices if d.space.name == space))
        for space in (source, target)
        if space != USER
    ]
    return frozenset.intersection(*users) if users else frozenset[str]()


def _drivers(board: Board, source: _End, target: _End, both: frozenset[str]) -> frozenset[str]:
    """What a transfer between stages of a pipeline keeps busy besides the link.

    The thread of the device does it whose space is not ordinary memory. Within ordinary memory a
    stage brings what it reads, or hands to the caller, into another form; where devices that have
    nothing in common may be that stage's, the cores of all count, lest too little is predicted.
    """
    away = {source.space, target.space} - {USER, HOST}
    if not away:
        return _common(board, (source if target.space == USER else target).devices) or both
    spaces = [[d.name for d in board.devices if d.space.name == space] for space in away]
    return both.union(*(_common(board, devices) for devices in spaces))


def _common(board: Board, devices: Iterable[str]) -> frozenset[str]:
    """The resources that all of some devices have."""
    mine = [board.device(name).resources for name in devices]
    return frozenset.intersection(*mine) if mine else frozenset[str]()
