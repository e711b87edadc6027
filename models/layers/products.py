"""Convolutions and dense layers.

Three families: binary (bits × ±1 weights → int32), binary-weight (numbers × ±1 weights) for first
layers, and float. The first two can carry what follows them. With a fused :class:`Threshold` their
output is bits, which convolutions can also pool; with a fused :class:`ScaleBias` it is float32.

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
from bnnplan.models.layers.elementwise import FLOAT, NUMBERS, ScaleBias, Threshold
from bnnplan.models.layers.shapes import MaxPool2d
from bnnplan.models.tensors import ElementType, TensorType

MAX_INTEGER_TAPS = {ElementType.UINT8: 2**23, ElementType.INT8: 2**23, ElementType.INT32: 2**15}
"""Largest number of taps for which 32-bit sums of such inputs are promised."""


def _threshold_field() -> Any:
    return attrs.field(default=None, kw_only=True)


def _pool_field() -> Any:
    return attrs.field(default=None, kw_only=True, validator=_check_pool)


def _scale_bias_field() -> Any:
    return attrs.field(default=None, kw_only=True, validator=_check_scale_bias)


def _check_pool(
    owner: BinaryConv2d | BinaryWeightConv2d, attribute: attrs.Attribute, pool: MaxPool2d | None
) -> None:
    if pool is None:
        return
    if owner.threshold is None:
        raise NetworkError(f"{owner.kind}.pool needs a threshold, since it pools bits")
    if not pool.is_side_by_side:
        raise NetworkError(
            f"{owner.kind}.pool must have no pads, and strides of at least its kernel "
            f"{pool.kernel}, not {pool.strides}"
        )


def _check_scale_bias(
    owner: BinaryProduct, attribute: attrs.Attribute, scale_bias: ScaleBias | None
) -> None:
    if scale_bias is not None and owner.threshold is not None:
        raise NetworkError(f"{owner.kind} has a threshold, so it cannot have a scale and bias too")


def _finish(owner: BinaryProduct, sums: TensorType) -> Types:
    """Types of the outputs: what is fused in its order."""
    outputs: Types = (sums,)
    for layer in owner.fused:
        outputs = layer.infer(outputs)
    return outputs


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
        # Of all windows, also of those that a fused pooling leaves out.
        windows = self._sums(inputs, ElementType.INT32)
        return windows.elements * int(np.prod(self.weight.shape[1:]))


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
    """Binary convolution: bits × ±1 weights → int32, or what is fused makes of it.

    Parameters
    ----------
    weight : ndarray of int8 ±1, shape (O, KH, KW, I / groups)
    strides, dilations : (vertical, horizontal)
    pads : (top, left, bottom, right)
    groups : int
    pad_value : {0, 1, -1}
        What a tap outside the input reads; 0 contributes exactly nothing.
    threshold : Threshold, optional
        int32 thresholds on the sums; the output is bits.
    pool : MaxPool2d, optional
        Pooling of those bits, by windows that neither overlap nor have pads.
    scale_bias : ScaleBias, optional
        Instead of a threshold: the output is float32.
    """

    weight: np.ndarray = sign_field(ndim=4)
    pad_value: int = attrs.field(default=0, kw_only=True)
    threshold: Threshold | None = _threshold_field()
    pool: MaxPool2d | None = _pool_field()
    scale_bias: ScaleBias | None = _scale_bias_field()

    @pad_value.validator
    def _check_pad_value(self, attribute: attrs.Attribute, value: int) -> None:
        if value not in (0, 1, -1):
            raise NetworkError(f"BinaryConv2d.pad_value must be 0, 1 or -1, not {value}")

    @property
    def is_binary(self) -> bool:
        return True

    def sums(self, inputs: Types) -> TensorType:
        """Type of the sums, before what is fused."""
        require_element(self, single(inputs, self), (ElementType.BIT,))
        return self._sums(inputs, ElementType.INT32)

    def infer(self, inputs: Types) -> Types:
        return _finish(self, self.sums(inputs))


@attrs.frozen(hash=False)
class BinaryDense(_Dense):
    """Binary dense layer: bits × ±1 weights → int32, or what is fused makes of it.

    Parameters
    ----------
    weight : ndarray of int8 ±1, shape (O, I)
    threshold : Threshold, optional
        int32 thresholds on the sums; the output is bits.
    scale_bias : ScaleBias, optional
        Instead of a threshold: the output is float32.
    """

    weight: np.ndarray = sign_field(ndim=2)
    threshold: Threshold | None = _threshold_field()
    scale_bias: ScaleBias | None = _scale_bias_field()

    @property
    def is_binary(self) -> bool:
        return True

    def sums(self, inputs: Types) -> TensorType:
        """Type of the sums, before what is fused."""
        require_element(self, single(inputs, self), (ElementType.BIT,))
        return self._sums(inputs, ElementType.INT32)

    def infer(self, inputs: Types) -> Types:
        return _finish(self, self.sums(inputs))


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
    same type makes them bits, which a fused pooling pools, or a fused scale and bias makes them
    float32: all as in :class:`BinaryConv2d`. int32 inputs must keep sums within 32 bits.

    Parameters
    ----------
    weight : ndarray of int8 ±1, shape (O, KH, KW, I / groups)
    strides, dilations : (vertical, horizontal)
    pads : (top, left, bottom, right)
    groups : int
    threshold : Threshold, optional
    pool : MaxPool2d, optional
    scale_bias : ScaleBias, optional
    """

    weight: np.ndarray = sign_field(ndim=4)
    threshold: Threshold | None = _threshold_field()
    pool: MaxPool2d | None = _pool_field()
    scale_bias: ScaleBias | None = _scale_bias_field()

    def sums(self, inputs: Types) -> TensorType:
        """Type of the sums, before what is fused."""
        return self._sums(inputs, _sum_element(self, single(inputs, self)))

    def infer(self, inputs: Types) -> Types:
        return _finish(self, self.sums(inputs))


@attrs.frozen(hash=False)
class BinaryWeightDense(_Dense):
    """Dense layer of numbers with ±1 weights; see :class:`BinaryWeightConv2d`.

    Parameters
    ----------
    weight : ndarray of int8 ±1, shape (O, I)
    threshold : Threshold, optional
    scale_bias : ScaleBias, optional
    """

    weight: np.ndarray = sign_field(ndim=2)
    threshold: Threshold | None = _threshold_field()
    scale_bias: ScaleBias | None = _scale_bias_field()

    def sums(self, inputs: Types) -> TensorType:
        """Type of the sums, before what is fused."""
        return self._sums(inputs, _sum_element(self, single(inputs, self)))

    def infer(self, inputs: Types) -> Types:
        return _finish(self, self.sums(inputs))


BinaryProduct = BinaryConv2d | BinaryDense | BinaryWeightConv2d | BinaryWeightDense
"""The products that can carry what follows them."""


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
