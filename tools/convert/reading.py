"""What all converters share: reading a file, and one clear line for what is wrong in it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bnnplan.models.errors import FileError
from bnnplan.models.files import read_bytes


def read_text(path: Path) -> str:
    """The text of a file.

    Raises
    ------
    FileError
        If it cannot be read or is no text.
    """
    try:
        return read_bytes(path).decode()
    except UnicodeDecodeError:
        raise FileError(f"{path}: is no text in UTF-8") from None


def read_object(path: Path) -> dict[str, Any]:
    """The JSON object that a file holds.

    Raises
    ------
    FileError
        With the line, if the file holds something else.
    """
    try:
        content = json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise FileError(f"{path}, line {error.lineno}: no JSON: {error.msg}") from None
    except RecursionError:
        raise FileError(f"{path}: too deeply nested") from None
    if not isinstance(content, dict):
        raise FileError(f"{path}: must hold a JSON object, not {type(content).__name__}")
    return content


def rows(content: Mapping[str, Any], name: str, path: Path) -> list[dict[str, Any]]:
    """The list of objects in field `name`."""
    found = content.get(name)
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise FileError(f"{path}: {name}: must be a list of objects")
    return found


def number(row: Mapping[str, Any], name: str, where: str) -> float:
    """The number, at least 0, in field `name` of a JSON object."""
    if name not in row:
        raise FileError(f"{where}.{name}: missing")
    value = row[name]
    if type(value) not in (int, float) or not 0 <= value < math.inf:
        raise FileError(f"{where}.{name}: must be a number of at least 0, not {value!r}")
    return float(value)


def whole(row: Mapping[str, Any], name: str, where: str) -> int:
    """The whole number in field `name` of a JSON object."""
    if name not in row:
        raise FileError(f"{where}.{name}: missing")
    value = row[name]
    if type(value) is not int:
        raise FileError(f"{where}.{name}: must be a whole number, not {value!r}")
    return value


def flag(row: Mapping[str, Any], name: str, where: str) -> bool:
    """The truth in field `name` of a JSON object: true, false, 0 or 1."""
    if name not in row:
        raise FileError(f"{where}.{name}: missing")
    if row[name] not in (True, False):
        raise FileError(f"{where}.{name}: must be true, false, 0 or 1, not {row[name]!r}")
    return bool(row[name])
