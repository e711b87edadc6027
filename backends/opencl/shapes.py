"""Launches of layers that pool or move elements."""

from __future__ import annotations

from itertools import accumulate
from typing import NamedTuple

import numpy as np

from bnnplan.backends.opencl.geometry import image_shape, window
from bnnplan.backends.opencl.launch import Argument, Input, Launch, Output, Struct
from bnnplan.backends.opencl.products import C_TYPES
from bnnplan.backends.opencl.session import ProgramKey
from bnnplan.models.graph import BoundLayer
from bnnplan.models.layers import AveragePool2d, Concat, MaxPool2d, Split, Transpose
from bnnplan.models.tensors import WORD_BITS, ElementType, TensorType, pack_bits

BY_SIZE = {1: "uchar", 4: "uint", 8: "ulong"}
"""Types that elements are moved as, by bytes."""


def _program(element: str) -> ProgramKey:
    return ProgramKey(("shapes",), (f"-DELEMENT={element}",))


def pools(bound: BoundLayer, tile: tuple[int, ...], chunk: int) -> list[Launch]:
    """The one launch of a pooling layer; see :func:`bnnplan.backends.opencl.elementwise`."""
    layer = bound.layer
    assert isinstance(layer, MaxPool2d | AveragePool2d)
    rows, columns, channels = image_shape(bound.inputs[0])
    out_rows, out_columns, _ = image_shape(bound.outputs[0])
    element = bound.inputs[0].element
    is_bit = element is ElementType.BIT
    if is_bit:
        channels, chunk = -(-channels // WORD_BITS), 1
    geometry = window(
        bound.batch,
        (rows, columns, channels),
        (out_rows, out_columns, channels),
        layer.kernel,
        layer.strides,
        layer.pads,
    )
    arguments: list[Argument] = [Input(), Output(), geometry]
    if isinstance(layer, AveragePool2d):
        kernel = "average_pool"
        arguments += [np.int32(chunk), np.int32(layer.count_pads)]
    else:
        minimum = layer.minimum
        if minimum is None:
            minimum = np.zeros(bound.inputs[0].channels, np.bool_)
        if is_bit:
            kernel = "max_pool_bits"
            arguments.append(pack_bits(-minimum.astype(np.int8)))
        else:
            kernel = "max_pool"
            arguments += [np.int32(chunk), minimum.astype(np.uint8)]
    program = _program("ulong" if is_bit else C_TYPES[element])
    extents = (bound.batch, out_rows * out_columns, -(-channels // chunk))
    return [Launch(program, kernel, tuple(arguments), extents)]


class _Part(NamedTuple):
    """A part of an output that comes from one input, in elements; see ``shapes.cl``."""

    shape: tuple[int, int, int]
    first: int
    strides: tuple[int, int, int]
    source: TensorType
    output_channels: int
    output_first: int


def moves(bound: BoundLayer, tile: tuple[int, ...], chunk: int) -> list[Launch]:
    """The launches of a layer that moves elements: one for each pair of input and output."""
    layer, source, target = bound.layer, bound.inputs[0], bound.outputs[0]
    rows, columns, channels = image_shape(source)
    dense = (columns * channels, channels, 1)
    if isinstance(layer, Concat):
        starts = accumulate((part.channels for part in bound.inputs), initial=0)
        return [
            _move(
                bound,
                Input(index),
                Output(),
                _Part(shape, 0, _dense(shape), part, target.channels, start),
                chunk,
            )
            for index, (part, start) in enumerate(zip(bound.inputs, starts, strict=False))
            for shape in [image_shape(part)]
        ]
    if isinstance(layer, Split):
        starts = accumulate(layer.sizes, initial=0)
        return [
            _move(
                bound,
                Input(),
                Output(index),
                _Part((rows, columns, size), start, dense, source, size, 0),
                chunk,
            )
            for index, (size, start) in enumerate(zip(layer.sizes, starts, strict=False))
        ]
    shape = image_shape(target)
    strides = _dense(shape)
    if isinstance(layer, Transpose):
        strides = tuple(dense[axis] for axis in layer.axes)  # type: ignore[assignment]
    part = _Part(shape, 0, strides, source, target.channels, 0)
    return [_move(bound, Input(), Output(), part, chunk)]


def _dense(shape: tuple[int, int, int]) -> tuple[int, int, int]:
    return (shape[1] * shape[2], shape[2], 1)


def _move(bound: BoundLayer, source: Input, target: Output, part: _Part, chunk: int) -> Launch:
    rows, columns, channels = part.shape
    kernel, unit, spread = "gather", 1, channels
    if part.source.element is ElementType.BIT:
        lengths = (channels, part.first, *part.strides[:2], part.source.channels)
        aligned = all(
            n % WORD_BITS == 0 for n in (*lengths, part.output_channels, part.output_first)
        )
        if aligned and part.strides[2] == 1:
            # Whole words move as if they were numbers.
            unit, spread = WORD_BITS, channels // WORD_BITS
        else:
            kernel, chunk = "gather_bits", 1
            spread = -(-(part.output_first % WORD_BITS + channels) // WORD_BITS)
    at = Struct(
        (
            *(bound.batch, rows, columns, channels // unit, part.first // unit),
            *(part.strides[0] // unit, part.strides[1] // unit, part.strides[2]),
            *(part.source.elements // unit, part.source.channels // unit),
            *(part.output_channels // unit, part.output_first // unit),
        )
    )
    return Launch(
        _program(BY_SIZE[part.source.element.dtype.itemsize]),
        kernel,
        (source, target, at, np.int32(chunk)),
        (bound.batch, rows * columns, -(-spread // chunk)),
    )
