"""What the network is fed: images or vectors, and in which order the file has their axes."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np
from onnx import TensorProto

from bnnplan.models.errors import NetworkError, UnsupportedError
from bnnplan.models.onnx.reading import GraphInput, OnnxGraph
from bnnplan.models.onnx.traced import Traced, image
from bnnplan.models.tensors import ElementType, TensorType

if TYPE_CHECKING:
    from bnnplan.models.normalization import Normalization

ELEMENTS: dict[int, ElementType] = {
    TensorProto.FLOAT: ElementType.FLOAT32,
    TensorProto.FLOAT16: ElementType.FLOAT32,
    TensorProto.BFLOAT16: ElementType.FLOAT32,
    TensorProto.DOUBLE: ElementType.FLOAT32,
    TensorProto.UINT8: ElementType.UINT8,
    TensorProto.INT8: ElementType.INT8,
    TensorProto.INT32: ElementType.INT32,
}
CHANNEL_SECOND = (
    "Conv",
    "MaxPool",
    "AveragePool",
    "GlobalAveragePool",
    "GlobalMaxPool",
    "BatchNormalization",
)
SHAPE_CHANGING = ("Reshape", "Flatten", "Squeeze", "Unsqueeze", "MatMul", "Gemm", "Shape")
PICTURE_CHANNELS = (1, 3, 4)


def trace_input(graph: OnnxGraph, given: GraphInput, normalization: Normalization | None) -> Traced:
    """The network's tensor for an input of the graph.

    With a normalization the network takes plain pixels, uint8, and the normalization is the
    first thing pending on them.
    """
    where = f"input {given.name!r}"
    extents = given.extents[1:]
    for axis, extent in enumerate(extents, start=1):
        if extent is None:
            raise NetworkError(
                f"{where} leaves the extent of axis {axis} open; only the batch may be, "
                "export the network with fixed sizes"
            )
    if not 1 <= len(extents) <= 3:
        raise UnsupportedError(
            f"{where} has {len(given.extents)} axes; images and vectors with a batch axis "
            "in front have 2 to 4"
        )
    if given.element not in ELEMENTS:
        raise UnsupportedError(f"{where} has ONNX element type {given.element}")
    axes = {1: ("N", "C"), 2: ("N", "H", "W")}.get(len(extents)) or image_axes(graph, given)
    sizes = dict(zip(axes[1:], extents, strict=True))
    shape = (sizes.get("H", 1), sizes.get("W", 1), sizes.get("C", 1))
    element = ELEMENTS[given.element] if normalization is None else ElementType.UINT8
    type = TensorType(shape if len(extents) > 1 else shape[2:], element)
    made = image(given.name, type, axes)
    if normalization is None:
        return made
    scale, mean = (
        np.asarray(v, dtype=np.float64).reshape(-1)
        for v in (normalization.scale, normalization.mean)
    )
    for numbers in (scale, mean):
        if numbers.size not in (1, type.channels):
            raise NetworkError(
                f"{where}: normalization for {numbers.size} channels, but it has {type.channels}"
            )
    return made.then(*np.broadcast_arrays(scale, -mean * scale + 0.0, np.empty(type.channels))[:2])


def image_axes(graph: OnnxGraph, given: GraphInput) -> tuple[str, ...]:
    """Atoms of the axes of a four-axis input, found from what first treats an axis as channels."""
    readers = defaultdict(list)
    for operation in graph.operations:
        for name in operation.inputs:
            readers[name].append(operation)
    waiting: list[tuple[str, tuple[int, ...]]] = [(given.name, (0, 1, 2, 3))]
    seen = set()
    while waiting:
        name, order = waiting.pop(0)
        if name in seen:
            continue
        seen.add(name)
        for operation in readers[name]:
            if operation.kind in CHANNEL_SECOND:
                return _labelled(order[1])
            if operation.kind in SHAPE_CHANGING:
                continue
            moved = order
            if operation.kind == "Transpose":
                permutation = operation.attributes.get("perm") or (3, 2, 1, 0)
                if sorted(permutation) != [0, 1, 2, 3]:
                    continue
                moved = tuple(order[k] for k in permutation)
            waiting += [(output, moved) for output in operation.outputs]
    _, second, _, last = given.extents
    last_is = last in PICTURE_CHANNELS and second not in PICTURE_CHANNELS
    return _labelled(3 if last_is else 1)


def _labelled(channel: int) -> tuple[str, ...]:
    places = iter("HW")
    return ("N", *("C" if axis == (channel or 1) else next(places) for axis in (1, 2, 3)))
