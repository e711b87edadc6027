"""Operators that only move, cut or rename elements; most cost nothing, see `traced`."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from attrs import evolve

from bnnplan.models.errors import NetworkError, UnsupportedError
from bnnplan.models.layers import Concat, Reshape, Split
from bnnplan.models.onnx.building import Builder
from bnnplan.models.onnx.folding import axes_of, reshaped, slices_of, split_sizes, unsqueezed
from bnnplan.models.onnx.operators.arguments import (
    NCHW,
    NHWC,
    Handler,
    Value,
    constant,
    optional,
    traced,
)
from bnnplan.models.onnx.reading import Operation
from bnnplan.models.onnx.traced import ATOMS, BATCH, Affine, Padding, Traced, image

CHANNEL_AXES = {1: NCHW, 3: NHWC}


def _regrouped(source: Traced, shape: Sequence[int]) -> tuple[str, ...] | None:
    """Axes that give the shape without splitting an atom, or None."""
    atoms = [atom for axis in source.axes[1:] for atom in axis]
    axes = ["N"]
    for extent in shape:
        axis = ""
        while source.extent(axis) < extent and atoms:
            axis += atoms.pop(0)
        if source.extent(axis) != extent:
            return None
        axes.append(axis)
    return None if atoms else tuple(axes)


def _with_shape(builder: Builder, source: Traced, wanted: Sequence[int]) -> Traced:
    if source.padding is not None:
        raise UnsupportedError("a new shape for a tensor with padding")
    shape = reshaped(source.shape, wanted, allow_zero=False)
    shown = "×".join("N" if extent == BATCH else str(extent) for extent in shape)
    if source.axes[0] != "N" or shape[0] != BATCH:
        raise UnsupportedError(f"a shape {shown} that mixes images of a batch")
    axes = _regrouped(source, shape[1:])
    if axes is not None:
        return evolve(source, axes=axes)
    extents = [extent for extent in shape[1:] if extent != 1]
    if len(extents) > 3:
        raise UnsupportedError(f"a shape {shown} with more than 3 axes beside the batch")
    source = builder.vector(builder.in_order(source))
    if len({*source.affine.scale}) > 1 or len({*source.affine.bias}) > 1:
        source = builder.plain(source)
    extents += [1] * (3 - len(extents))
    ((name, type),) = builder.emit(Reshape(extents), [source])
    atoms = iter(ATOMS)
    made = image(name, type, ("N", *("" if e == 1 else next(atoms) for e in shape[1:])))
    return made.then(source.affine.scale[0], source.affine.bias[0])


def _reshape(builder: Builder, operation: Operation, inputs: Sequence[Value]) -> list[Traced]:
    source = traced(inputs, 0)
    wanted = [int(extent) for extent in constant(inputs, 1).reshape(-1)]
    if wanted[0] == builder.fixed_batch:
        wanted[0] = BATCH
    return [_with_shape(builder, source, wanted)]


def _flatten(builder: Builder, operation: Operation, inputs: Sequence[Value]) -> list[Traced]:
    source = traced(inputs, 0)
    shape = source.shape
    axis = operation.attributes.get("axis", 1)
    axis += len(shape) if axis < 0 else 0
    return [_with_shape(builder, source, [math.prod(shape[:axis]), math.prod(shape[axis:])])]


def _squeeze(builder: Builder, operation: Operation, inputs: Sequence[Value]) -> list[Traced]:
    source = traced(inputs, 0)
    given = axes_of(operation, [None, optional(inputs, 1)])
    rank = len(source.axes)
    units = {k for k, extent in enumerate(source.shape) if extent == 1}
    axes = units if given is None else {axis % rank for axis in given}
    if not axes <= units:
        raise UnsupportedError(f"squeezing axes {sorted(axes)} of {builder.shown(source)}")
    return [evolve(source, axes=tuple(a for k, a in enumerate(source.axes) if k not in axes))]


def _unsqueeze(builder: Builder, operation: Operation, inputs: Sequence[Value]) -> list[Traced]:
    source = traced(inputs, 0)
    axes = list(source.axes)
    given = axes_of(operation, [None, optional(inputs, 1)]) or []
    for axis in unsqueezed(len(axes), given):
        axes.insert(axis, "")
    return [evolve(source, axes=tuple(axes))]


def _transpose(builder: Builder, operation: Operation, inputs: Sequence[Value]) -> list[Traced]:
    source = traced(inputs, 0)
    order = operation.attributes.get("perm") or range(len(source.axes))[::-1]
    if sorted(order) != list(range(len(source.axes))):
        raise NetworkError(f"perm {list(order)} does not fit {builder.shown(source)}")
    return [evolve(source, axes=tuple(source.axes[k] for k in order))]


def _channels_last(builder: Builder, source: Traced, axis: int) -> tuple[Traced, tuple[str, ...]]:
    """The tensor with the given ONNX axis as the network's channels, and its ONNX axes."""
    rank = len(source.axes)
    if rank == 2 and axis % rank == 1:
        return builder.vector(builder.in_order(source)), ("N", "C")
    if rank != 4 or axis % rank not in CHANNEL_AXES:
        raise UnsupportedError(f"axis {axis} of {builder.shown(source)}: only channels are")
    axes = CHANNEL_AXES[axis % rank]
    return builder.arranged(source, axes), axes


