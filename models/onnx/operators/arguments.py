"""What operator handlers share: their type, and checked access to inputs and attributes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from bnnplan.models.errors import NetworkError, UnsupportedError
from bnnplan.models.layers.base import windows
from bnnplan.models.onnx.building import Builder
from bnnplan.models.onnx.reading import Operation
from bnnplan.models.onnx.traced import Traced

Value = Traced | np.ndarray | None
Handler = Callable[[Builder, Operation, Sequence[Value]], list[Traced]]

NCHW = ("N", "C", "H", "W")
NHWC = ("N", "H", "W", "C")


def traced(inputs: Sequence[Value], position: int) -> Traced:
    """An input that depends on the network's input."""
    value = inputs[position] if position < len(inputs) else None
    if not isinstance(value, Traced):
        raise UnsupportedError(f"input {position} must not be constant")
    return value


def constant(inputs: Sequence[Value], position: int) -> np.ndarray:
    """A constant input that must be there, with at least one element."""
    value = optional(inputs, position)
    if value is None:
        raise NetworkError(f"input {position} is missing")
    if value.size == 0:
        raise NetworkError(f"input {position} has shape {value.shape}: no elements")
    return value


def optional(inputs: Sequence[Value], position: int) -> np.ndarray | None:
    """A constant input that may be left out."""
    value = inputs[position] if position < len(inputs) else None
    if isinstance(value, Traced):
        raise UnsupportedError(f"input {position} must be constant")
    return value


def window_pads(
    operation: Operation,
    extents: tuple[int, int],
    kernel: tuple[int, int],
    strides: tuple[int, int],
    dilations: tuple[int, int] = (1, 1),
) -> tuple[int, int, int, int]:
    """Pads (top, left, bottom, right) of a window operator: given, or from ``auto_pad``."""
    given = operation.attributes
    mode = given.get("auto_pad", "NOTSET")
    if mode not in ("SAME_UPPER", "SAME_LOWER"):
        top, left, bottom, right = given.get("pads", (0, 0, 0, 0)) if mode == "NOTSET" else [0] * 4
        return top, left, bottom, right
    before, after = [], []
    for extent, taps, stride, dilation in zip(extents, kernel, strides, dilations, strict=True):
        total = max(0, (-(-extent // stride) - 1) * stride + dilation * (taps - 1) + 1 - extent)
        less, more = total // 2, total - total // 2
        before.append(less if mode == "SAME_UPPER" else more)
        after.append(more if mode == "SAME_UPPER" else less)
    return before[0], before[1], after[0], after[1]


def pair(operation: Operation, name: str, default: Sequence[int] = (1, 1)) -> tuple[int, int]:
    """A two-element attribute, such as strides."""
    values = operation.attributes.get(name) or default
    if len(values) != 2:
        raise UnsupportedError(f"{name} {list(values)}: only two-dimensional windows are supported")
    return int(values[0]), int(values[1])


def ceil_pads(
    shape: tuple[int, ...],
    kernel: tuple[int, int],
    strides: tuple[int, int],
    pads: tuple[int, int, int, int],
) -> tuple[int, int, int, int]:
    """Pads enlarged at the bottom and right so that windows also cover the rest (ceil_mode)."""
    fitted = list(pads)
    for axis, count in enumerate(windows(shape, kernel, strides, pads, (1, 1), "pooling")):
        padded = shape[axis] + pads[axis] + pads[axis + 2]
        rest = padded - kernel[axis] - (count - 1) * strides[axis]
        starts_inside = count * strides[axis] < shape[axis] + pads[axis]
        if rest > 0 and starts_inside:
            fitted[axis + 2] += strides[axis] - rest
    return fitted[0], fitted[1], fitted[2], fitted[3]
