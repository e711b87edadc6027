"""Layers that move, select or pool elements."""

from __future__ import annotations

import math

import attrs
import numpy as np

from bnnplan.models.converters import as_whole
from bnnplan.models.errors import NetworkError
from bnnplan.models.layers.base import (
    Layer,
    Types,
    array_field,
    integers,
    require_channels,
    require_element,
    single,
    windows,
)
from bnnplan.models.tensors import ElementType, TensorType

ONE_STEP = (1, 1)


def _check_pads(owner: Layer, kernel: tuple[int, ...], pads: tuple[int, ...]) -> None:
    if any(pad >= kernel[axis % 2] for axis, pad in enumerate(pads)):
        raise NetworkError(f"{owner.kind}: pads {pads} must be smaller than the kernel {kernel}")


@attrs.frozen(hash=False)
class MaxPool2d(Layer):
    """Largest element of each window, per channel; of bits, +1 if any is +1.

    Taps outside the input are left out.

    Parameters
    ----------
    kernel, strides : (vertical, horizontal)
    pads : (top, left, bottom, right)
        Each smaller than the kernel.
    minimum : ndarray of bool, shape (C,), optional
        Channels that take the smallest element instead. Lowering sets it when it moves the
        pooling behind a threshold that a negative batch-norm scale has flipped.
    """

    kernel: tuple[int, int] = integers(2, least=1)
    strides: tuple[int, int] = integers(2, least=1)
    pads: tuple[int, int, int, int] = integers(4, least=0)
    minimum: np.ndarray | None = array_field(np.bool_, ndim=1, optional=True)

    def __attrs_post_init__(self) -> None:
        _check_pads(self, self.kernel, self.pads)

    @property
    def is_side_by_side(self) -> bool:
        """Whether windows do not overlap and have no pads, so that a convolution can carry them."""
        fits = all(k <= s for k, s in zip(self.kernel, self.strides, strict=True))
        return fits and not any(self.pads)

    def infer(self, inputs: Types) -> Types:
        source = single(inputs, self, rank=3)
        if self.minimum is not None:
            require_channels(self, source, self.minimum.size)
        height, width = windows(
            source.shape, self.kernel, self.strides, self.pads, ONE_STEP, self.kind
        )
        return (TensorType((height, width, source.channels), source.element),)


@attrs.frozen(hash=False)
class AveragePool2d(Layer):
    """Mean of each window, per channel; float32.

    The float32 sum runs over the window row by row, starting at 0, each sum rounded; then one
    division by the number of taps.

    Parameters
    ----------
    kernel, strides : (vertical, horizontal)
    pads : (top, left, bottom, right)
        Each smaller than the kernel.
    count_pads : bool
        Whether taps outside the input count in the divisor (they add nothing).
    """

    kernel: tuple[int, int] = integers(2, least=1)
    strides: tuple[int, int] = integers(2, least=1)
    pads: tuple[int, int, int, int] = integers(4, least=0)
    count_pads: bool = attrs.field(default=False, converter=bool)

    def __attrs_post_init__(self) -> None:
        _check_pads(self, self.kernel, self.pads)

    def infer(self, inputs: Types) -> Types:
        source = single(inputs, self, rank=3)
        require_element(self, source, (ElementType.INT32, ElementType.FLOAT32))
        height, width = windows(
            source.shape, self.kernel, self.strides, self.pads, ONE_STEP, self.kind
        )
        return (TensorType((height, width, source.channels), ElementType.FLOAT32),)


@attrs.frozen(hash=False)
class Concat(Layer):
    """Join tensors of one element type along the channels; two or more."""

    def infer(self, inputs: Types) -> Types:
        outer = {(source.shape[:-1], source.element) for source in inputs}
        if len(inputs) < 2 or len(outer) != 1:
            got = ", ".join(map(str, inputs))
            raise NetworkError(
                f"Concat takes two or more tensors that differ in channels only, not {got}"
            )
        channels = sum(source.channels for source in inputs)
        return (TensorType((*inputs[0].shape[:-1], channels), inputs[0].element),)


@attrs.frozen(hash=False)
class Split(Layer):
    """Cut a tensor along the channels into parts of the given sizes.

    Parameters
    ----------
    sizes : tuple of int
        Channels of each output; their sum is the channels of the input.
    """

    sizes: tuple[int, ...] = attrs.field(converter=as_whole)

    def infer(self, inputs: Types) -> Types:
        source = single(inputs, self)
        if not self.sizes or min(self.sizes) < 1 or sum(self.sizes) != source.channels:
            raise NetworkError(f"Split into {self.sizes} does not fit {source}")
        return tuple(TensorType((*source.shape[:-1], c), source.element) for c in self.sizes)


@attrs.frozen(hash=False)
class Reshape(Layer):
    """Give the elements, in their order (channels innermost), another shape.

    Parameters
    ----------
    shape : tuple of int
        Without the batch axis.
    """

    shape: tuple[int, ...] = attrs.field(converter=as_whole)

    def infer(self, inputs: Types) -> Types:
        source = single(inputs, self)
        target = TensorType(self.shape, source.element)
        if target.elements != source.elements:
            raise NetworkError(f"Reshape to {self.shape} does not fit {source}")
        return (target,)


@attrs.frozen(hash=False)
class Flatten(Layer):
    """Make a vector of all elements, in their order: row, column, channel."""

    def infer(self, inputs: Types) -> Types:
        source = single(inputs, self)
        return (TensorType((math.prod(source.shape),), source.element),)


@attrs.frozen(hash=False)
class Transpose(Layer):
    """Permute the axes of an image.

    Parameters
    ----------
    axes : tuple of three int
        Output axis k is input axis ``axes[k]``, of (0 height, 1 width, 2 channels).
    """

    axes: tuple[int, int, int] = integers(3, least=0)

    def __attrs_post_init__(self) -> None:
        if sorted(self.axes) != [0, 1, 2]:
            raise NetworkError(f"Transpose.axes must permute (0, 1, 2), not {self.axes}")

    def infer(self, inputs: Types) -> Types:
        source = single(inputs, self, rank=3)
        return (TensorType(tuple(source.shape[axis] for axis in self.axes), source.element),)
