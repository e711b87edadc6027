"""Keep pixels whole through the first layer, where scaling them afterwards gives the same sums.

A uniform scale is an odd number times a power of two. If the odd number times the largest sum is
at most 2^24, every product and partial sum is exact in float32, and so is the scaled whole sum.
"""

from __future__ import annotations

import math

import attrs
import numpy as np

from bnnplan.models.graph import Network, Node
from bnnplan.models.layers import BinaryWeightConv2d, BinaryWeightDense, ScaleBias
from bnnplan.models.lowering.rewriting import everywhere, private_producer, substitute
from bnnplan.models.tensors import ElementType

_EXACT = 2**24
_EXPONENTS = range(-100, 100)
_LARGEST = {ElementType.UINT8: 255, ElementType.INT8: 128}


def keep_integers(network: Network) -> Network:
    """Swap a uniform ScaleBias of 8-bit integers with the ±1 product that alone reads it."""
    return everywhere(network, _swap)


def _swap(network: Network, node: Node) -> Network | None:
    layer = node.layer
    if not isinstance(layer, BinaryWeightConv2d | BinaryWeightDense) or layer.fused:
        return None
    upper = private_producer(network, node)
    if upper is None or not isinstance(upper.layer, ScaleBias):
        return None
    largest = _LARGEST.get(network.types[upper.inputs[0]].element)
    taps = math.prod(layer.weight.shape[1:])
    if largest is None or not _stays_exact(upper.layer, largest * taps):
        return None
    filters = len(layer.weight)
    rescale = ScaleBias(np.full(filters, upper.layer.scale[0]), np.zeros(filters))
    sums = attrs.evolve(node, inputs=upper.inputs, outputs=upper.outputs)
    scaled = Node(upper.name, rescale, upper.outputs, node.outputs)
    return substitute(network, [upper, node], [sums, scaled])


def _stays_exact(layer: ScaleBias, largest_sum: int) -> bool:
    scale = float(layer.scale[0])
    if (layer.scale != layer.scale[0]).any() or layer.bias.any() or scale <= 0:
        return False
    fraction, exponent = math.frexp(scale)
    odd = int(fraction * _EXACT)
    odd //= odd & -odd
    return odd * largest_sum <= _EXACT and exponent in _EXPONENTS
