"""QONNX and FINN operators: BipolarQuant, Quant and MultiThreshold, on data and on constants."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bnnplan.models.errors import NetworkError, UnsupportedError
from bnnplan.models.layers import MultiThreshold, Quantize, Rounding, Threshold
from bnnplan.models.onnx.building import Builder
from bnnplan.models.onnx.folding import MAX_ELEMENTS, Rule
from bnnplan.models.onnx.operators.arguments import Handler, Value, constant, traced
from bnnplan.models.onnx.reading import Operation
from bnnplan.models.onnx.stepping import step
from bnnplan.models.onnx.traced import Traced
from bnnplan.models.tensors import ElementType

DOMAINS = ("onnx.brevitas.", "qonnx.custom_op.general.", "finn.")

ROUNDINGS = {
    "ROUND": Rounding.NEAREST_EVEN,
    "HALF_EVEN": Rounding.NEAREST_EVEN,
    "FLOOR": Rounding.FLOOR,
    "CEIL": Rounding.CEIL,
    "DOWN": Rounding.TO_ZERO,
}
WHOLE: dict[Rounding, Callable[[np.ndarray], np.ndarray]] = {
    Rounding.NEAREST_EVEN: np.rint,
    Rounding.FLOOR: np.floor,
    Rounding.CEIL: np.ceil,
    Rounding.TO_ZERO: np.trunc,
}
ONE_BIT_STEPS = {
    Rounding.NEAREST_EVEN: (0.5, -1),
    Rounding.FLOOR: (1.0, 1),
    Rounding.TO_ZERO: (1.0, 1),
    Rounding.CEIL: (0.0, -1),
}
"""Where a rounding to 0 or 1 steps, and the sign of the step's 0."""


def bare_kind(kind: str) -> str:
    """The operator without one of the domains that QONNX operators have had."""
    known = any(kind.startswith(domain) for domain in DOMAINS)
    return kind.rpartition(".")[2] if known else kind


def _limits(operation: Operation, bits: int) -> tuple[int, int]:
    signed, narrow = operation.attributes.get("signed", 1), operation.attributes.get("narrow", 0)
    if signed:
        half = 2 ** (bits - 1)
        return -half + bool(narrow), half - 1
    return 0, 2**bits - 1 - bool(narrow)


def _rounding(operation: Operation) -> Rounding:
    mode = operation.attributes.get("rounding_mode", "ROUND").upper()
    if mode not in ROUNDINGS:
        raise UnsupportedError(f"rounding_mode {mode}; supported are {', '.join(ROUNDINGS)}")
    return ROUNDINGS[mode]


def _bit_width(array: np.ndarray) -> int:
    bits = float(array.reshape(-1)[0])
    if array.size != 1 or bits != int(bits) or not 1 <= bits <= 32:
        raise UnsupportedError(f"a bit width of {array.reshape(-1)[:4].tolist()}")
    return int(bits)


def _bipolar(builder: Builder, operation: Operation, inputs: Sequence[Value]) -> list[Traced]:
    bits = step(builder, traced(inputs, 0), 1)
    return [builder.then(bits, constant(inputs, 1), 0.0)]


def _quant(builder: Builder, operation: Operation, inputs: Sequence[Value]) -> list[Traced]:
    source = traced(inputs, 0)
    scale, zero = (constant(inputs, k).astype(np.float64) for k in (1, 2))
    bits = _bit_width(constant(inputs, 3))
    if not (scale > 0).all():
        raise NetworkError("scales must be above 0")
    if bits == 1 and operation.attributes.get("signed", 1):
        made = step(builder, builder.then(source, 1 / scale, zero), 1)
        return [builder.then(made, scale, -zero * scale)]
    low, high = _limits(operation, bits)
    rounding = _rounding(operation)
    if bits == 1 and high == 1:
        at, sign = ONE_BIT_STEPS[rounding]
        made = step(builder, builder.then(source, 1 / scale, zero - at), sign)
        return [builder.then(made.then(0.5, 0.5), scale, -zero * scale)]
    source, (scales, zeros) = builder.channelwise(builder.floats(source), scale, zero)
    return [builder.apply(Quantize(scales, zeros, low, high, rounding), source)]


def _multi_threshold(
    builder: Builder, operation: Operation, inputs: Sequence[Value]
) -> list[Traced]:
    source, given = traced(inputs, 0), operation.attributes
    thresholds = constant(inputs, 1).astype(np.float64)
    scale, bias = given.get("out_scale", 1.0), given.get("out_bias", 0.0)
    rank = len(source.axes)
    layout = given.get("data_layout", "") or {2: "NC", 4: "NCHW"}.get(rank, "")
    if thresholds.ndim != 2 or len(layout) != rank or "C" not in layout:
        raise UnsupportedError(f"thresholds {thresholds.shape} on {builder.shown(source)}")
    if thresholds.shape[1] * source.type.channels > MAX_ELEMENTS:
        raise NetworkError(f"{thresholds.shape[1]} thresholds on {source.type.channels} channels")
    columns = thresholds.T.reshape(thresholds.shape[1], *_beside(layout))
    source, found = builder.channelwise(source, *columns)
    steps = np.stack(found, axis=1)
    if steps.shape[1] == 1:
        return [_one_step(builder, source, steps[:, 0]).then(scale / 2, bias + scale / 2)]
    layer = MultiThreshold(np.sort(steps, axis=1), scale, bias)
    return [builder.apply(layer, builder.plain(source))]


def _beside(layout: str) -> list[int]:
    """A shape that holds one value per channel, at the place of C in the layout."""
    return [-1 if axis == "C" else 1 for axis in layout]


def _one_step(builder: Builder, source: Traced, thresholds: np.ndarray) -> Traced:
    """Bits: +1 where the tensor reaches the threshold of its channel."""
    direct = source.affine.is_identity and source.padding is None
    if direct and source.type.element is ElementType.FLOAT32:
        flip = np.zeros(thresholds.size, bool)
        return builder.apply(Threshold(thresholds.astype(np.float32), flip), source)
    return step(builder, source.then(1.0, -thresholds), 1)


def fold_bipolar(operation: Operation, inputs: list[Any]) -> np.ndarray:
    """BipolarQuant of a constant."""
    return np.where(inputs[0] >= 0, 1.0, -1.0) * inputs[1]


def fold_quant(operation: Operation, inputs: list[Any]) -> np.ndarray:
    """Quant of a constant."""
    values, scale, zero = inputs[:3]
    bits = _bit_width(inputs[3])
    scaled = values / scale + zero
    if bits == 1 and operation.attributes.get("signed", 1):
        whole = np.where(scaled >= 0, 1.0, -1.0)
    else:
        whole = WHOLE[_rounding(operation)](np.clip(scaled, *_limits(operation, bits)))
    return (whole - zero) * scale


QONNX: dict[str, Handler] = {
    "BipolarQuant": _bipolar,
    "Quant": _quant,
    "IntQuant": _quant,
    "MultiThreshold": _multi_threshold,
}
QONNX_FOLDS: dict[str, Rule] = {
    "BipolarQuant": fold_bipolar,
    "Quant": fold_quant,
    "IntQuant": fold_quant,
}
