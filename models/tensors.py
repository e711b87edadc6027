"""Types of tensors, and how their elements lie in memory.

Shapes never contain the batch axis: it is always the first axis of an array and is given apart.
Images are (height, width, channels), vectors are (channels,): channels are innermost.
"""

from __future__ import annotations

import enum
import math

import numpy as np
from attrs import field, frozen

from bnnplan.models.converters import as_whole
from bnnplan.models.errors import NetworkError

WORD_BITS = 64


class ElementType(enum.StrEnum):
    """What one element of a tensor is. A bit is 0 for +1 and 1 for -1."""

    BIT = "bit"
    UINT8 = "uint8"
    INT8 = "int8"
    INT32 = "int32"
    FLOAT32 = "float32"

    @property
    def dtype(self) -> np.dtype:
        """The numpy type of one element, or of one word of packed bits."""
        return np.dtype(np.uint64 if self is ElementType.BIT else self.value)

    @property
    def is_integer(self) -> bool:
        """Whether elements are whole numbers of more than one bit."""
        return self in (ElementType.UINT8, ElementType.INT8, ElementType.INT32)


class TensorFormat(enum.StrEnum):
    """The formats that every backend shares; a backend may name more as plain strings."""

    PACKED_NHWC = "packed_nhwc"
    """Bits: (N, [H, W,] ceil(C / 64)) little-endian uint64, LSB first, tail bits 0."""
    NHWC = "nhwc"
    """Numbers: (N, [H, W,] C), C-contiguous."""


@frozen
class TensorType:
    """Shape without the batch axis, and element type.

    Parameters
    ----------
    shape : tuple of int
        (height, width, channels) or (channels,); every extent at least 1.
    element : ElementType
    """

    shape: tuple[int, ...] = field(converter=as_whole)
    element: ElementType = field(converter=ElementType)

    def __attrs_post_init__(self) -> None:
        if len(self.shape) not in (1, 3) or min(self.shape) < 1:
            raise NetworkError(
                f"tensor shape {self.shape} must be (channels,) or (height, width, channels), "
                "every extent at least 1"
            )
        if math.prod(self.shape) >= 2**31:
            raise NetworkError(f"tensor shape {self.shape} has 2^31 elements or more")

    @property
    def channels(self) -> int:
        """Extent of the innermost axis."""
        return self.shape[-1]

    @property
    def elements(self) -> int:
        """Number of elements of one image."""
        return math.prod(self.shape)

    @property
    def format(self) -> TensorFormat:
        """The shared format in which arrays of this type are exchanged."""
        bit = self.element is ElementType.BIT
        return TensorFormat.PACKED_NHWC if bit else TensorFormat.NHWC

    def array_shape(self, batch: int) -> tuple[int, ...]:
        """Shape of the array that holds `batch` images in the shared format."""
        if self.element is ElementType.BIT:
            return (batch, *self.shape[:-1], -(-self.channels // WORD_BITS))
        return (batch, *self.shape)

    def nbytes(self, batch: int = 1) -> int:
        """Bytes of the array that holds `batch` images in the shared format."""
        return math.prod(self.array_shape(batch)) * self.element.dtype.itemsize

    def __str__(self) -> str:
        return f"{'×'.join(map(str, self.shape))} {self.element}"


def pack_bits(values: np.ndarray) -> np.ndarray:
    """Pack signs along the last axis into 64-bit words.

    Parameters
    ----------
    values : ndarray, shape (..., C)
        Negative elements become bit 1 (-1), all others bit 0 (+1).

    Returns
    -------
    ndarray of uint64, shape (..., ceil(C / 64))
        LSB first; the tail of the last word is 0.
    """
    bits = np.packbits(values < 0, axis=-1, bitorder="little")
    missing = -bits.shape[-1] % (WORD_BITS // 8)
    padded = np.pad(bits, [(0, 0)] * (bits.ndim - 1) + [(0, missing)])
    return np.ascontiguousarray(padded).view("<u8")


def unpack_bits(words: np.ndarray, channels: int) -> np.ndarray:
    """Unpack 64-bit words into signs; the inverse of :func:`pack_bits`.

    Parameters
    ----------
    words : ndarray of uint64, shape (..., ceil(C / 64))
    channels : int
        C, the number of bits to keep.

    Returns
    -------
    ndarray of int8, shape (..., C)
        +1 for bit 0 and -1 for bit 1.
    """
    as_bytes = np.ascontiguousarray(words).view(np.uint8)
    bits = np.unpackbits(as_bytes, axis=-1, count=channels, bitorder="little")
    return np.int8(1) - 2 * bits.astype(np.int8)


def encode(values: np.ndarray, type: TensorType) -> np.ndarray:
    """An array in the shared format of a type, from its plain elements.

    Parameters
    ----------
    values : ndarray, shape (N, *type.shape)
        Bits as numbers whose sign counts, anything else in its own element type.
    type : TensorType

    Returns
    -------
    ndarray, shape ``type.array_shape(N)``
    """
    if type.element is ElementType.BIT:
        return pack_bits(values)
    return np.ascontiguousarray(values, dtype=type.element.dtype)


def decode(array: np.ndarray, type: TensorType) -> np.ndarray:
    """Plain elements from an array in the shared format; the inverse of :func:`encode`.

    Parameters
    ----------
    array : ndarray, shape ``type.array_shape(N)``
    type : TensorType

    Returns
    -------
    ndarray, shape (N, *type.shape)
        Bits as int8 +1 and -1.
    """
    if type.element is ElementType.BIT:
        return unpack_bits(array, type.channels)
    return array
