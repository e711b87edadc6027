"""Pooling; a pending scale and bias moves behind it, so that it works on integers and bits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from attrs import evolve

from bnnplan.models.errors import UnsupportedError
from bnnplan.models.layers import AveragePool2d, Layer, MaxPool2d
from bnnplan.models.onnx.building import Builder
from bnnplan.models.onnx.folding import axes_of
from bnnplan.models.onnx.operators.arguments import (
    NCHW,
    NHWC,
    Handler,
    Value,
    ceil_pads,
    optional,
    pair,
    traced,
    window_pads,
)
from bnnplan.models.onnx.reading import Operation
from bnnplan.models.onnx.traced import Traced, image
from bnnplan.models.tensors import ElementType

Pads = tuple[int, int, int, int]


def _pooled(
    builder: Builder, source: Traced, layer: Layer, axes: tuple[str, ...] | None = None
) -> Traced:
    """Run a pooling layer before the pending affine map instead of after it."""
    ((name, type),) = builder.emit(layer, [evolve(source, padding=None)])
    return evolve(image(name, type, axes or source.axes), affine=source.affine)


def _window(
    builder: Builder, operation: Operation, source: Traced
) -> tuple[tuple[int, int], tuple[int, int], Pads]:
    kernel, strides = pair(operation, "kernel_shape", ()), pair(operation, "strides")
    if pair(operation, "dilations") != (1, 1):
        raise UnsupportedError("dilated pooling")
    pads = window_pads(operation, source.extents[:2], kernel, strides)
    if operation.attributes.get("ceil_mode", 0):
        pads = ceil_pads(source.extents, kernel, strides, pads)
    return kernel, strides, pads


def _minimum(source: Traced) -> np.ndarray | None:
    """Channels in which a negative scale makes the largest number of the smallest element."""
    falling = source.affine.scale < 0
    return falling if falling.any() else None


def _max_pool(builder: Builder, operation: Operation, inputs: Sequence[Value]) -> list[Traced]:
    source = builder.arranged(traced(inputs, 0), NCHW)
    kernel, strides, pads = _window(builder, operation, source)
    if source.padding is not None:
        least = (source.affine.bias - np.abs(source.affine.scale)).min()
        lowest = source.is_bit and source.padding.value <= least
        if not (lowest or source.padding.value == -np.inf) or any(pads):
            raise UnsupportedError("padding before max pooling that could be the maximum")
        pads = source.padding.pads
    return [_pooled(builder, source, MaxPool2d(kernel, strides, pads, _minimum(source)), NCHW)]


def _average_pool(builder: Builder, operation: Operation, inputs: Sequence[Value]) -> list[Traced]:
    source = builder.arranged(traced(inputs, 0), NCHW)
    kernel, strides, pads = _window(builder, operation, source)
    count_pads = bool(operation.attributes.get("count_include_pad", 0))
    if count_pads and operation.attributes.get("ceil_mode", 0):
        declared = window_pads(operation, source.extents[:2], kernel, strides)
        # What ceil_mode adds never counts, so that without declared pads nothing does.
        count_pads = any(declared)
        if count_pads and pads != declared:
            raise UnsupportedError("pads that count beside those of ceil_mode, which do not")
    if source.padding is not None:
        if source.padding.value != 0 or any(pads):
            raise UnsupportedError("padding with other than 0 before average pooling")
        pads, count_pads = source.padding.pads, True
        source = evolve(source, padding=None)
    if count_pads and any(pads):
        source = builder.plain(source)
    layer = AveragePool2d(kernel, strides, pads, count_pads)
    return [_pooled(builder, _summable(builder, source), layer, NCHW)]


def _summable(builder: Builder, source: Traced) -> Traced:
    if source.padding is not None:
        raise UnsupportedError("padding before pooling over the whole image")
    whole = source.type.element in (ElementType.INT32, ElementType.FLOAT32)
    return source if whole else builder.floats(source)


def _global_average(
    builder: Builder, operation: Operation, inputs: Sequence[Value]
) -> list[Traced]:
    source = _summable(builder, builder.arranged(traced(inputs, 0), NCHW))
    kernel = source.extents[:2]
    return [_pooled(builder, source, AveragePool2d(kernel, kernel), NCHW)]


def _global_max(builder: Builder, operation: Operation, inputs: Sequence[Value]) -> list[Traced]:
    source = builder.arranged(traced(inputs, 0), NCHW)
    if source.padding is not None:
        raise UnsupportedError("padding before pooling over the whole image")
    kernel = source.extents[:2]
    return [_pooled(builder, source, MaxPool2d(kernel, kernel, minimum=_minimum(source)), NCHW)]


def _reduce_mean(builder: Builder, operation: Operation, inputs: Sequence[Value]) -> list[Traced]:
    """Mean over height, width or both."""
    source = traced(inputs, 0)
    rank = len(source.axes)
    axes = {axis % rank for axis in axes_of(operation, [None, optional(inputs, 1)]) or range(rank)}
    if rank == 4 and "C" in "".join(source.axes[axis] for axis in axes):
        source = builder.arranged(source, NHWC if axes == {1, 2} else NCHW)
    atoms = "".join(source.axes[axis] for axis in axes)
    if not set(atoms) <= {"H", "W"}:
        raise UnsupportedError(f"a mean over axes {sorted(axes)} of {builder.shown(source)}")
    source = _summable(builder, builder.image(source))
    rows, columns, _ = source.extents
    kernel = (rows if "H" in atoms else 1, columns if "W" in atoms else 1)
    reduced = _pooled(builder, source, AveragePool2d(kernel, kernel))
    if operation.attributes.get("keepdims", 1):
        return [reduced]
    return [evolve(reduced, axes=tuple(a for k, a in enumerate(reduced.axes) if k not in axes))]


POOLING: dict[str, Handler] = {
    "MaxPool": _max_pool,
    "AveragePool": _average_pool,
    "GlobalAveragePool": _global_average,
    "GlobalMaxPool": _global_max,
    "ReduceMean": _reduce_mean,
}
