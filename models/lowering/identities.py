"""Remove layers that change nothing, and join reshapes that follow each other."""

from __future__ import annotations

import math

import attrs

from bnnplan.models.graph import Network, Node
from bnnplan.models.layers import (
    AveragePool2d,
    Clip,
    Flatten,
    MaxPool2d,
    PRelu,
    Reshape,
    ScaleBias,
    Split,
    Transpose,
)
from bnnplan.models.lowering.rewriting import everywhere, private_producer, substitute
from bnnplan.models.tensors import TensorType


def remove_identities(network: Network) -> Network:
    """Remove every layer whose output equals its input."""
    while True:
        smaller = everywhere(everywhere(network, _join_reshapes), _remove)
        # What stood between two reshapes may be gone now.
        if len(smaller.nodes) == len(network.nodes):
            return smaller
        network = smaller


def _join_reshapes(network: Network, node: Node) -> Network | None:
    if not isinstance(node.layer, Reshape | Flatten):
        return None
    upper = private_producer(network, node)
    if upper is None or not isinstance(upper.layer, Reshape | Flatten):
        return None
    joined = attrs.evolve(node, inputs=upper.inputs)
    return substitute(network, [upper, node], [joined])


def _remove(network: Network, node: Node) -> Network | None:
    if len(node.inputs) != 1 or len(node.outputs) != 1:
        return None
    source, target = node.inputs[0], node.outputs[0]
    if network.types[source] != network.types[target]:
        return None
    if not _changes_nothing(node, network.types[source]):
        return None
    if target not in network.outputs:
        renamed, keep, drop = network.consumers[target], source, target
    elif source in network.producers and source not in network.outputs:
        # The user knows the output by its name, so the input takes that name.
        readers = (reader for reader in network.consumers[source] if reader.name != node.name)
        renamed, keep, drop = (*readers, network.producers[source]), target, source
    else:
        return None
    names = {reader.name for reader in renamed}
    return network.replace(
        _rename(other, drop, keep) if other.name in names else other
        for other in network.nodes
        if other.name != node.name
    )


def _rename(node: Node, old: str, new: str) -> Node:
    def swap(names: tuple[str, ...]) -> list[str]:
        return [new if name == old else name for name in names]

    return attrs.evolve(node, inputs=swap(node.inputs), outputs=swap(node.outputs))


def _changes_nothing(node: Node, type: TensorType) -> bool:
    """Whether a layer whose input and output have this same type is the identity."""
    layer = node.layer
    match layer:
        case Reshape() | Flatten() | Split():
            return True
        case Transpose():
            moved = [axis for axis in layer.axes if type.shape[axis] > 1]
            return moved == sorted(moved)
        case ScaleBias():
            return bool((layer.scale == 1).all() and (layer.bias == 0).all())
        case PRelu():
            return bool((layer.slope == 1).all())
        case Clip():
            return layer.low == -math.inf and layer.high == math.inf
        case MaxPool2d() | AveragePool2d():
            return layer.kernel == (1, 1) and layer.strides == (1, 1)
    return False
