"""Launches of convolutions and dense layers."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from bnnplan.backends.opencl import packing
from bnnplan.backends.opencl.geometry import image_shape, window
from bnnplan.backends.opencl.launch import Argument, Input, Launch, Output, Struct
from bnnplan.backends.opencl.session import ProgramKey
from bnnplan.models.graph import BoundLayer
from bnnplan.models.layers import (
    BinaryConv2d,
    BinaryDense,
    BinaryWeightConv2d,
    BinaryWeightDense,
    FloatConv2d,
    FloatDense,
)
from bnnplan.models.tensors import WORD_BITS, ElementType

CONVOLUTIONS = (BinaryConv2d, BinaryWeightConv2d, FloatConv2d)
DENSE = (BinaryDense, BinaryWeightDense, FloatDense)
BINARY = (BinaryConv2d, BinaryDense)
FLOAT = (FloatConv2d, FloatDense)

C_TYPES = {
    ElementType.UINT8: "uchar",
    ElementType.INT8: "char",
    ElementType.INT32: "int",
    ElementType.FLOAT32: "float",
}
"""OpenCL's names of the element types of numbers."""

ONE_BY_ONE = (1, 1)


class _Sizes(NamedTuple):
    geometry: Struct
    images: int
    windows: int
    groups: int = 1


def products(bound: BoundLayer, tile: tuple[int, ...], chunk: int) -> list[Launch]:
    """The one launch of a product layer.

    Parameters
    ----------
    bound : BoundLayer
    tile : tuple of int
        (windows, chunks of eight neurons) that a work-item computes; empty for one of each.
    chunk : int
        Not used by products.
    """
    layer = bound.layer
    assert isinstance(layer, CONVOLUTIONS + DENSE)
    windows, chunks = tile or ONE_BY_ONE
    neurons = len(layer.weight)
    sizes = _convolution(bound) if isinstance(layer, CONVOLUTIONS) else _dense(bound)
    if sizes.groups > 1:
        windows = chunks = 1
    options = [f"-DPIXELS={windows}", f"-DCHUNKS={chunks}"]
    if sizes.groups > 1:
        options.append("-DGROUPED")
    is_float = bound.inputs[0].element is ElementType.FLOAT32
    if isinstance(layer, BINARY):
        sources: tuple[str, ...] = ("binary", "product")
        weights = packing.packed_weights(layer.weight)
    else:
        sources = ("numbers", "product")
        weights = packing.chunked(layer.weight.reshape(neurons, -1))
        options += [
            f"-DINPUT={C_TYPES[bound.inputs[0].element]}",
            f"-DWEIGHT={'float' if isinstance(layer, FLOAT) else 'char'}",
            f"-DSUM={'float' if is_float else 'int'}",
        ]
    bias = layer.bias if isinstance(layer, FLOAT) else None
    starts = packing.starts(bias, neurons, np.dtype(np.float32 if is_float else np.int32))
    pad = layer.pad_value if isinstance(layer, BinaryConv2d) else 0
    arguments: list[Argument] = [
        *(Input(), Output(), weights, starts, sizes.geometry, np.int32(pad))
    ]
    fused = None if isinstance(layer, FLOAT) else layer.threshold
    parts = -(-neurons // packing.CHUNK)
    if fused is not None:
        arguments += packing.thresholds(fused)
        parts = -(-neurons // WORD_BITS) * (WORD_BITS // packing.CHUNK)
    extents = (sizes.images, -(-sizes.windows // windows), -(-parts // chunks))
    dimensions = "ZYX"
    if isinstance(layer, DENSE):
        extents = (extents[1], extents[0], extents[2])
        dimensions = "ZXY"
    return [
        Launch(
            ProgramKey(sources, tuple(options)),
            "product_sums" if fused is None else "product_bits",
            tuple(arguments),
            extents,
            dimensions,
        )
    ]


def _convolution(bound: BoundLayer) -> _Sizes:
    layer = bound.layer
    assert isinstance(layer, CONVOLUTIONS)
    target = image_shape(bound.outputs[0])
    geometry = window(
        bound.batch,
        image_shape(bound.inputs[0]),
        target,
        layer.kernel,
        layer.strides,
        layer.pads,
        layer.dilations,
        layer.groups,
    )
    return _Sizes(geometry, bound.batch, target[0] * target[1], layer.groups)


def _dense(bound: BoundLayer) -> _Sizes:
    """One image whose pixels are the images of the batch."""
    (source,), (target,) = bound.inputs[0].shape, bound.outputs[0].shape
    geometry = window(1, (bound.batch, 1, source), (bound.batch, 1, target))
    return _Sizes(geometry, 1, bound.batch)
