"""Plain data to classes and back, strictly: one cattrs converter for every file.

Whole numbers stay whole (a truth value is no number, 3.0 is no whole number), unknown fields are
refused, and every fault is told with the path of its field.
"""

from __future__ import annotations

import enum
import functools
import math
import os
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, get_args, get_origin

import attrs
import cattrs
from cattrs.errors import IterableValidationNote
from cattrs.gen import make_dict_structure_fn

from bnnplan.models.errors import BnnplanError, FileError

T = TypeVar("T")
SHOWN_FAULTS = 3
_LISTS: tuple[type, ...] = (list, tuple, frozenset, set)
_INFINITIES = {"inf": math.inf, "-inf": -math.inf}


def converter() -> cattrs.Converter:
    """A new strict converter, to which a file format may add hooks of its own.

    Enums go by value, sets become sorted lists, infinite numbers the texts "inf" and "-inf".
    """
    made = cattrs.Converter(forbid_extra_keys=True)
    for kind, hook in ((str, _text), (bool, _truth), (int, _whole), (float, _number)):
        made.register_structure_hook(kind, functools.partial(_scalar, hook))
    made.register_structure_hook_func(_is_enum, _member)
    made.register_structure_hook_factory(_is_list, lambda kind: _list_hook(kind, made))
    made.register_structure_hook_factory(attrs.has, lambda kind: _object_hook(kind, made))
    # numpy's numbers are no JSON numbers.
    for kind, plain in ((bool, bool), (int, int), (float, _plain_number)):
        made.register_unstructure_hook(kind, plain)
    made.register_unstructure_hook_func(
        _is_set,
        lambda value: sorted(made.unstructure(item) for item in value),
    )
    return made


def structure(
    data: object, cls: type[T], path: str | os.PathLike[str], using: cattrs.Converter | None = None
) -> T:
    """Turn plain data that was read from the file `path` into an instance of `cls`.

    Raises
    ------
    FileError
        One line: the file, the path of each faulty field, and what is wrong with it.
    """
    try:
        return (using or converter()).structure(data, cls)
    except RecursionError as error:
        raise FileError(f"{os.fspath(path)}: nested too deeply") from error
    except Exception as error:
        faults = cattrs.transform_error(error, path="", format_exception=_describe)
        raise FileError(f"{os.fspath(path)}: {_joined(faults)}") from error


def _joined(faults: list[str]) -> str:
    lines = []
    for fault in faults[:SHOWN_FAULTS]:
        reason, _, place = fault.rpartition(" @ ")
        lines.append(f"field {place.lstrip('.')}: {reason}" if place else reason)
    if len(faults) > SHOWN_FAULTS:
        lines.append(f"and {len(faults) - SHOWN_FAULTS} more")
    return "; ".join(lines)


def _describe(error: BaseException, kind: type | None) -> str:
    if isinstance(error, cattrs.ForbiddenExtraKeysError):
        return f"unknown field {', '.join(sorted(map(_short, error.extra_fields)))}"
    if isinstance(error, KeyError):
        return f"required field {error.args[0]!r} is missing"
    if isinstance(error, AttributeError):
        return "must be an object"
    if isinstance(error, BnnplanError | ValueError):
        return str(error)
    return f"is not valid ({error})"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _is_enum(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, enum.Enum)


def _is_list(kind: object) -> bool:
    return (get_origin(kind) or kind) in _LISTS


def _is_set(kind: object) -> bool:
    return (get_origin(kind) or kind) in (frozenset, set)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"must be a text, not {_short(value)}")
    return value


def _truth(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"must be true or false, not {_short(value)}")
    return value


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"must be a whole number, not {_short(value)}")
    return value


def _number(value: object) -> float:
    if isinstance(value, str) and value in _INFINITIES:
        return _INFINITIES[value]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"must be a number, not {_short(value)}")
    try:
        return float(value)
    except OverflowError:
        raise ValueError(f"number {_short(value)} is too large") from None


def _plain_number(value: float) -> float | str:
    return float(value) if math.isfinite(value) else str(float(value))


def _scalar(check: Callable[[object], Any], value: object, kind: Any) -> Any:
    # Enums of texts and numbers are dispatched to the hook of their base class.
    return _member(value, kind) if _is_enum(kind) else check(value)


def _member(value: object, kind: type[enum.Enum]) -> enum.Enum:
    try:
        return kind(value)
    except ValueError:
        known = ", ".join(str(member.value) for member in kind)
        raise ValueError(f"must be one of {known}, not {_short(value)}") from None


def _list_hook(kind: Any, using: cattrs.Converter) -> Callable[[Any, Any], Any]:
    build = get_origin(kind) or kind
    items = get_args(kind) or (Any,)
    fixed = build is tuple and items[-1] is not Ellipsis and get_args(kind) != ()

    def hook(value: object, _: object) -> Any:
        if not isinstance(value, list | tuple):
            raise ValueError(f"must be a list, not {_short(value)}")
        if fixed and len(value) != len(items):
            raise ValueError(f"must be a list of {len(items)}, not of {len(value)}")
        result, faults = [], []
        for index, item in enumerate(value):
            wanted = items[index] if fixed else items[0]
            try:
                result.append(using.structure(item, wanted))
            except Exception as error:
                error.add_note(IterableValidationNote(f"item {index}", index, wanted))
                faults.append(error)
        if faults:
            raise cattrs.IterableValidationError("list", faults, build)
        return build(result)

    return hook


def _object_hook(kind: type, using: cattrs.Converter) -> Callable[[Any, Any], Any]:
    inner: Callable[[Any, Any], Any] = make_dict_structure_fn(
        kind, using, _cattrs_forbid_extra_keys=True
    )

    def hook(value: object, target: Any) -> Any:
        if not isinstance(value, Mapping):
            known = ", ".join(attribute.name for attribute in attrs.fields(kind))
            raise ValueError(f"must be an object with the fields {known}, not {_short(value)}")
        return inner(value, target)

    return hook
