"""One sensor: which part of a machine it tells of, and how it is read."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path

from attrs import field, frozen

from bnnplan.models.converters import as_tuple
from bnnplan.models.errors import BnnplanError

COUNTER_RANGE = 2**64
"""Of counters that state no range of their own."""


class SensorError(BnnplanError):
    """A sensor that cannot be read; says why and what to do."""


class Part(StrEnum):
    """What of a machine draws the power that a sensor tells of."""

    PACKAGE = "package"
    """Cores, caches, and all else on the chip of a CPU, a GPU in it included."""
    CORES = "cores"
    GPU = "gpu"
    CPU_AND_GPU = "cpu and gpu"
    MEMORY = "memory"
    BOARD = "board"
    OTHER = "other"


@frozen
class Sensor:
    """A counter of energy, or a reading of power.

    Parameters
    ----------
    name : str
        Where it is and what it calls itself, such as ``intel-rapl:0 package-0``.
    part : Part
    files : tuple of Path
        Whose numbers, multiplied, are the reading.
    unit : float
        Joules, or watts, for a product of 1.
    is_counter : bool
        Whether it counts energy; else it reads power.
    range : int
        Of a counter: the value after which it begins again at 0.
    """

    name: str
    part: Part
    files: tuple[Path, ...] = field(converter=as_tuple)
    unit: float
    is_counter: bool
    range: int = COUNTER_RANGE

    def read(self) -> int:
        """What its files say now, multiplied.

        Raises
        ------
        SensorError
            If one of them cannot be read, or holds no number.
        """
        product = 1
        for path in self.files:
            product *= read_whole(path)
        return product

    def energy(self, before: int, after: int, seconds: float) -> float:
        """Joules between two readings, by which a counter has begun again once at the most."""
        if not self.is_counter:
            return (before + after) / 2 * self.unit * seconds
        rise = after - before
        return (rise if rise >= 0 else rise + self.range + 1) * self.unit


def read_whole(path: Path) -> int:
    """A whole number, which may be negative, from a file of sysfs.

    Raises
    ------
    SensorError
        If the file cannot be read, or holds something else.
    """
    try:
        text = path.read_text("utf-8").strip()
    except PermissionError as error:
        advice = "" if os.geteuid() == 0 else f"; as root: chmod a+r {path}"
        raise SensorError(f"{path} may not be read by this user{advice}") from error
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not a text file"
        raise SensorError(f"{path} cannot be read: {reason}") from error
    digits = text.removeprefix("-")
    if len(digits) > 20 or not (digits.isascii() and digits.isdecimal()):
        raise SensorError(f"{path} holds {text[:40]!r}, which is no whole number")
    return int(text)


def read_label(path: Path) -> str:
    """Text of a file of sysfs; empty if there is none."""
    try:
        return path.read_text("utf-8", errors="replace").strip()[:80]
    except OSError:
        return ""
