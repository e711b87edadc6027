"""The JSON form of a problem: schema ``bnnplan.problem``, version 2.

The classes know nothing of it. The fields are those of the classes in
:mod:`bnnplan.planner.problem`, under the same names; a field with a default may be left out, an
unknown one is refused.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import cattrs
from attrs import fields, has
from cattrs.gen import make_dict_structure_fn

from bnnplan.planner.problem import Measure, Problem
from bnnplan.planner.problem_rules import ProblemError, listed

SCHEMA = "bnnplan.problem"
VERSION = 2
READABLE = (1, 2)
"""Version 2 added objectives, limits, colocated, switches, exports, energies and contiguous
devices, all of which may be missing."""


def problem_to_dict(problem: Problem) -> dict[str, Any]:
    """Turn a problem into plain lists, dicts, texts and numbers, ready for JSON."""
    plain = _converter().unstructure(problem)
    return {"schema": SCHEMA, "version": VERSION, **plain}


def problem_from_dict(plain: object) -> Problem:
    """Turn plain JSON data into a problem.

    Raises
    ------
    ProblemError
        One line with the path of the field and the reason.
    """
    if not isinstance(plain, Mapping):
        raise ProblemError(f"a problem must be a JSON object, not {type(plain).__name__}")
    if plain.get("schema") != SCHEMA:
        raise ProblemError(f"schema: must be {SCHEMA!r}, not {plain.get('schema')!r}")
    if type(plain.get("version")) is not int or plain["version"] not in READABLE:
        raise ProblemError(
            f"version: this bnnplan reads versions up to {VERSION}, not {plain.get('version')!r}"
        )
    body = {key: value for key, value in plain.items() if key not in ("schema", "version")}
    try:
        return _converter().structure(body, Problem)
    except cattrs.BaseValidationError as error:
        raise ProblemError(_one_line(error)) from None


@functools.cache
def _converter() -> cattrs.Converter:
    converter = cattrs.Converter(forbid_extra_keys=True)
    converter.register_structure_hook(str, _text)
    converter.register_structure_hook(Measure, _measure)
    converter.register_unstructure_hook(Measure, str)
    # Numbers stay as they were read: the rules of a problem say which task and option is wrong.
    converter.register_structure_hook(int, _number)
    converter.register_structure_hook_func(lambda kind: kind == int | None, _number)
    converter.register_structure_hook_func(
        lambda kind: kind == frozenset[str], lambda value, _: frozenset(_texts(value))
    )
    converter.register_structure_hook_func(
        lambda kind: kind == tuple[str, ...], lambda value, _: tuple(_texts(value))
    )
    converter.register_unstructure_hook_func(lambda kind: kind == frozenset[str], sorted)
    converter.register_structure_hook_factory(has, lambda kind: _object_hook(kind, converter))
    return converter


def _object_hook(kind: type, converter: cattrs.Converter) -> Callable[[Any, Any], Any]:
    """Structure `kind` from a JSON object, and say so where it is something else."""
    structure: Callable[[Any, Any], Any] = make_dict_structure_fn(
        kind, converter, _cattrs_forbid_extra_keys=True
    )
    known = ", ".join(field.name for field in fields(kind))

    def hook(value: object, target: Any) -> Any:
        if not isinstance(value, Mapping):
            raise ValueError(f"must be an object with the fields {known}")
        return structure(value, target)

    return hook


def _text(value: object, _: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"must be a text, not {value!r}")
    return value


def _texts(value: object) -> list[str]:
    if not isinstance(value, list):
        raise ValueError(f"must be a list of texts, not {value!r}")
    return [_text(item, None) for item in value]


def _measure(value: object, _: object) -> Measure:
    known = [str(measure) for measure in Measure]
    if value not in known:
        raise ValueError(f"must be one of {listed(known)}, not {value!r}")
    return Measure(str(value))


def _number(value: object, _: object) -> Any:
    return value


def _one_line(error: cattrs.BaseValidationError) -> str:
    """Say the path and reason of the first fault, and how many more there are."""
    lines = cattrs.transform_error(error, path="problem", format_exception=_reason)
    first, _, path = lines[0].rpartition(" @ ")
    more = f" (and {len(lines) - 1} more)" if len(lines) > 1 else ""
    return f"{path}: {first}{more}"


def _reason(error: BaseException, kind: type | None) -> str:
    if isinstance(error, ProblemError):
        return str(error)
    if isinstance(error, KeyError):
        return f"required field {error.args[0]!r} is missing"
    if isinstance(error, cattrs.ForbiddenExtraKeysError):
        return f"unknown field {', '.join(sorted(map(repr, error.extra_fields)))}"
    if isinstance(error, ValueError):
        return str(error)
    return "must be a list"
