"""Flatten numbers rather than bits, where a decision has nothing before it to fuse with.

Bits are packed along the channels, so an image of few channels wastes most of each word and
flattening it moves bit by bit. The elements of a vector lie densely: flattening the numbers first
moves nothing, and the bits come out packed as the dense layer behind reads them.
"""

from __future__ import annotations

import attrs
import numpy as np

from bnnplan.models.graph import Network, Node
from bnnplan.models.layers import (
    BinaryProduct,
    Flatten,
    MaxPool2d,
    Reshape,
    Sign,
    Threshold,
    Transpose,
)
from bnnplan.models.lowering.rewriting import everywhere, private_producer, substitute, swapped
from bnnplan.models.lowering.semantics import is_monotone
from bnnplan.models.tensors import WORD_BITS

_JOINABLE = BinaryProduct | MaxPool2d | Flatten | Reshape | Transpose


def flatten_early(network: Network) -> Network:
    """Swap every Sign or Threshold with the Flatten behind it that :func:`is_better_flat` allows.

    The thresholds of the channels are repeated for every pixel.
    """
    return everywhere(network, _swap)


def is_better_flat(network: Network, tensor: str) -> bool:
    """Whether a decision on a tensor that is flattened belongs behind the Flatten.

    So it is for images whose bits leave words partly empty, unless the decision could go into or
    past the layer that makes them.
    """
    shape = network.types[tensor].shape
    if len(shape) == 1 or shape[:2] == (1, 1) or shape[-1] % WORD_BITS == 0:
        return False
    maker = network.producers.get(tensor)
    return maker is None or not (isinstance(maker.layer, _JOINABLE) or is_monotone(maker.layer))


def is_flattening(network: Network, node: Node) -> bool:
    """Whether a layer makes a vector of its input: a Flatten, or a Reshape that does the same."""
    vector = len(network.types[node.outputs[0]].shape) == 1
    return isinstance(node.layer, Flatten | Reshape) and vector


def _swap(network: Network, node: Node) -> Network | None:
    if not is_flattening(network, node):
        return None
    upper = private_producer(network, node)
    if upper is None or not isinstance(upper.layer, Sign | Threshold):
        return None
    source = upper.inputs[0]
    if not is_better_flat(network, source):
        return None
    decision = upper.layer
    if isinstance(decision, Threshold):
        pixels = network.types[source].elements // decision.threshold.size
        decision = attrs.evolve(
            decision,
            threshold=np.tile(decision.threshold, pixels),
            flip=np.tile(decision.flip, pixels),
        )
    return substitute(network, [upper, node], swapped(upper, node, node.layer, decision))
