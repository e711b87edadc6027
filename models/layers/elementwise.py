"""Layers that treat every element alone, with parameters per channel."""

from __future__ import annotations

import enum

import attrs
import numpy as np

from bnnplan.models.errors import NetworkError
from bnnplan.models.layers.base import (
    Layer,
    Types,
    array_field,
    require_channels,
    require_element,
    single,
)
from bnnplan.models.tensors import ElementType, TensorType

NUMBERS = (ElementType.UINT8, ElementType.INT8, ElementType.INT32, ElementType.FLOAT32)
FLOAT = (ElementType.FLOAT32,)


def _to(element: ElementType, source: TensorType) -> Types:
    return (TensorType(source.shape, element),)


@attrs.frozen(hash=False)
class Threshold(Layer):
    """Compare each channel with its own threshold; the result is a bit.

    A channel gives -1 where ``x < threshold``, or where ``x > threshold`` if it is flipped, and
    +1 everywhere else (NaN gives +1). The smallest integer, or -inf, never gives -1 unflipped.

    Parameters
    ----------
    threshold : ndarray of int32 or float32, shape (C,)
        int32 for integer inputs, float32 for float inputs.
    flip : ndarray of bool, shape (C,)
    """

    threshold: np.ndarray = attrs.field(
        eq=attrs.cmp_using(eq=lambda a, b: a.dtype == b.dtype and np.array_equal(a, b)),
        repr=False,
    )
    flip: np.ndarray = array_field(np.bool_, ndim=1)

    def __attrs_post_init__(self) -> None:
        kind = np.asarray(self.threshold).dtype.kind
        array = np.array(self.threshold, dtype=np.float32 if kind == "f" else np.int32)
        array.setflags(write=False)
        object.__setattr__(self, "threshold", array)
        if array.ndim != 1 or array.shape != self.flip.shape or array.size == 0:
            raise NetworkError(
                f"Threshold needs as many thresholds as flips, not {array.shape} and "
                f"{self.flip.shape}"
            )
        if kind == "f" and np.isnan(array).any():
            raise NetworkError("Threshold.threshold must not contain NaN")

    def infer(self, inputs: Types) -> Types:
        source = single(inputs, self)
        is_float = self.threshold.dtype == np.float32
        require_element(self, source, FLOAT if is_float else NUMBERS[:3])
        require_channels(self, source, self.threshold.size)
        return _to(ElementType.BIT, source)


@attrs.frozen(hash=False)
class Sign(Layer):
    """-1 where ``x < 0``, `zero` where ``x == 0``, +1 elsewhere (NaN included); a bit.

    Parameters
    ----------
    zero : {1, -1}
        The sign of 0: +1 unless the imported graph says otherwise.
    """

    zero: int = attrs.field(default=1)

    @zero.validator
    def _check_zero(self, attribute: attrs.Attribute, value: int) -> None:
        if value not in (1, -1):
            raise NetworkError(f"Sign.zero must be 1 or -1, not {value}")

    def infer(self, inputs: Types) -> Types:
        source = single(inputs, self)
        require_element(self, source, NUMBERS)
        return _to(ElementType.BIT, source)


@attrs.frozen(hash=False)
class BatchNorm(Layer):
    """Batch normalisation with fixed statistics; float32.

    ``y = x * scale + bias`` with ``scale = gamma / sqrt(variance + epsilon)`` and
    ``bias = beta - mean * scale`` computed in float64, rounded to float32; then one float32
    multiplication and one float32 addition, each rounded.

    Parameters
    ----------
    gamma, beta, mean, variance : ndarray of float32, shape (C,)
    epsilon : float
    """

    gamma: np.ndarray = array_field(np.float32, ndim=1)
    beta: np.ndarray = array_field(np.float32, ndim=1)
    mean: np.ndarray = array_field(np.float32, ndim=1)
    variance: np.ndarray = array_field(np.float32, ndim=1)
    epsilon: float = attrs.field(default=1e-5, converter=float)

    def __attrs_post_init__(self) -> None:
        shapes = {a.shape for a in (self.gamma, self.beta, self.mean, self.variance)}
        if len(shapes) != 1:
            raise NetworkError(f"BatchNorm parameters differ in shape: {sorted(shapes)}")
        spread = self.variance.astype(np.float64) + self.epsilon
        if not (np.isfinite(spread).all() and (spread > 0).all()):
            raise NetworkError("BatchNorm needs variance + epsilon above 0 in every channel")

    def scale_bias(self) -> ScaleBias:
        """The same layer as one scale and bias per channel."""
        spread = np.sqrt(self.variance.astype(np.float64) + self.epsilon)
        scale = self.gamma.astype(np.float64) / spread
        return ScaleBias(scale, self.beta.astype(np.float64) - self.mean * scale)

    def infer(self, inputs: Types) -> Types:
        return self.scale_bias().infer(inputs)


