"""Times, energies and sizes as a person writes them: ``1.2ms``, ``3 mJ``, ``64MiB``."""

from __future__ import annotations

import re
from decimal import Decimal

import typer

NANOSECONDS = {"ns": 1, "us": 10**3, "µs": 10**3, "ms": 10**6, "s": 10**9}
NANOJOULES = {"nJ": 1, "uJ": 10**3, "µJ": 10**3, "mJ": 10**6, "J": 10**9}
MILLIWATTS = {"": 10**3, "mW": 1, "W": 10**3}
BYTES = {"": 1, "B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
MOST_CHARACTERS = 40
"""Of a quantity: whatever is longer is far beyond all that can be planned."""
_FORM = re.compile(r"\s*(\d+\.?\d*|\.\d+)\s*([^\d\s.]*)\s*")


def nanoseconds(option: str, text: str) -> int:
    """A time in whole nanoseconds."""
    return _whole(option, text, NANOSECONDS, "1.2ms")


def nanojoules(option: str, text: str) -> int:
    """An energy in whole nanojoules."""
    return _whole(option, text, NANOJOULES, "3mJ")


def watts(option: str, text: str) -> float:
    """A power in watts, to a thousandth; a number alone is one of watts."""
    return _whole(option, text, MILLIWATTS, "2.5W") / 1000


def sized(option: str, text: str) -> int:
    """A size in whole bytes; a number alone is one of bytes."""
    return _whole(option, text, BYTES, "64MiB")


def _whole(option: str, text: str, units: dict[str, int], example: str) -> int:
    """A number with a unit in the least unit; a part of that is left out.

    Raises
    ------
    typer.BadParameter
        If it is no number, has no known unit, or is too long.
    """
    if len(text) > MOST_CHARACTERS:
        raise typer.BadParameter(
            f"{option} {text[:MOST_CHARACTERS]}…: must have at most {MOST_CHARACTERS} characters"
        )
    found = _FORM.fullmatch(text)
    known = ", ".join(unit for unit in units if unit and unit.isascii())
    if found is None or found[2] not in units:
        raise typer.BadParameter(
            f"{option} {text}: must be a number with one of the units {known}, such as {example}"
        )
    return int(Decimal(found[1]) * units[found[2]])
