"""What values the tensors of a network can have at most."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from bnnplan.models.graph import Network, Node
from bnnplan.models.layers import (
    Add,
    BinaryConv2d,
    BinaryDense,
    BinaryWeightConv2d,
    BinaryWeightDense,
    Concat,
    Flatten,
    FloatConv2d,
    FloatDense,
    Layer,
    MaxPool2d,
    Reshape,
    Split,
    Transpose,
)
from bnnplan.models.lowering.semantics import apply, is_monotone
from bnnplan.models.tensors import ElementType, TensorType

Bounds = tuple[float, float]
"""Least and greatest value. Finite bounds of floats also say that there is no NaN."""

EVERYTHING: Bounds = (-math.inf, math.inf)
_FLOAT_MAX = float(np.finfo(np.float32).max)


def bounds(network: Network) -> dict[str, Bounds]:
    """Bounds of every tensor by name; bits count as -1 and 1."""
    found = {name: _whole_range(type) for name, type in network.inputs.items()}
    for node in network.nodes:
        inner = _bounds(node, [found[name] for name in node.inputs], network)
        for name in node.outputs:
            low, high = _whole_range(network.types[name])
            fits = low <= inner[0] and inner[1] <= high
            found[name] = inner if fits else (low, high)
    return found


def _whole_range(type: TensorType) -> Bounds:
    if type.element is ElementType.BIT:
        return -1, 1
    if type.element is ElementType.FLOAT32:
        return EVERYTHING
    limits = np.iinfo(type.element.dtype)
    return limits.min, limits.max


def _bounds(node: Node, inputs: Sequence[Bounds], network: Network) -> Bounds:
    layer = node.layer
    low, high = min(b[0] for b in inputs), max(b[1] for b in inputs)
    match layer:
        case BinaryConv2d() | BinaryDense() | BinaryWeightConv2d() | BinaryWeightDense():
            types = tuple(network.types[name] for name in node.inputs)
            sums = _product(layer.weight, low, high, layer.sums(types).element)
            if layer.scale_bias is not None:
                return _elementwise(layer.scale_bias, *sums)
            return (-1, 1) if layer.fused else sums
        case FloatConv2d() | FloatDense():
            return _float_product(layer, max(-low, high))
        case Add() if network.types[node.outputs[0]].element is ElementType.INT32:
            return inputs[0][0] + inputs[1][0], inputs[0][1] + inputs[1][1]
        case MaxPool2d() | Concat() | Split() | Flatten() | Reshape() | Transpose():
            return low, high
    return _elementwise(layer, low, high) if is_monotone(layer) else EVERYTHING


def _product(weight: np.ndarray, low: float, high: float, element: ElementType) -> Bounds:
    taps = math.prod(weight.shape[1:])
    # Rounding makes a float sum at most (1 + 2^-24)^taps times larger, which is far below 2.
    slack = 2 if element is ElementType.FLOAT32 else 1
    largest = max(-low, high) * taps * slack
    within = element is not ElementType.FLOAT32 or (taps < 2**23 and largest < _FLOAT_MAX)
    return (-largest, largest) if within else EVERYTHING


def _float_product(layer: FloatConv2d | FloatDense, largest_input: float) -> Bounds:
    weight = np.abs(layer.weight.astype(np.float64))
    taps = math.prod(weight.shape[1:])
    sums = weight.reshape(len(weight), -1).sum(axis=1) * largest_input
    if layer.bias is not None:
        sums += np.abs(layer.bias)
    # As for ±1 weights; each product rounds as well, which still stays far below the factor.
    largest = 2 * float(sums.max())
    within = taps < 2**22 and largest < _FLOAT_MAX  # False for infinity and NaN as well
    return (-largest, largest) if within else EVERYTHING


def _elementwise(layer: Layer, low: float, high: float) -> Bounds:
    if not (math.isfinite(low) and math.isfinite(high)):
        # Even where a clip bounds the numbers, NaN passes.
        return EVERYTHING
    with np.errstate(all="ignore"):
        # Rounding up to float32 is right for integers, since layers begin by doing the same.
        ends = [apply(layer, np.array([end], np.float32)) for end in (low, high)]
    if not np.isfinite(ends).all():
        return EVERYTHING
    return float(np.min(ends)), float(np.max(ends))
