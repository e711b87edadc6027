"""What every layer is: an operator with its hyper-parameters and weights, immutable.

A layer does not know its name, its place in the network or the shape of its inputs; a
:class:`bnnplan.models.graph.Node` wires it. Exact semantics stand in each layer's docstring and
are computed by the `reference` backend.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any

import attrs
import numpy as np

from bnnplan.models.errors import NetworkError
from bnnplan.models.tensors import ElementType, TensorType

Types = tuple[TensorType, ...]


class Layer(ABC):
    """Base of all layers; subclasses are frozen attrs classes."""

    @abstractmethod
    def infer(self, inputs: Types) -> Types:
        """Types of the outputs for inputs of the given types.

        Raises
        ------
        NetworkError
            If the layer cannot take such inputs; the message says why.
        """

    def macs(self, inputs: Types) -> int:
        """Multiply-accumulates for one image; 0 for layers that have none."""
        return 0

    @property
    def kind(self) -> str:
        """Name of the operator, as files and tables show it."""
        return type(self).__name__

    @property
    def is_binary(self) -> bool:
        """Whether the layer multiplies bits by bits."""
        return False

    @property
    def fused(self) -> tuple[Layer, ...]:
        """Layers inside this one, in the order in which they follow its own operation."""
        values = (getattr(self, attribute.name) for attribute in _fields(self))
        return tuple(value for value in values if isinstance(value, Layer))

    def arrays(self) -> dict[str, np.ndarray]:
        """Weights and per-channel parameters by field name; nested fields joined by a dot."""
        found: dict[str, np.ndarray] = {}
        for attribute in _fields(self):
            value = getattr(self, attribute.name)
            if isinstance(value, np.ndarray):
                found[attribute.name] = value
            elif isinstance(value, Layer):
                for name, array in value.arrays().items():
                    found[f"{attribute.name}.{name}"] = array
        return found

    def settings(self) -> dict[str, object]:
        """Hyper-parameters by field name, nested fields joined by a dot: all but arrays."""
        found: dict[str, object] = {}
        for attribute in _fields(self):
            value = getattr(self, attribute.name)
            if isinstance(value, Layer):
                for name, setting in value.settings().items():
                    found[f"{attribute.name}.{name}"] = setting
            elif not isinstance(value, np.ndarray):
                found[attribute.name] = value
        return found

    def weight_bits(self) -> int:
        """Bits of all weights and parameters as a file stores them (±1 weights: one bit each)."""
        one_bit = (np.int8, np.bool_)
        return sum(
            array.size * (1 if array.dtype.type in one_bit else 8 * array.itemsize)
            for array in self.arrays().values()
        )


def _fields(owner: Layer) -> tuple[attrs.Attribute[Any], ...]:
    # The base class is no attrs class itself, all that derive from it are.
    found: tuple[attrs.Attribute[Any], ...] = attrs.fields(type(owner))  # type: ignore[arg-type]
    return found


def array_field(dtype: type, *, ndim: int, optional: bool = False) -> Any:
    """An attrs field for a read-only array of a given type and number of axes."""

    def convert(value: object) -> np.ndarray | None:
        if value is None and optional:
            return None
        array: np.ndarray = np.array(value, dtype=dtype, order="C")
        array.setflags(write=False)
        return array

    def check(instance: object, attribute: attrs.Attribute, value: np.ndarray | None) -> None:
        if value is not None and (value.ndim != ndim or value.size == 0):
            raise NetworkError(
                f"{type(instance).__name__}.{attribute.name} must have {ndim} axes and at least "
                f"one element, not shape {value.shape}"
            )

    default: Any = None if optional else attrs.NOTHING
    equal = attrs.cmp_using(eq=_same_array)
    return attrs.field(default=default, converter=convert, validator=check, eq=equal, repr=False)


def sign_field(*, ndim: int) -> Any:
    """An attrs field for ±1 weights, held as int8."""
    declared = array_field(np.int8, ndim=ndim)
    declared.validator(_check_signs)
    return declared


def _check_signs(instance: object, attribute: attrs.Attribute, value: np.ndarray) -> None:
    if not np.array_equal(np.abs(value), np.ones_like(value)):
        raise NetworkError(f"{type(instance).__name__}.{attribute.name} must be +1 or -1 only")


def _same_array(a: np.ndarray | None, b: np.ndarray | None) -> bool:
    if a is None or b is None:
        return a is b
    return a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")


MOST_STEPS = 2**24
"""Largest kernel, stride, pad or dilation: with these, places in images stay within 32 bits."""


def integers(count: int, *, least: int, kw_only: bool = False) -> Any:
    """An attrs field for a fixed number of integers from `least`, the default, to 2^24."""

    def convert(value: int | Iterable[int]) -> tuple[int, ...]:
        items = (value,) * count if isinstance(value, int) else tuple(value)
        return tuple(int(item) for item in items)

    def check(instance: object, attribute: attrs.Attribute, value: tuple[int, ...]) -> None:
        if len(value) != count or not least <= min(value) <= max(value) <= MOST_STEPS:
            raise NetworkError(
                f"{type(instance).__name__}.{attribute.name} must be {count} integers from "
                f"{least} to {MOST_STEPS}, not {value}"
            )

    return attrs.field(
        default=(least,) * count, converter=convert, validator=check, kw_only=kw_only
    )


def single(inputs: Types, owner: Layer, rank: int | None = None) -> TensorType:
    """The one input of a layer, checked to be of the wanted rank.

    Raises
    ------
    NetworkError
        If there is not exactly one input or its rank differs.
    """
    if len(inputs) != 1:
        raise NetworkError(f"{owner.kind} takes 1 input, not {len(inputs)}")
    if rank is not None and len(inputs[0].shape) != rank:
        wanted = "an image (height, width, channels)" if rank == 3 else "a vector (channels,)"
        raise NetworkError(f"{owner.kind} takes {wanted}, not {inputs[0]}")
    return inputs[0]


def require_element(owner: Layer, got: TensorType, allowed: Iterable[ElementType]) -> None:
    """Raise NetworkError unless the element type is one of those allowed."""
    if got.element not in (options := tuple(allowed)):
        raise NetworkError(f"{owner.kind} takes {' or '.join(options)} elements, not {got}")


def require_channels(owner: Layer, got: TensorType, channels: int) -> None:
    """Raise NetworkError unless the tensor has the given number of channels."""
    if got.channels != channels:
        raise NetworkError(f"{owner.kind} expects {channels} channels, not {got}")


def windows(
    shape: tuple[int, ...],
    kernel: tuple[int, ...],
    strides: tuple[int, ...],
    pads: tuple[int, ...],
    dilations: tuple[int, ...],
    owner: str,
) -> tuple[int, int]:
    """Output height and width of a sliding window.

    Parameters
    ----------
    shape : (height, width, channels)
    kernel, strides, dilations : (vertical, horizontal)
    pads : (top, left, bottom, right)
    owner : str
        Who asks, for the error.
    """
    result = []
    for axis in (0, 1):
        padded = shape[axis] + pads[axis] + pads[axis + 2]
        reach = dilations[axis] * (kernel[axis] - 1) + 1
        if reach > padded:
            raise NetworkError(
                f"{owner}: a window of {reach} does not fit {padded} padded rows or columns "
                f"of input {shape}"
            )
        result.append((padded - reach) // strides[axis] + 1)
    return result[0], result[1]


def content_digest(value: Layer) -> str:
    """SHA-256 over kind, settings and array contents: equal layers have equal digests."""
    digest = hashlib.sha256(repr((value.kind, sorted(value.settings().items()))).encode())
    for name, array in sorted(value.arrays().items()):
        digest.update(f"{name}{array.dtype}{array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
