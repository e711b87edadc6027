"""Operator families: layers whose times are sums of the same terms."""

from __future__ import annotations

import re

from bnnplan.models.graph import BoundLayer
from bnnplan.models.layers import (
    BatchNorm,
    BinaryConv2d,
    BinaryDense,
    BinaryWeightConv2d,
    BinaryWeightDense,
    Flatten,
    FloatConv2d,
    FloatDense,
    MaxPool2d,
    Reshape,
    ScaleBias,
    Sign,
    Threshold,
)
from bnnplan.models.tensors import ElementType

COMPUTE = frozenset(
    {
        "binary-conv",
        "binary-depthwise",
        "binary-dense",
        "byte-conv",
        "number-conv",
        "number-dense",
        "float-conv",
        "float-depthwise",
        "float-dense",
    }
)
"""Families with products."""


def is_depthwise(bound: BoundLayer) -> bool:
    """Whether every channel of a convolution has one filter of its own."""
    layer = bound.layer
    groups = getattr(layer, "groups", 1)
    return groups > 1 and groups == bound.inputs[0].channels == layer.weight.shape[0]  # type: ignore[attr-defined]


def family_of(bound: BoundLayer) -> str:
    """The family of a layer; what is fused into it is a term of it, no family.

    Layers of which nothing is known are families by their kind.
    """
    layer, element = bound.layer, bound.inputs[0].element
    is_byte = element in (ElementType.UINT8, ElementType.INT8)
    is_bit = element is ElementType.BIT
    if isinstance(layer, BinaryConv2d):
        return "binary-depthwise" if is_depthwise(bound) else "binary-conv"
    if isinstance(layer, FloatConv2d):
        return "float-depthwise" if is_depthwise(bound) else "float-conv"
    if isinstance(layer, BinaryWeightConv2d):
        return "byte-conv" if is_byte else "number-conv"
    named: dict[type, str] = {
        BinaryDense: "binary-dense",
        BinaryWeightDense: "number-dense",
        FloatDense: "float-dense",
        Threshold: "threshold",
        Sign: "threshold",
        ScaleBias: "scale-bias",
        BatchNorm: "scale-bias",
        Flatten: "reshape",
        Reshape: "reshape",
    }
    if isinstance(layer, MaxPool2d):
        return "bit-pool" if is_bit else "max-pool"
    return named.get(type(layer)) or re.sub(r"(?<!^)(?=[A-Z])", "-", layer.kind).lower()