def _concat(builder: Builder, operation: Operation, inputs: Sequence[Value]) -> list[Traced]:
    axis = operation.attributes["axis"]
    placed = [_channels_last(builder, traced(inputs, k), axis) for k in range(len(inputs))]
    parts, axes = [part for part, _ in placed], placed[0][1]
    if len(parts) == 1:
        return parts
    padded = any(part.padding is not None for part in parts)
    if padded or len({part.type.element for part in parts}) > 1:
        parts = [builder.floats(part) for part in parts]
    affine = Affine(
        np.concatenate([part.affine.scale for part in parts]),
        np.concatenate([part.affine.bias for part in parts]),
    )
    ((name, type),) = builder.emit(Concat(), parts)
    return [evolve(image(name, type, axes), affine=affine)]


def _parts(
    builder: Builder, source: Traced, axes: tuple[str, ...], sizes: Sequence[int]
) -> list[Traced]:
    if source.padding is not None:
        raise UnsupportedError("a cut through a tensor with padding")
    if len(sizes) == 1:
        return [source]
    ends = np.cumsum(sizes)
    made = []
    emitted = builder.emit(Split(sizes), [source])
    for (name, type), end in zip(emitted, ends, strict=True):
        cut = slice(end - type.channels, end)
        affine = Affine(source.affine.scale[cut], source.affine.bias[cut])
        made.append(evolve(image(name, type, axes), affine=affine))
    return made


def _split(builder: Builder, operation: Operation, inputs: Sequence[Value]) -> list[Traced]:
    source, axes = _channels_last(builder, traced(inputs, 0), operation.attributes.get("axis", 0))
    sizes = split_sizes(operation, [None, optional(inputs, 1)], source.type.channels)
    return _parts(builder, source, axes, sizes)


def _slice(builder: Builder, operation: Operation, inputs: Sequence[Value]) -> list[Traced]:
    """A range of channels."""
    source = traced(inputs, 0)
    rest = [optional(inputs, k) for k in range(1, 5)]
    cuts = slices_of(operation, [None, *rest], len(source.axes))
    ranges = {axis: range(source.shape[axis])[cut] for axis, cut in cuts.items()}
    kept = {axis: r for axis, r in ranges.items() if r != range(source.shape[axis])}
    if not kept:
        return [source]
    if len(kept) > 1 or (cut := next(iter(kept.values()))).step != 1 or not cut:
        raise UnsupportedError("a slice other than some channels in a row")
    source, axes = _channels_last(builder, source, next(iter(kept)))
    sizes = [cut.start, len(cut), source.type.channels - cut.stop]
    before = sizes[0] > 0
    parts = _parts(builder, source, axes, [size for size in sizes if size])
    return [parts[1 if before else 0]]


def _pad(builder: Builder, operation: Operation, inputs: Sequence[Value]) -> list[Traced]:
    """Padding with a constant, kept for the convolution that follows."""
    source, given = traced(inputs, 0), operation.attributes
    if given.get("mode", "constant") != "constant":
        raise UnsupportedError(f"mode {given['mode']!r}; only constant padding is supported")
    pads = given["pads"] if "pads" in given else constant(inputs, 1).reshape(-1).tolist()
    value = given.get("value", 0.0)
    if (number := optional(inputs, 2)) is not None:
        value = float(number.reshape(()))
    rank = len(source.axes)
    axes = axes_of(operation, [None, optional(inputs, 3)]) or list(range(rank))
    around = dict.fromkeys(ATOMS, (0, 0))
    for axis, before, after in zip(axes, pads[: len(axes)], pads[len(axes) :], strict=True):
        if before == after == 0:
            continue
        if source.axes[axis] not in ("H", "W") or min(before, after) < 0:
            raise UnsupportedError(f"pads {list(pads)}: only height and width can grow")
        around[source.axes[axis]] = (before, after)
    (top, bottom), (left, right) = around["H"], around["W"]
    total = (top, left, bottom, right)
    if not any(total):
        return [source]
    if source.padding is not None:
        if source.padding.value != value:
            raise UnsupportedError("padding with different values around each other")
        total = tuple(a + b for a, b in zip(total, source.padding.pads, strict=True))  # type: ignore[assignment]
    return [evolve(source, padding=Padding(total, value))]


SHAPES: dict[str, Handler] = {
    "Reshape": _reshape,
    "Flatten": _flatten,
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Transpose": _transpose,
    "Concat": _concat,
    "Split": _split,
    "Slice": _slice,
    "Pad": _pad,
}
