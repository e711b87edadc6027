"""Operators on constants, computed while importing.

Exporters compute shapes and prepare weights inside the graph; what depends on nothing but
constants is computed here, with sizes checked before anything is allocated.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from onnx.helper import tensor_dtype_to_np_dtype

from bnnplan.models.errors import NetworkError
from bnnplan.models.onnx.reading import Operation

MAX_ELEMENTS = 2**28
"""Largest constant that a graph may compute, in elements."""

MAX_KEPT = 2**29
"""Elements of all computed constants that are still to be read."""

Arrays = Sequence[np.ndarray | None]
Rule = Callable[[Operation, list[Any]], np.ndarray | list[np.ndarray]]


def _check_size(shape: Sequence[int]) -> None:
    if math.prod(int(extent) for extent in shape) > MAX_ELEMENTS:
        raise NetworkError(f"it computes a constant of shape {tuple(shape)}, which is too large")


def _broadcast(compute: Callable[..., np.ndarray]) -> Rule:
    def rule(operation: Operation, inputs: list[Any]) -> np.ndarray:
        _check_size(np.broadcast_shapes(*(np.shape(array) for array in inputs)))
        with np.errstate(all="ignore"):
            return np.asarray(compute(*inputs))

    return rule


def axes_of(operation: Operation, inputs: Sequence[Any], position: int = 1) -> list[int] | None:
    """Axes, given as an attribute up to some operator set and as an input since."""
    axes = operation.attributes.get("axes")
    if axes is None and len(inputs) > position and inputs[position] is not None:
        axes = np.asarray(inputs[position]).reshape(-1)
    return None if axes is None else [int(axis) for axis in axes]


def reshaped(shape: Sequence[int], wanted: Sequence[int], allow_zero: bool) -> list[int]:
    """The shape that ONNX Reshape gives: 0 copies an extent, -1 is what remains."""
    if not allow_zero:
        wanted = [shape[k] if e == 0 else e for k, e in enumerate(wanted)]
    known = math.prod(e for e in wanted if e != -1)
    total = math.prod(shape)
    if list(wanted).count(-1) == 1 and known > 0 and total % known == 0:
        return [total // known if e == -1 else int(e) for e in wanted]
    if -1 in wanted or known != total:
        raise NetworkError(f"elements of shape {tuple(shape)} do not fit {tuple(wanted)}")
    return [int(e) for e in wanted]


def unsqueezed(rank: int, axes: Sequence[int]) -> list[int]:
    """Sorted, non-negative positions of the axes that Unsqueeze puts in."""
    return sorted(axis % (rank + len(axes)) for axis in axes)


def _constant(operation: Operation, inputs: list[Any]) -> np.ndarray:
    for name, dtype in (("value", None), ("value_float", "f4"), ("value_floats", "f4")):
        if (value := operation.attributes.get(name)) is not None:
            return np.asarray(value, dtype=dtype)
    for name in ("value_int", "value_ints"):
        if (value := operation.attributes.get(name)) is not None:
            return np.asarray(value, dtype=np.int64)
    raise NetworkError("its value is no tensor of numbers")


def _constant_of_shape(operation: Operation, inputs: list[Any]) -> np.ndarray:
    _check_size(inputs[0])
    value = operation.attributes.get("value", np.zeros(1, np.float32))
    return np.full(inputs[0], value.reshape(-1)[0])


def _expand(operation: Operation, inputs: list[Any]) -> np.ndarray:
    shape = np.broadcast_shapes(inputs[0].shape, tuple(int(e) for e in inputs[1]))
    _check_size(shape)
    return np.broadcast_to(inputs[0], shape).copy()


def _cast(operation: Operation, inputs: list[Any]) -> np.ndarray:
    return inputs[0].astype(tensor_dtype_to_np_dtype(operation.attributes["to"]))


def _unsqueeze(operation: Operation, inputs: list[Any]) -> np.ndarray:
    array = inputs[0]
    for axis in unsqueezed(array.ndim, axes_of(operation, inputs) or []):
        array = np.expand_dims(array, axis)
    return array


def _squeeze(operation: Operation, inputs: list[Any]) -> np.ndarray:
    axes = axes_of(operation, inputs)
    return np.squeeze(inputs[0], None if axes is None else tuple(axes))


def _slice(operation: Operation, inputs: list[Any]) -> np.ndarray:
    array = inputs[0]
    for axis, cut in slices_of(operation, inputs, array.ndim).items():
        array = array[(slice(None),) * axis + (cut,)]
    return array


def slices_of(operation: Operation, inputs: Sequence[Any], rank: int) -> dict[int, slice]:
    """What ONNX Slice keeps of each axis, from attributes or inputs."""
    padded = [*inputs, None, None, None, None]
    given = operation.attributes
    starts, ends = (
        np.asarray(given[key] if key in given else padded[k]).reshape(-1).tolist()
        for k, key in ((1, "starts"), (2, "ends"))
    )
    axes = axes_of(operation, inputs, 3) or list(range(len(starts)))
    steps = [1] * len(starts) if padded[4] is None else padded[4].tolist()
    found = {}
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        beyond = step < 0 and end < -(2**31)
        found[axis % rank] = slice(start, None if beyond else end, step)
    return found


def _split(operation: Operation, inputs: list[Any]) -> list[np.ndarray]:
    axis = operation.attributes.get("axis", 0)
    sizes = split_sizes(operation, inputs, inputs[0].shape[axis])
    return np.split(inputs[0], np.cumsum(sizes)[:-1], axis)


def split_sizes(operation: Operation, inputs: Sequence[Any], extent: int) -> list[int]:
    """Extents of the parts that ONNX Split makes, from an attribute, an input or their number."""
    sizes = operation.attributes.get("split")
    if sizes is None and len(inputs) > 1 and inputs[1] is not None:
        sizes = inputs[1].tolist()
    if sizes is None:
        count = operation.attributes.get("num_outputs", len(operation.outputs))
        each = -(-extent // count)
        sizes = [each] * (count - 1) + [extent - each * (count - 1)]
    if min(sizes) < 0 or sum(sizes) != extent:
        raise NetworkError(f"parts of {sizes} do not fit an extent of {extent}")
    return [int(size) for size in sizes]


def _reduce(compute: Callable[..., np.ndarray]) -> Rule:
    def rule(operation: Operation, inputs: list[Any]) -> np.ndarray:
        axes = axes_of(operation, inputs)
        keep = bool(operation.attributes.get("keepdims", 1))
        return np.asarray(compute(inputs[0], axis=None if not axes else tuple(axes), keepdims=keep))

    return rule


def clip_limits(operation: Operation, inputs: Sequence[Any]) -> tuple[float, float]:
    """Low and high of ONNX Clip, from attributes or inputs."""
    limits = [operation.attributes.get("min", -np.inf), operation.attributes.get("max", np.inf)]
    for k, given in enumerate(inputs[1:3]):
        if given is not None:
            limits[k] = np.asarray(given).reshape(()).item()
    return float(limits[0]), float(limits[1])


def _gather(operation: Operation, inputs: list[Any]) -> np.ndarray:
    return np.take(inputs[0], inputs[1], axis=operation.attributes.get("axis", 0))


def _range(operation: Operation, inputs: list[Any]) -> np.ndarray:
    start, stop, step = (array.reshape(-1)[0] for array in inputs)
    _check_size([max(0, math.ceil((stop - start) / step))])
    return np.arange(start, stop, step)


def _divide(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.trunc(a / b).astype(a.dtype) if a.dtype.kind in "iu" else a / b


FOLDS: dict[str, Rule] = {
    "Constant": _constant,
    "ConstantOfShape": _constant_of_shape,
    "Identity": lambda o, i: i[0],
    "Dropout": lambda o, i: i[0],
    "Cast": _cast,
    "Shape": lambda o, i: np.array(i[0].shape, np.int64),
    "Gather": _gather,
    "Concat": lambda o, i: np.concatenate(i, axis=o.attributes["axis"]),
    "Slice": _slice,
    "Split": _split,
    "Unsqueeze": _unsqueeze,
    "Squeeze": _squeeze,
    "Expand": _expand,
    "Range": _range,
    "Reshape": lambda o, i: i[0].reshape(
        reshaped(i[0].shape, i[1].tolist(), bool(o.attributes.get("allowzero", 0)))
    ),
    "Flatten": lambda o, i: i[0].reshape(math.prod(i[0].shape[: o.attributes.get("axis", 1)]), -1),
    "Transpose": lambda o, i: i[0].transpose(o.attributes.get("perm")),
    "Add": _broadcast(np.add),
    "Sub": _broadcast(np.subtract),
    "Mul": _broadcast(np.multiply),
    "Div": _broadcast(_divide),
    "Pow": _broadcast(np.power),
    "Sqrt": _broadcast(np.sqrt),
    "Reciprocal": _broadcast(np.reciprocal),
    "Neg": _broadcast(np.negative),
    "Abs": _broadcast(np.abs),
    "Sign": _broadcast(np.sign),
    "Exp": _broadcast(np.exp),
    "Floor": _broadcast(np.floor),
    "Ceil": _broadcast(np.ceil),
    "Round": _broadcast(np.round),
    "Min": _broadcast(lambda *a: np.asarray(a[0] if len(a) == 1 else np.minimum.reduce(a))),
    "Max": _broadcast(lambda *a: np.asarray(a[0] if len(a) == 1 else np.maximum.reduce(a))),
    "Greater": _broadcast(np.greater),
    "GreaterOrEqual": _broadcast(np.greater_equal),
    "Less": _broadcast(np.less),
    "LessOrEqual": _broadcast(np.less_equal),
    "Equal": _broadcast(np.equal),
    "Not": _broadcast(np.logical_not),
    "Where": _broadcast(np.where),
    "Clip": lambda o, i: np.clip(i[0], *clip_limits(o, i)),
    "ReduceMean": _reduce(np.mean),
    "ReduceProd": _reduce(np.prod),
}
"""What can be computed on constants, by operator."""
