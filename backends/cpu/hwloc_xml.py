"""The elements of an hwloc XML file, read so that a hostile file can cost nothing.

Real files name a DTD outside (``<!DOCTYPE topology SYSTEM "hwloc2.dtd">``), which is never
fetched; declarations of a file's own, with which entities are made that grow without end, are
refused, and so is what is too large, too deep or of too many elements.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import NoReturn
from xml.parsers import expat

from bnnplan.models.errors import FileError
from bnnplan.models.files import read_bytes

MOST_BYTES = 2**24
MOST_ELEMENTS = 2**20
MOST_DEPTH = 256


def read_topology(path: Path) -> ElementTree.Element:
    """The root element, ``topology``, of an hwloc XML file.

    Raises
    ------
    FileError
        If there is no such file, or it is not such XML, or beyond every board.
    """
    data = read_bytes(path)
    if len(data) > MOST_BYTES:
        raise FileError(f"{path}: {len(data)} bytes are more than any hwloc file has")
    reader = _Reader(path)
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.StartDoctypeDeclHandler = reader.doctype
    parser.EntityDeclHandler = reader.entity
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        reason = expat.errors.messages.get(error.code, "cannot be parsed")
        raise FileError(
            f"{path}: line {error.lineno}: not XML ({reason}); write it with 'lstopo FILE.xml'"
        ) from error
    except (LookupError, ValueError) as error:
        # Of an encoding that nobody knows.
        raise FileError(f"{path}: not XML ({error}); write it with 'lstopo FILE.xml'") from error
    root = reader.builder.close()
    if root.tag != "topology":
        raise FileError(f"{path}: the root is <{root.tag[:40]}>, not the <topology> of hwloc")
    return root


class _Reader:
    """Builds elements without their text, of which hwloc's have none that counts."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.builder: ElementTree.TreeBuilder = ElementTree.TreeBuilder()
        self.elements = 0
        self.depth = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self.elements += 1
        self.depth += 1
        if self.elements > MOST_ELEMENTS or self.depth > MOST_DEPTH:
            self._refuse(f"more than {MOST_ELEMENTS} elements, or nested deeper than {MOST_DEPTH}")
        self.builder.start(tag, attributes)

    def end(self, tag: str) -> None:
        self.depth -= 1
        self.builder.end(tag)

    def doctype(self, _name: str, _system: str | None, _public: str | None, own: int) -> None:
        if own:
            self._refuse("declarations of its own in <!DOCTYPE …>, which no hwloc file has")

    def entity(self, *_declared: object) -> None:
        self._refuse("entities of its own, which no hwloc file has")

    def _refuse(self, reason: str) -> NoReturn:
        raise FileError(f"{self.path}: refused: {reason}")
