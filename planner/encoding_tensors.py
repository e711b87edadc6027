"""How the tensors of a network move between memory spaces: ports, sizes and transfers."""

from __future__ import annotations

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
    transfers = []
    for start, start_space in made.items():
        for end, end_space in read.items():
            cost = profile.transfer(start_space, end_space)
            if start != end and cost is not None:
                if pipeline and is_in_window(start_space, end_space):
                    transfers.append(pure.Transfer(start, end, 0))
                    continue
                resources = _transfer_resources(profile.board, start_space, end_space)
                if pipeline:
                    resources |= _drivers(profile.board, start_space, end_space)
                transfers.append(pure.Transfer(start, end, cost.duration(nbytes), resources))
    sizes = [pure.TensorSize(port, 0 if port == USER else nbytes) for port in {**made, **read}]
    return pure.Tensor(name, source, output, tuple(sizes), tuple(transfers))


def _made(name: str, network: Network, board: Board, placements: Offers) -> dict[str, str]:
    """The ports where a tensor may be made, with their spaces."""
    maker = network.producers.get(name)
    if maker is None:
        return {USER: USER}
    made = {}
    for cost in placements[maker.name]:
        space = board.device(cost.device).space.name
        made[port_name(space, cost.output_formats[maker.outputs.index(name)])] = space
    return made


def _read(name: str, network: Network, board: Board, placements: Offers) -> dict[str, str]:
    """The ports where a tensor may be read, with their spaces."""
    read = {USER: USER} if name in network.outputs else {}
    for consumer in network.consumers[name]:
        for cost in placements[consumer.name]:
            space = board.device(cost.device).space.name
            for tensor, format in zip(consumer.inputs, cost.input_formats, strict=True):
                if tensor == name:
                    read[port_name(space, format)] = space
    return read


def is_in_window(source: str, target: str) -> bool:
    """Whether stages of a pipeline read or write in place what moves between two ends."""
    return {source, target} == {USER, HOST}


def _transfer_resources(board: Board, source: str, target: str) -> frozenset[str]:
    """What a transfer keeps busy: the link, and the cores that both ends compute on."""
    users = [
        frozenset[str]().union(*(d.resources for d in board.devices if d.space.name == space))
        for space in (source, target)
        if space != USER
    ]
    shared = frozenset.intersection(*users) if users else frozenset[str]()
    return shared | {link_name(source, target)}


def _drivers(board: Board, source: str, target: str) -> frozenset[str]:
    """What all devices of a space other than ordinary memory have: their threads do the copying."""
    busy = frozenset[str]()
    for space in {source, target} - {USER, HOST}:
        mine = [device.resources for device in board.devices if device.space.name == space]
        busy |= frozenset.intersection(*mine)
    return busy
