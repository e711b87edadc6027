"""A layer as plain data: its kind, its settings, and its arrays, with signs packed to bits.

Fields are those of the layer's class, under the same names. The fields of a layer inside a layer
(a fused threshold or pooling) stand beside those of its owner, as ``threshold.flip`` and
``pool.kernel``.
"""

from __future__ import annotations

import enum
import functools
import math
import typing
from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np

from bnnplan.models.errors import FileError, NetworkError
from bnnplan.models.layers import LAYER_KINDS, Layer
from bnnplan.models.structuring import converter, structure


class ArrayType(enum.StrEnum):
    """What the elements of a stored array are."""

    SIGN = "sign"
    """+1 and -1; eight to a byte, lowest bit first, bit 1 for -1."""
    TRUTH = "truth"
    """Eight to a byte, lowest bit first."""
    INT32 = "int32"
    FLOAT32 = "float32"

    @property
    def packed(self) -> bool:
        """Whether eight elements share a byte."""
        return self in (ArrayType.SIGN, ArrayType.TRUTH)

    @property
    def dtype(self) -> np.dtype:
        """The numpy type of the elements in a layer."""
        names = {ArrayType.SIGN: "int8", ArrayType.TRUTH: "bool"}
        return np.dtype(names.get(self, self.value))


@attrs.frozen
class ArrayHeader:
    """Type and shape of a stored array."""

    type: ArrayType
    shape: tuple[int, ...]


_TYPES = {kind.dtype: kind for kind in ArrayType}
_CONVERTER = converter()


def pack_array(array: np.ndarray) -> tuple[ArrayHeader, np.ndarray]:
    """Header of an array of a layer, and the array as it is stored."""
    header = ArrayHeader(_TYPES[array.dtype], array.shape)
    if not header.type.packed:
        return header, array
    bits = array < 0 if header.type is ArrayType.SIGN else array
    return header, np.packbits(bits, axis=None, bitorder="little")


def unpack_array(header: ArrayHeader, stored: np.ndarray) -> np.ndarray:
    """The array of a layer; the inverse of :func:`pack_array`.

    Raises
    ------
    NetworkError
        If `stored` does not fit the header.
    """
    shape, count = header.shape, math.prod(header.shape)
    if min(shape, default=1) < 1:
        raise NetworkError(f"shape {list(shape)} has an extent below 1")
    wanted_shape = (-(-count // 8),) if header.type.packed else shape
    wanted_dtype = np.dtype(np.uint8) if header.type.packed else header.type.dtype
    if stored.shape != wanted_shape or stored.dtype != wanted_dtype:
        raise NetworkError(
            f"is stored as {stored.dtype} of shape {list(stored.shape)}, but a {header.type} "
            f"array of shape {list(shape)} needs {wanted_dtype} of shape {list(wanted_shape)}"
        )
    if not header.type.packed:
        return stored
    bits = np.unpackbits(stored, count=count, bitorder="little").reshape(shape)
    return np.int8(1) - 2 * bits.view(np.int8) if header.type is ArrayType.SIGN else bits > 0


@functools.cache
def _fields(kind: type[Layer]) -> dict[str, tuple[Any, attrs.Attribute]]:
    """Resolved type and attrs field of every field of a kind of layer."""
    hints = typing.get_type_hints(kind)
    attributes: tuple[attrs.Attribute, ...] = attrs.fields(kind)  # type: ignore[arg-type]
    return {field.name: (hints[field.name], field) for field in attributes}


def _alternatives(hint: Any) -> tuple[Any, ...]:
    return typing.get_args(hint) or (hint,)


def _is_array(hint: Any) -> bool:
    return np.ndarray in _alternatives(hint)


def _inner_kind(hint: Any) -> type[Layer] | None:
    kinds = [kind for kind in _alternatives(hint) if isinstance(kind, type)]
    return next((kind for kind in kinds if issubclass(kind, Layer)), None)


def plain_settings(layer: Layer) -> dict[str, Any]:
    """Settings of a layer as JSON data."""
    found: dict[str, Any] = {}
    for name, (hint, _) in _fields(type(layer)).items():
        value = getattr(layer, name)
        if isinstance(value, Layer):
            found |= {f"{name}.{key}": inner for key, inner in plain_settings(value).items()}
        elif _inner_kind(hint) is None and not _is_array(hint):
            found[name] = _CONVERTER.unstructure(value, unstructure_as=hint)
    return found


def build_layer(
    kind: str, settings: Mapping[str, Any], arrays: Mapping[str, np.ndarray], source: str
) -> Layer:
    """A layer from plain data that came from `source` (the file and the node).

    Raises
    ------
    FileError
        For an unknown kind or field, a missing one, or values that the layer refuses.
    """
    if kind not in LAYER_KINDS:
        raise FileError(f"{source}: unknown kind of layer {kind!r}; a newer bnnplan may know it")
    return _build(LAYER_KINDS[kind], dict(settings), dict(arrays), source)


def _take(fields: dict[str, Any], prefix: str) -> dict[str, Any]:
    """Remove the fields whose names begin with a prefix, and give them without it."""
    names = [name for name in fields if name.startswith(prefix)]
    return {name.removeprefix(prefix): fields.pop(name) for name in names}


def _build(
    kind: type[Layer], settings: dict[str, Any], arrays: dict[str, np.ndarray], source: str
) -> Layer:
    values: dict[str, Any] = {}
    for name, (hint, field) in _fields(kind).items():
        inner = _inner_kind(hint)
        if inner is not None:
            own = _take(settings, f"{name}."), _take(arrays, f"{name}.")
            if any(own):
                values[name] = _build(inner, *own, f"{source}.{name}")
        elif _is_array(hint) and name in arrays:
            values[name] = arrays.pop(name)
        elif not _is_array(hint) and name in settings:
            where = f"{source}.{name}"
            values[name] = structure(settings.pop(name), hint, where, _CONVERTER)
        elif field.default is attrs.NOTHING:
            raise FileError(f"{source}: {kind.__name__} needs {name}")
    if unknown := [*settings, *arrays]:
        raise FileError(f"{source}: {kind.__name__} has no field {unknown[0]!r}")
    try:
        layer = kind(**values)
    except NetworkError as error:
        raise FileError(f"{source}: {error}") from error
    for name, array in layer.arrays().items():
        given = values.get(name)
        if isinstance(given, np.ndarray) and given.dtype != array.dtype:
            raise FileError(f"{source}.{name}: must be {array.dtype}, not {given.dtype}")
    return layer
