"""Packed weights that streams hold together.

Parts of one cluster share the weights of a layer that they run in the same configuration (see
`Backend.divisible`), so that streams side by side hold them once. Everything else that a stream
holds is its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from attrs import frozen

from bnnplan.backends.interface import Configuration
from bnnplan.planner.board import Board
from bnnplan.planner.cores import cluster_of, cores_of
from bnnplan.planner.streams.found import Stream


@frozen
class Packed:
    """A layer's weights, as all parts of a cluster find them."""

    cluster: str
    layer: str
    configuration: Configuration


@frozen
class PackedSize:
    """Where they lie, and how much that is."""

    space: str
    nbytes: int


Weights = Mapping[Packed, PackedSize]


def weights_of(board: Board, stream: Stream) -> Weights:
    """What a stream holds that others may hold as well.

    Parameters
    ----------
    board : Board
        Of whole clusters, or of the parts of them that are to be used alone.
    stream : Stream
    """
    devices = {device.name: device for device in board.devices}
    found: dict[Packed, PackedSize] = {}
    for layer, cost in stream.encoding.chosen(stream.solution.choice).items():
        cluster = cluster_of(cost.device)
        device = devices.get(cluster) or board.device(cost.device)
        if cost.weight_bytes and cores_of(device):
            key = Packed(cluster, layer, cost.configuration)
            found[key] = PackedSize(device.space.name, cost.weight_bytes)
    return found


def counted_again(streams: Iterable[Weights]) -> Counter[str]:
    """Bytes, by space, that are counted more than once where every stream counts its own."""
    known: set[Packed] = set()
    again = Counter[str]()
    for weights in streams:
        for key, held in weights.items():
            if key in known:
                again[held.space] += held.nbytes
        known |= weights.keys()
    return again
