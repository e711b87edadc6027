"""Launches of layers that treat every element alone."""

from __future__ import annotations

import numpy as np

from bnnplan.backends.opencl.geometry import image_shape
from bnnplan.backends.opencl.launch import Argument, Input, Launch, Output
from bnnplan.backends.opencl.products import C_TYPES
from bnnplan.backends.opencl.session import ProgramKey
from bnnplan.models.graph import BoundLayer
from bnnplan.models.layers import (
    BatchNorm,
    Clip,
    Layer,
    MultiThreshold,
    PRelu,
    Quantize,
    Rounding,
    ScaleBias,
    Sign,
    Softmax,
    Threshold,
)
from bnnplan.models.tensors import WORD_BITS, ElementType

ROUNDINGS = (Rounding.NEAREST_EVEN, Rounding.FLOOR, Rounding.CEIL, Rounding.TO_ZERO)
"""In the order of their codes in ``elementwise.cl``."""


def elementwise(bound: BoundLayer, tile: tuple[int, ...], chunk: int) -> list[Launch]:
    """The one launch of an elementwise layer.

    Parameters
    ----------
    bound : BoundLayer
    tile : tuple of int
        Not used by these layers.
    chunk : int
        Channels that a work-item computes.
    """
    source, target = bound.inputs[0], bound.outputs[0]
    rows, columns, channels = image_shape(source)
    if target.element is ElementType.BIT:
        chunk = WORD_BITS
    elif isinstance(bound.layer, Softmax):
        chunk = channels
    kernel, parameters = _parameters(bound.layer)
    shape = [np.int32(value) for value in (bound.batch, rows * columns, channels, chunk)]
    inputs = [Input(index) for index in range(len(bound.inputs))]
    return [
        Launch(
            ProgramKey(("elementwise",), _options(source.element)),
            kernel,
            (*inputs, Output(), *shape, *parameters),
            (bound.batch, rows * columns, -(-channels // chunk)),
        )
    ]


def _options(element: ElementType) -> tuple[str, ...]:
    if element is ElementType.BIT:
        return ("-DINPUT=ulong", "-DBITS")
    compared = "float" if element is ElementType.FLOAT32 else "int"
    return (f"-DINPUT={C_TYPES[element]}", f"-DCOMPARED={compared}")


def _parameters(layer: Layer) -> tuple[str, tuple[Argument, ...]]:
    """Kernel and what it takes after input, output and shape."""
    match layer:
        case Threshold():
            return "threshold", (layer.threshold, layer.flip.astype(np.uint8))
        case Sign():
            return "sign_bits", (np.int32(layer.zero),)
        case BatchNorm():
            return _parameters(layer.scale_bias())
        case ScaleBias():
            return "scale_bias", (layer.scale, layer.bias)
        case PRelu():
            return "prelu", (layer.slope,)
        case Clip():
            return "clip", (np.float32(layer.low), np.float32(layer.high))
        case Quantize():
            limits = (np.float32(layer.low), np.float32(layer.high))
            code = np.int32(ROUNDINGS.index(layer.rounding))
            return "quantize", (layer.scale, layer.zero, *limits, code)
        case MultiThreshold():
            steps = np.int32(layer.thresholds.shape[1])
            affine = (np.float32(layer.scale), np.float32(layer.bias))
            return "multi_threshold", (layer.thresholds, steps, *affine)
        case Softmax():
            return "softmax", (np.int32(layer.log),)
        case _:
            return "add", ()
