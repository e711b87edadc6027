"""Remove transposes: join neighbours, and let dense layers take their inputs in another order."""

from __future__ import annotations

import attrs
import numpy as np

from bnnplan.models.graph import Network, Node
from bnnplan.models.layers import (
    BatchNorm,
    BinaryDense,
    BinaryWeightDense,
    Clip,
    Flatten,
    Layer,
    MultiThreshold,
    PRelu,
    Quantize,
    Reshape,
    ScaleBias,
    Sign,
    Threshold,
    Transpose,
)
from bnnplan.models.lowering.rewriting import (
    everywhere,
    only_reader,
    private_producer,
    substitute,
    with_layer,
)
from bnnplan.models.tensors import ElementType

_PER_CHANNEL = BatchNorm | Clip | MultiThreshold | PRelu | Quantize | ScaleBias | Sign | Threshold


def remove_transposes(network: Network) -> Network:
    """Join transposes in a row; absorb those that are flattened for a dense layer.

    The order of float sums is part of their definition, so only dense layers with whole sums
    absorb a transpose.
    """
    return everywhere(everywhere(network, _join), _absorb)


def _join(network: Network, node: Node) -> Network | None:
    if not isinstance(node.layer, Transpose):
        return None
    upper = private_producer(network, node)
    if upper is None or not isinstance(upper.layer, Transpose):
        return None
    first, second, third = (upper.layer.axes[axis] for axis in node.layer.axes)
    joined = Node(node.name, Transpose((first, second, third)), upper.inputs, node.outputs)
    return substitute(network, [upper, node], [joined])


def _absorb(network: Network, node: Node) -> Network | None:
    if not isinstance(node.layer, Transpose):
        return None
    flatten = only_reader(network, node.outputs[0])
    if flatten is None or not isinstance(flatten.layer, Flatten | Reshape):
        return None
    if len(network.types[flatten.outputs[0]].shape) != 1:
        return None
    old, new = [node, flatten], [attrs.evolve(flatten, inputs=node.inputs)]
    shape = network.types[node.inputs[0]].shape
    # Element k after the transpose is element order[k] of the image as it lies.
    order = np.arange(np.prod(shape)).reshape(shape).transpose(node.layer.axes).ravel()
    place = np.argsort(order)
    reader = only_reader(network, flatten.outputs[0])
    while reader is not None and isinstance(reader.layer, _PER_CHANNEL):
        old.append(reader)
        new.append(with_layer(reader, _reordered(reader.layer, place)))
        reader = only_reader(network, reader.outputs[0])
    if reader is None or not isinstance(reader.layer, BinaryDense | BinaryWeightDense):
        return None
    if network.types[reader.inputs[0]].element is ElementType.FLOAT32:
        return None
    weight = reader.layer.weight[:, place]
    dense = with_layer(reader, attrs.evolve(reader.layer, weight=weight))
    return substitute(network, [*old, reader], [*new, dense])


def _reordered(layer: Layer, place: np.ndarray) -> Layer:
    arrays = {name: array[place] for name, array in layer.arrays().items()}
    return attrs.evolve(layer, **arrays)  # type: ignore[misc]
