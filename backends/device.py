"""What a backend says of its devices, and of those it cannot offer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum

from attrs import field, frozen


def _strings(values: Iterable[str]) -> frozenset[str]:
    return frozenset(values)


def _texts(values: Mapping[str, str]) -> dict[str, str]:
    return dict(values)


@frozen
class MemorySpace:
    """Memory that a device's kernels read and write directly.

    Parameters
    ----------
    name : str
        Such as ``host``. Devices with the same space need no transfer between them.
    capacity : int or None
        Bytes; None where unknown.
    """

    name: str
    capacity: int | None = None


class Work(StrEnum):
    """What a device does so much of in a second."""

    CYCLES = "cycles"
    """Of the clock."""
    BIT_PRODUCTS = "bit-products"
    """±1 times ±1, and added up."""
    BYTE_PRODUCTS = "byte-products"
    """A byte times ±1, and added up."""
    FLOAT_PRODUCTS = "float-products"
    """float32 times float32, rounded, and added up."""
    BYTES_READ = "bytes-read"


@frozen
class Ceiling:
    """The most that a device can do of some work in a second, as measured.

    Parameters
    ----------
    work : Work
    name : str
        What people call it: how the work is done, or the level of memory.
    threads : int
        Threads that do it together.
    rate : float
        Of all of them, a second.
    variant : str
        The kernel variant that it holds for; empty: for all.
    capacity : int or None
        Of bytes: the most that each thread can have at this level; None: no limit.
    """

    work: Work
    name: str
    threads: int
    rate: float
    variant: str = ""
    capacity: int | None = None


def _ceilings(values: Iterable[Ceiling]) -> tuple[Ceiling, ...]:
    return tuple(values)


@frozen
class Device:
    """Something that runs layers.

    Parameters
    ----------
    name : str
        Unique on the board, such as ``cpu0`` or ``opencl0``.
    backend : str
        Registered name of the backend that it belongs to.
    kind : str
        ``cpu``, ``gpu`` or ``accelerator``.
    description : str
        What a person calls it.
    space : MemorySpace
    resources : frozenset of str
        The cores (``core:3``) and queues (``queue:opencl0``) it occupies while running. Two
        devices that share one never run at the same time.
    threads : int
        Most threads that a configuration may use.
    properties : mapping of str to str
        Driver version, clock and the like; part of a profile's fingerprint.
    ceilings : tuple of Ceiling
        What it can do at most; empty where that was not measured.
    power_watts : float or None
        What it draws while it is busy, as declared; None where nobody has said. Devices that
        differ in nothing but ceilings and power are equal.
    """

    name: str
    backend: str
    kind: str
    description: str
    space: MemorySpace
    resources: frozenset[str] = field(default=frozenset(), converter=_strings)
    threads: int = 1
    properties: Mapping[str, str] = field(factory=dict, converter=_texts, hash=False)
    ceilings: tuple[Ceiling, ...] = field(default=(), converter=_ceilings, eq=False)
    power_watts: float | None = field(default=None, eq=False)


@frozen
class Unavailable:
    """A device, or a whole backend, that cannot be used here, and why."""

    name: str
    reason: str
