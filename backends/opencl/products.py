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
    BinaryProduct,
    BinaryWeightConv2d,
    BinaryWeightDense,
    FloatConv2d,
    FloatDense,
    MaxPool2d,
)
from bnnplan.models.tensors import WORD_BITS, ElementType, pack_bits

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
    starts = packing.per_neuron(bias, neurons, np.float32 if is_float else np.int32)
    pad = layer.pad_value if isinstance(layer, BinaryConv2d) else 0
    arguments: list[Argument] = [
        *(Input(), Output(), weights, starts, sizes.geometry, np.int32(pad))
    ]
    kernel, parts = "product_sums", -(-neurons // packing.CHUNK)
    if layer.fused and not isinstance(layer, FLOAT):
        if layer.scale_bias is not None:
            options.append("-DSCALED")
        else:
            kernel = "product_bits" if _pool(layer) is None else "product_pooled"
            parts = -(-neurons // WORD_BITS) * (WORD_BITS // packing.CHUNK)
        arguments += _fused(layer)
    extents = (sizes.images, -(-sizes.windows // windows), -(-parts // chunks))
    dimensions = "ZYX"
    if isinstance(layer, DENSE):
        extents = (extents[1], extents[0], extents[2])
        dimensions = "ZXY"
    return [
        Launch(
            ProgramKey(sources, tuple(options)),
            kernel,
            tuple(arguments),
            extents,
            dimensions,
        )
    ]


def _pool(layer: BinaryProduct | FloatConv2d) -> MaxPool2d | None:
    return layer.pool if isinstance(layer, BinaryConv2d | BinaryWeightConv2d) else None


def _fused(layer: BinaryProduct) -> list[Argument]:
    """What the kernels take for what a layer carries."""
    neurons = len(layer.weight)
    if layer.threshold is None:
        assert layer.scale_bias is not None
        given = layer.scale_bias.scale, layer.scale_bias.bias
        return [packing.per_neuron(values, neurons, np.float32) for values in given]
    arguments: list[Argument] = [*packing.thresholds(layer.threshold)]
    if isinstance(layer, BinaryConv2d | BinaryWeightConv2d) and layer.pool is not None:
        minimum = layer.pool.minimum
        least = np.zeros(neurons, np.int8) if minimum is None else -minimum.astype(np.int8)
        arguments += [np.int32(size) for size in (*layer.pool.kernel, *layer.strides)]
        arguments.append(pack_bits(least))
    return arguments


def _convolution(bound: BoundLayer) -> _Sizes:
    layer = bound.layer
    assert isinstance(layer, CONVOLUTIONS)
    target = image_shape(bound.outputs[0])
    pool = _pool(layer)
    rows, columns = layer.strides
    if pool is not None:
        # One window along an axis never moves, and its stride may be too large for the kernel.
        rows = rows * pool.strides[0] if target[0] > 1 else 1
        columns = columns * pool.strides[1] if target[1] > 1 else 1
    geometry = window(
        bound.batch,
        image_shape(bound.inputs[0]),
        target,
        layer.kernel,
        (rows, columns),
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
