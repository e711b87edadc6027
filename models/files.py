"""Files that are whole or absent, and JSON files with a schema and a version.

Classes know nothing of files: a converter from :mod:`bnnplan.models.structuring` turns them into
plain data and back, with every fault named by the path of its field.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from bnnplan.models.errors import FileError
from bnnplan.models.structuring import converter, structure

__all__ = [
    "atomically",
    "converter",
    "dump_json",
    "parse_json",
    "read_bytes",
    "read_json",
    "structure",
    "write_atomically",
    "write_json",
    "writing",
]

Migrations = Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]]
MOST_DIGITS = 1000
"""Of a whole number in a file: more are an attack on whoever converts them."""
PathLike = str | os.PathLike[str]


def write_atomically(path: PathLike, data: bytes) -> None:
    """Write a file so that readers see the old contents or all of the new ones.

    Raises
    ------
    FileError
        See :func:`atomically`.
    """
    with writing(path), atomically(path) as stream:
        stream.write(data)


@contextlib.contextmanager
def atomically(path: PathLike) -> Iterator[BinaryIO]:
    """A file to write, which readers see as a whole or not at all.

    What is written goes to a temporary file in the same folder, is flushed to the disk, and takes
    the place of the file by renaming; an exception leaves things as they were.

    Raises
    ------
    FileError
        If the folder is missing or read-only, or `path` is something else than an ordinary file.
        Nothing is left behind.
    """
    if os.path.exists(path) and not os.path.isfile(path):
        raise FileError(f"cannot write {path}: it exists and is not an ordinary file")
    with writing(path):
        target = Path(os.path.realpath(path))
        temporary = target.with_name(f".bnnplan-{secrets.token_hex(8)}.tmp")
        stream = open(temporary, "xb")  # noqa: SIM115
    try:
        yield stream
        with writing(path):
            stream.flush()
            os.fsync(stream.fileno())
            stream.close()
            if target.exists():
                os.chmod(temporary, target.stat().st_mode & 0o777)
            os.replace(temporary, target)
    finally:
        for clean in (stream.close, temporary.unlink):
            with contextlib.suppress(OSError):
                clean()


@contextlib.contextmanager
def writing(path: PathLike) -> Iterator[None]:
    """Raise FileError where a file cannot be written, such as on a full disk."""
    try:
        yield
    except (OSError, ValueError) as error:
        raise FileError(f"cannot write {path}: {_reason(error)}") from error


def read_bytes(path: PathLike) -> bytes:
    """Contents of an ordinary file.

    Raises
    ------
    FileError
        If there is no such file, or it cannot be read.
    """
    try:
        if os.path.exists(path) and not os.path.isfile(path):
            raise FileError(f"cannot read {path}: it is not an ordinary file")
        return Path(path).read_bytes()
    except (OSError, ValueError) as error:
        raise FileError(f"cannot read {path}: {_reason(error)}") from error


def _reason(error: OSError | ValueError) -> str:
    return getattr(error, "strerror", None) or str(error)


def write_json(path: PathLike, schema: str, version: int, content: Mapping[str, Any]) -> None:
    """Write plain data as JSON, with `schema` and `version` before the content's own fields.

    Raises
    ------
    FileError
        See :func:`write_atomically`.
    """
    write_atomically(path, dump_json(schema, version, content).encode())


def dump_json(schema: str, version: int, content: Mapping[str, Any]) -> str:
    """Text of a JSON file with `schema` and `version` before the content's own fields."""
    document = {"schema": schema, "version": version, **content}
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def read_json(
    path: PathLike, schema: str, version: int, migrations: Migrations | None = None
) -> dict[str, Any]:
    """Read the content of a JSON file, converted to the newest version.

    Parameters
    ----------
    path : path
    schema : str
        The schema that the file must name.
    version : int
        The newest version, and the one of the content that is returned.
    migrations : mapping of int to function, optional
        For each older version, what turns its content into that of the next one.

    Returns
    -------
    dict
        The fields of the file without `schema` and `version`.

    Raises
    ------
    FileError
        For a file that is unreadable, no JSON, of another schema, or too new; names the place.
    """
    return parse_json(read_bytes(path), os.fspath(path), schema, version, migrations)


def parse_json(
    data: bytes, source: str, schema: str, version: int, migrations: Migrations | None = None
) -> dict[str, Any]:
    """Content of JSON data that came from `source`; see :func:`read_json`."""
    document = _decode(data, source)
    if not isinstance(document, dict):
        raise FileError(f"{source}: must hold a JSON object, not {_named(document)}")
    found = document.pop("schema", None)
    if found != schema:
        raise FileError(f"{source}: field schema: must be {schema!r}, not {_short(found)}")
    written = document.pop("version", None)
    if type(written) is not int or written < 1:
        raise FileError(f"{source}: field version: must be a whole number of at least 1")
    if written > version:
        raise FileError(
            f"{source}: field version: version {written} was written by a newer bnnplan "
            f"(this one reads {schema} up to {version}); upgrade bnnplan"
        )
    for step in range(written, version):
        if migrations is None or step not in migrations:
            raise FileError(f"{source}: field version: version {step} is no longer supported")
        try:
            document = migrations[step](document)
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            raise FileError(f"{source}: cannot convert from version {step}: {error!r}") from error
    return document


def _decode(data: bytes, source: str) -> Any:
    try:
        content = json.loads(
            data.decode("utf-8"),
            parse_constant=_refuse_constant,
            parse_float=_finite,
            parse_int=_whole,
            object_pairs_hook=_unique,
        )
        # Half of a surrogate pair is legal in JSON's \u form, but no text that can be printed.
        json.dumps(content, ensure_ascii=False).encode()
        return content
    except json.JSONDecodeError as error:
        place = f"line {error.lineno} column {error.colno}"
        raise FileError(f"{source}: not valid JSON at {place}: {error.msg}") from error
    except UnicodeDecodeError as error:
        raise FileError(f"{source}: not UTF-8 at byte {error.start}: {error.reason}") from error
    except UnicodeEncodeError as error:
        raise FileError(f"{source}: a text holds half of a surrogate pair") from error
    except ValueError as error:
        raise FileError(f"{source}: not valid JSON: {error}") from error
    except RecursionError as error:
        raise FileError(f"{source}: JSON is nested too deeply") from error


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _whole(text: str) -> int:
    if len(text) > MOST_DIGITS:
        raise ValueError(f"a number of {len(text)} characters is too long")
    return int(text)


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"number {text} is too large")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"field {_short(twice)} stands twice")
    return fields


def _named(value: object) -> str:
    names = {list: "a list", str: "a text", bool: "a truth value", type(None): "null"}
    return names.get(type(value), "a number")


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
