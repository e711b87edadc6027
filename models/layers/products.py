"""Convolutions and dense layers.

Three families: binary (bits × ±1 weights → int32), binary-weight (numbers × ±1 weights) for first
layers, and float. The first two can carry a fused :class:`Threshold`; their output is then bits.

Float sums are defined to the last bit, so that all backends agree: the accumulator starts at 0
(or the bias), and products are added one after the other in the order kernel row, kernel column,
input channel, each product and each sum rounded to float32, none fused. Taps outside the input
are skipped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from bnnplan.models.errors import NetworkError
from bnnplan.models.layers.base import (
    Layer,
    Types,
    array_field,
    integers,
    require_channels,
    require_element,
    sign_field,
    single,
    windows,
)
from bnnplan.models.layers.elementwise import FLOAT, NUMBERS, Threshold
from bnnplan.models.tensors import ElementType, TensorType

MAX_INTEGER_TAPS = {ElementType.UINT8: 2**23, ElementType.INT8: 2**23, ElementType.INT32: 2**15}
"""Largest number of taps for which 32-bit sums of such inputs are promised."""


def _threshold_field() -> Any:
    return attrs.field(default=None, kw_only=True)


def _finish(owner: Layer, sums: TensorType, threshold: Threshold | None) -> Types:
    return (sums,) if threshold is None else threshold.infer((sums,))


@attrs.frozen(hash=False)
class _Convolution(Layer):
    """Geometry shared by all convolutions: weight (O, KH, KW, I / groups)."""

    if TYPE_CHECKING:
        weight: np.ndarray
    strides: tuple[int, int] = integers(2, least=1, kw_only=True)
    pads: tuple[int, int, int, int] = integers(4, least=0, kw_only=True)
    dilations: tuple[int, int] = integers(2, least=1, kw_only=True)
    groups: int = attrs.field(default=1, converter=int, kw_only=True)

    def __attrs_post_init__(self) -> None:
        if self.groups < 1 or self.weight.shape[0] % self.groups:
            raise NetworkError(
                f"{self.kind}: {self.weight.shape[0]} filters do not divide into "
                f"{self.groups} groups"
            )

    @property
    def kernel(self) -> tuple[int, int]:
        """Kernel height and width."""
        return self.weight.shape[1], self.weight.shape[2]

    def _sums(self, inputs: Types, element: ElementType) -> TensorType:
        source = single(inputs, self, rank=3)
        require_channels(self, source, self.weight.shape[3] * self.groups)
        height, width = windows(
            source.shape, self.kernel, self.strides, self.pads, self.dilations, self.kind
        )
        return TensorType((height, width, self.weight.shape[0]), element)

    def macs(self, inputs: Types) -> int:
        out = self.infer(inputs)[0]
        return out.elements * int(np.prod(self.weight.shape[1:]))


@attrs.frozen(hash=False)
class _Dense(Layer):
    """Geometry shared by all dense layers: weight (O, I)."""

    if TYPE_CHECKING:
        weight: np.ndarray

    def _sums(self, inputs: Types, element: ElementType) -> TensorType:
        source = single(inputs, self, rank=1)
        require_channels(self, source, self.weight.shape[1])
        return TensorType(self.weight.shape[:1], element)

    def macs(self, inputs: Types) -> int:
        return self.weight.size


@attrs.frozen(hash=False)
class BinaryConv2d(_Convolution):
    """Binary convolution: bits × ±1 weights → int32, or bits through a fused threshold.

    Parameters
    ----------
    weight : ndarray of int8 ±1, shape (O, KH, KW, I / groups)
    strides, dilations : (vertical, horizontal)
    pads : (top, left, bottom, right)
    groups : int
    pad_value : {0, 1, -1}
        What a tap outside the input reads; 0 contributes exactly nothing.
    threshold : Threshold, optional
        int32 thresholds on the sums.
    """

    weight: np.ndarray = sign_field(ndim=4)
    pad_value: int = attrs.field(default=0, kw_only=True)
    threshold: Threshold | None = _threshold_field()

    @pad_value.validator
    def _check_pad_value(self, attribute: attrs.Attribute, value: int) -> None:
        if value not in (0, 1, -1):
            raise NetworkError(f"BinaryConv2d.pad_value must be 0, 1 or -1, not {value}")

    @property
    def is_binary(self) -> bool:
        return True

    def infer(self, inputs: Types) -> Types:
        require_element(self, single(inputs, self), (ElementType.BIT,))
        return _finish(self, self._sums(inputs, ElementType.INT32), self.threshold)


@attrs.frozen(hash=False)
class BinaryDense(_Dense):
    """Binary dense layer: bits × ±1 weights → int32, or bits through a fused threshold.

    Parameters
    ----------
    weight : ndarray of int8 ±1, shape (O, I)
    threshold : Threshold, optional
        int32 thresholds on the sums.
    """

    weight: np.ndarray = sign_field(ndim=2)
    threshold: Threshold | None = _threshold_field()

    @property
    def is_binary(self) -> bool:
        return True

    def infer(self, inputs: Types) -> Types:
        require_element(self, single(inputs, self), (ElementType.BIT,))
        return _finish(self, self._sums(inputs, ElementType.INT32), self.threshold)


def _sum_element(owner: _Convolution | _Dense, source: TensorType) -> ElementType:
    require_element(owner, source, NUMBERS)
    if source.element is ElementType.FLOAT32:
        return ElementType.FLOAT32
    taps = int(np.prod(owner.weight.shape[1:]))
    if taps > MAX_INTEGER_TAPS[source.element]:
        raise NetworkError(
            f"{owner.kind} sums {taps} {source.element} inputs; at most "
            f"{MAX_INTEGER_TAPS[source.element]} keep 32-bit sums safe"
        )
    return ElementType.INT32


@attrs.frozen(hash=False)
class BinaryWeightConv2d(_Convolution):
    """Convolution of numbers with ±1 weights, as first layers have it; zero padding.

    Integer inputs give int32 sums, float32 inputs give float32 sums; a fused threshold of the
    same type makes them bits. int32 inputs must keep sums within 32 bits.

    Parameters
    ----------
    weight : ndarray of int8 ±1, shape (O, KH, KW, I / groups)
    strides, dilations : (vertical, horizontal)
    pads : (top, left, bottom, right)
    groups : int
    threshold : Threshold, optional
    """

    weight: np.ndarray = sign_field(ndim=4)
    threshold: Threshold | None = _threshold_field()

    def infer(self, inputs: Types) -> Types:
        element = _sum_element(self, single(inputs, self))
        return _finish(self, self._sums(inputs, element), self.threshold)


@attrs.frozen(hash=False)
class BinaryWeightDense(_Dense):
    """Dense layer of numbers with ±1 weights; see :class:`BinaryWeightConv2d`.

    Parameters
    ----------
    weight : ndarray of int8 ±1, shape (O, I)
    threshold : Threshold, optional
    """

    weight: np.ndarray = sign_field(ndim=2)
    threshold: Threshold | None = _threshold_field()

    def infer(self, inputs: Types) -> Types:
        element = _sum_element(self, single(inputs, self))
        return _finish(self, self._sums(inputs, element), self.threshold)


def _check_bias(owner: _Convolution | _Dense, bias: np.ndarray | None) -> None:
    if bias is not None and bias.shape != owner.weight.shape[:1]:
        raise NetworkError(
            f"{owner.kind} has {owner.weight.shape[0]} filters but {bias.size} biases"
        )


@attrs.frozen(hash=False)
class FloatConv2d(_Convolution):
    """Convolution in float32; zero padding.

    Parameters
    ----------
    weight : ndarray of float32, shape (O, KH, KW, I / groups)
    strides, dilations : (vertical, horizontal)
    pads : (top, left, bottom, right)
    groups : int
    bias : ndarray of float32, shape (O,), optional
        What the accumulator starts from; 0 without one.
    """

    weight: np.ndarray = array_field(np.float32, ndim=4)
    bias: np.ndarray | None = array_field(np.float32, ndim=1, optional=True)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        _check_bias(self, self.bias)

    def infer(self, inputs: Types) -> Types:
        require_element(self, single(inputs, self), FLOAT)
        return (self._sums(inputs, ElementType.FLOAT32),)


@attrs.frozen(hash=False)
class FloatDense(_Dense):
    """Dense layer in float32.

    Parameters
    ----------
    weight : ndarray of float32, shape (O, I)
    bias : ndarray of float32, shape (O,), optional
        What the accumulator starts from; 0 without one.
    """

    weight: np.ndarray = array_field(np.float32, ndim=2)
    bias: np.ndarray | None = array_field(np.float32, ndim=1, optional=True)

    def __attrs_post_init__(self) -> None:
        _check_bias(self, self.bias)

    def infer(self, inputs: Types) -> Types:
        require_element(self, single(inputs, self), FLOAT)
        return (self._sums(inputs, ElementType.FLOAT32),)