@attrs.frozen(hash=False)
class ScaleBias(Layer):
    """``y = x * scale + bias`` per channel, in float32: one rounded product, one rounded sum.

    Bits enter as +1 and -1, integers are first converted to float32.

    Parameters
    ----------
    scale, bias : ndarray of float32, shape (C,)
    """

    scale: np.ndarray = array_field(np.float32, ndim=1)
    bias: np.ndarray = array_field(np.float32, ndim=1)

    def __attrs_post_init__(self) -> None:
        if self.scale.shape != self.bias.shape:
            raise NetworkError(
                f"ScaleBias has {self.scale.size} scales and {self.bias.size} biases"
            )
        if not (np.isfinite(self.scale).all() and np.isfinite(self.bias).all()):
            raise NetworkError("ScaleBias needs finite scales and biases")

    def infer(self, inputs: Types) -> Types:
        source = single(inputs, self)
        require_channels(self, source, self.scale.size)
        return _to(ElementType.FLOAT32, source)


@attrs.frozen(hash=False)
class PRelu(Layer):
    """``x`` where ``x >= 0``, ``x * slope`` per channel elsewhere; float32 (slope 0: ReLU).

    Parameters
    ----------
    slope : ndarray of float32, shape (C,)
    """

    slope: np.ndarray = array_field(np.float32, ndim=1)

    def infer(self, inputs: Types) -> Types:
        source = single(inputs, self)
        require_element(self, source, FLOAT)
        require_channels(self, source, self.slope.size)
        return inputs


@attrs.frozen(hash=False)
class Clip(Layer):
    """``min(max(x, low), high)``; float32. ReLU is low 0, high infinity.

    Parameters
    ----------
    low, high : float
    """

    low: float = attrs.field(default=0.0, converter=float)
    high: float = attrs.field(default=float("inf"), converter=float)

    def __attrs_post_init__(self) -> None:
        if not self.low <= self.high:
            raise NetworkError(f"Clip.low {self.low} must not exceed Clip.high {self.high}")

    def infer(self, inputs: Types) -> Types:
        require_element(self, single(inputs, self), FLOAT)
        return inputs


class Rounding(enum.StrEnum):
    """How :class:`Quantize` goes to whole numbers."""

    NEAREST_EVEN = "nearest_even"
    FLOOR = "floor"
    CEIL = "ceil"
    TO_ZERO = "to_zero"


@attrs.frozen(hash=False)
class Quantize(Layer):
    """Round to a grid: ``(clip(round(x / scale + zero), low, high) - zero) * scale``; float32.

    Every operation is one rounded float32 operation. This is QONNX's `Quant`.

    Parameters
    ----------
    scale, zero : ndarray of float32, shape (C,)
    low, high : float
        Smallest and largest whole number; may be infinite.
    rounding : Rounding
    """

    scale: np.ndarray = array_field(np.float32, ndim=1)
    zero: np.ndarray = array_field(np.float32, ndim=1)
    low: float = attrs.field(default=float("-inf"), converter=float)
    high: float = attrs.field(default=float("inf"), converter=float)
    rounding: Rounding = attrs.field(default=Rounding.NEAREST_EVEN, converter=Rounding)

    def __attrs_post_init__(self) -> None:
        if self.scale.shape != self.zero.shape or not (self.scale > 0).all():
            raise NetworkError("Quantize needs one positive scale and one zero per channel")
        if not self.low <= self.high:
            raise NetworkError(f"Quantize.low {self.low} must not exceed high {self.high}")

    def infer(self, inputs: Types) -> Types:
        source = single(inputs, self)
        require_element(self, source, FLOAT)
        require_channels(self, source, self.scale.size)
        return inputs


@attrs.frozen(hash=False)
class MultiThreshold(Layer):
    """Count the thresholds that are reached: ``scale * #{t : x >= t} + bias``; float32.

    Integers are first converted to float32; then one rounded product and one rounded sum.

    Parameters
    ----------
    thresholds : ndarray of float32, shape (C, T)
        Ascending along T.
    scale, bias : float
    """

    thresholds: np.ndarray = array_field(np.float32, ndim=2)
    scale: float = attrs.field(default=1.0, converter=float)
    bias: float = attrs.field(default=0.0, converter=float)

    def __attrs_post_init__(self) -> None:
        if not (np.diff(self.thresholds, axis=1) >= 0).all():
            raise NetworkError("MultiThreshold.thresholds must ascend in every channel")
        if not np.isfinite([self.scale, self.bias]).all():
            raise NetworkError("MultiThreshold needs a finite scale and bias")

    def infer(self, inputs: Types) -> Types:
        source = single(inputs, self)
        require_element(self, source, NUMBERS)
        require_channels(self, source, self.thresholds.shape[0])
        return _to(ElementType.FLOAT32, source)


@attrs.frozen(hash=False)
class Softmax(Layer):
    """Softmax over the channels, or its logarithm; float32, to a tolerance of 1e-5.

    Parameters
    ----------
    log : bool
    """

    log: bool = attrs.field(default=False, converter=bool)

    def infer(self, inputs: Types) -> Types:
        require_element(self, single(inputs, self), FLOAT)
        return inputs


@attrs.frozen(hash=False)
class Add(Layer):
    """Sum of two tensors of the same shape and element type: int32 or float32."""

    def infer(self, inputs: Types) -> Types:
        if len(inputs) != 2 or inputs[0] != inputs[1]:
            got = " and ".join(map(str, inputs))
            raise NetworkError(f"Add takes two tensors of one type, not {got}")
        require_element(self, inputs[0], (ElementType.INT32, ElementType.FLOAT32))
        return inputs[:1]
