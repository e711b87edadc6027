"""The board: the devices that can run layers, the memory spaces they use, and what is missing.

A board is detected on the machine we run on, or read from a file, which a person may edit: to
leave a device out, to split a cluster into several devices, to lower a capacity.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Iterable
from pathlib import Path

import attrs
from attrs import field, frozen

from bnnplan.backends.interface import Ceiling, Device, MemorySpace, Unavailable
from bnnplan.backends.registry import Backends, devices_of, load_backends
from bnnplan.models.converters import as_tuple
from bnnplan.models.errors import BnnplanError
from bnnplan.models.files import Migrations, converter, read_json, structure, write_json
from bnnplan.planner.gpus import idle_gpus

SCHEMA = "bnnplan.board"
VERSION = 3
MIGRATIONS: Migrations = {1: lambda content: content, 2: lambda content: content}
"""Version 2 added devices[].ceilings, version 3 devices[].power_watts, which may be missing."""
MOST_THREADS = 4096
"""Of one device: more is a mistake, and would be more than a machine can start."""
MOST_RATE = 1e24
"""Of work a second: far beyond any device, and far from where floats end."""
MOST_WATTS = 1e6
"""Of a device: more than any rack draws."""
MOST_BYTES = 2**53 - 1
"""Of a memory space; solvers count in whole numbers that floats hold exactly."""
USER = "user"
"""Where a caller's arrays are, as an end of transfers: no device and no space has this name."""


class BoardError(BnnplanError):
    """A board that cannot be: duplicate names, unknown backends, negative figures."""


@frozen
class Link:
    """A connection between two memory spaces, where its figures are declared, not measured.

    Parameters
    ----------
    source, target : str
        Names of memory spaces.
    bandwidth : float
        Bytes per second, above 0.
    latency : float
        Seconds, at least 0.
    """

    source: str
    target: str
    bandwidth: float
    latency: float = 0.0

    def __attrs_post_init__(self) -> None:
        where = f"link {self.source} → {self.target}"
        if not 0 < self.bandwidth < float("inf"):
            raise BoardError(f"{where}: bandwidth must be above 0 bytes/s, not {self.bandwidth}")
        if not 0 <= self.latency < float("inf"):
            raise BoardError(f"{where}: latency must be at least 0 s, not {self.latency}")


@frozen
class Board:
    """Devices, the spaces they use, and declared links.

    Parameters
    ----------
    name : str
    devices : tuple of Device
        At least one; names are unique.
    links : tuple of Link
    """

    name: str
    devices: tuple[Device, ...] = field(converter=as_tuple)
    links: tuple[Link, ...] = field(default=(), converter=as_tuple)

    def __attrs_post_init__(self) -> None:
        if not self.devices:
            raise BoardError(f"board {self.name!r} has no devices")
        names = [device.name for device in self.devices]
        for name in names:
            if names.count(name) > 1:
                raise BoardError(f"board {self.name!r} names device {name!r} twice")
        for device in self.devices:
            _check_device(self.name, device)
        capacities: dict[str, int | None] = {}
        for device in self.devices:
            space = device.space
            if capacities.setdefault(space.name, space.capacity) != space.capacity:
                raise BoardError(
                    f"board {self.name!r} states two capacities of space {space.name!r}"
                )
        for link in self.links:
            for name in (link.source, link.target):
                if name not in capacities:
                    raise BoardError(f"board {self.name!r}: link to unknown space {name!r}")

    @property
    def spaces(self) -> tuple[MemorySpace, ...]:
        """Every memory space once."""
        return tuple(dict.fromkeys(device.space for device in self.devices))

    def device(self, name: str) -> Device:
        """The device of a name.

        Raises
        ------
        BoardError
            If there is none; the message lists those that there are.
        """
        for device in self.devices:
            if device.name == name:
                return device
        known = ", ".join(device.name for device in self.devices)
        raise BoardError(f"board {self.name!r} has no device {name!r}; it has {known}")

    def only(self, names: Iterable[str]) -> Board:
        """The same board with some of its devices."""
        return attrs.evolve(self, devices=tuple(self.device(name) for name in names))

    @property
    def bare(self) -> Board:
        """The same board, as if neither ceilings nor power were known."""
        devices = [attrs.evolve(d, ceilings=(), power_watts=None) for d in self.devices]
        return attrs.evolve(self, devices=devices)

    @property
    def fingerprint(self) -> str:
        """SHA-256 over all but name, ceilings and power: what a profile depends on."""
        content = converter().unstructure(attrs.evolve(self.bare, name=""))
        for device in content["devices"]:
            # Profiles are kept from before boards had it.
            del device["power_watts"]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _check_device(board: str, device: Device) -> None:
    where = f"board {board!r}, device {device.name!r}"
    for what, name in (("device", device.name), ("space", device.space.name)):
        if not name or name == USER:
            raise BoardError(f"{where}: a {what} cannot be called {name!r}")
    if not 1 <= device.threads <= MOST_THREADS:
        raise BoardError(f"{where}: threads must be from 1 to {MOST_THREADS}, not {device.threads}")
    capacity = device.space.capacity
    if capacity is not None and not 0 <= capacity <= MOST_BYTES:
        raise BoardError(
            f"{where}: capacity of space {device.space.name!r} is negative or above {MOST_BYTES}"
        )
    power = device.power_watts
    if power is not None and not 0 < power <= MOST_WATTS:
        raise BoardError(
            f"{where}: power_watts must be above 0 and at most {MOST_WATTS:g}, not {power:g}"
        )
    for ceiling in device.ceilings:
        fault = _ceiling_fault(ceiling)
        if fault:
            raise BoardError(f"{where}: ceiling {ceiling.name!r}: {fault}")


def _ceiling_fault(ceiling: Ceiling) -> str:
    """What is wrong with a ceiling; empty if nothing is."""
    if not 1 <= ceiling.rate <= MOST_RATE:
        return f"the rate must be from 1 to {MOST_RATE:g} a second, not {ceiling.rate:g}"
    if not 1 <= ceiling.threads <= MOST_THREADS:
        return f"threads must be from 1 to {MOST_THREADS}, not {ceiling.threads}"
    if ceiling.capacity is not None and not 0 < ceiling.capacity <= MOST_BYTES:
        return f"the capacity must be from 1 to {MOST_BYTES} bytes, not {ceiling.capacity}"
    return ""


@frozen
class Detection:
    """What was found on this machine.

    Parameters
    ----------
    board : Board
    unavailable : tuple of Unavailable
        Backends and devices that cannot be used here, with the reason.
    """

    board: Board
    unavailable: tuple[Unavailable, ...]


FORCED_ISA = "BNNPLAN_ISA"
"""Environment variable that forces an instruction set of the cpu backend."""
ISA = "isa"
"""Property of devices whose kernels are of one instruction set."""
CORE = "core:"
"""How the resources that are cores begin."""
ORACLES = frozenset({"reference", "onnxruntime"})
"""Backends that are not planned with unless a person asks for them by device name."""


def detect_board(backends: Backends | None = None, *, oracles: bool = False) -> Detection:
    """Detect the devices of the machine we run on.

    Parameters
    ----------
    backends : Backends, optional
        Those installed by default.
    oracles : bool
        Whether to include the slow reference device and the float-only one.

    Raises
    ------
    BoardError
        If there is no device at all; with the reasons.
    """
    found = backends or load_backends()
    host = platform.node() or "this machine"
    devices: list[Device] = []
    unavailable = list(found.broken)
    for name, backend in found.usable.items():
        if name in ORACLES and not oracles:
            continue
        usable, missing = devices_of(backend)
        unavailable += missing
        for device in usable:
            try:
                Board(host, [*devices, device])
            except BoardError as error:
                # A plugin whose device cannot stand beside the others costs only that device.
                unavailable.append(Unavailable(f"{name} {device.name}", str(error)))
            else:
                devices.append(device)
    _require_forced_instruction_set(unavailable)
    unavailable += idle_gpus(devices)
    if not devices:
        reasons = "; ".join(f"{lost.name}: {lost.reason}" for lost in unavailable)
        raise BoardError(f"no device can be used here: {reasons or 'no backend is installed'}")
    return Detection(Board(host, devices), tuple(unavailable))


def _require_forced_instruction_set(unavailable: Iterable[Unavailable]) -> None:
    """Planning goes on without a device that is missing, but not against what a person set."""
    for missing in unavailable:
        if FORCED_ISA in os.environ and FORCED_ISA in missing.reason:
            raise BoardError(missing.reason)


def dumped_board(root: Path) -> Board:
    """The clusters of another machine, from a copy of its `/sys` and `/proc` below a folder.

    Raises
    ------
    BoardError
        If there are no cores below the folder.
    FileError
        If a file there is malformed.
    """
    # The cpu backend is native code, which other boards do without.
    from bnnplan.backends.cpu.devices import dumped_devices

    if not (root / "sys" / "devices" / "system" / "cpu").is_dir():
        raise BoardError(f"{root}: no folder sys/devices/system/cpu below it; copy /sys there")
    return Board(root.resolve().name or "dump", dumped_devices(root))


def hwloc_board(path: Path) -> Board:
    """The clusters of another machine, from an XML file of hwloc (``lstopo FILE.xml``).

    Raises
    ------
    FileError
        If it is no such file.
    """
    from bnnplan.backends.cpu.devices import hwloc_devices

    return Board(path.stem or "hwloc", hwloc_devices(path))


def save_board(board: Board, path: Path) -> None:
    """Write a board file (schema ``bnnplan.board``)."""
    write_json(path, SCHEMA, VERSION, converter().unstructure(board))


def load_board(path: Path) -> Board:
    """Read a board file.

    Raises
    ------
    FileError
        If the file cannot be read as a board; with file, field and reason.
    BoardError
        If it names a backend that is not installed, or a device twice, or a negative figure, or
        a processor without cores or with more threads than cores, or an instruction set that is
        not the one in use here.
    """
    content = read_json(path, SCHEMA, VERSION, MIGRATIONS)
    board: Board = structure(content, Board, path)
    installed = load_backends()
    broken = {missing.name: missing.reason for missing in installed.broken}
    for device in board.devices:
        if device.backend not in installed.usable:
            known = ", ".join(installed.usable)
            reason = broken.get(device.backend, f"installed are {known}")
            raise BoardError(
                f"{path}: device {device.name!r} needs backend {device.backend!r}: {reason}"
            )
        if device.kind == "cpu" and not device.resources:
            raise BoardError(
                f"{path}: device {device.name!r} names no core that it occupies; put names such as "
                "'core:0' into its resources"
            )
        cores = sum(resource.startswith(CORE) for resource in device.resources)
        if device.kind == "cpu" and device.threads > cores:
            raise BoardError(
                f"{path}: device {device.name!r} has {device.threads} threads but only {cores} "
                f"{'core' if cores == 1 else 'cores'} in its resources; lower threads, or name "
                "more cores"
            )
        _require_instruction_set(device, installed, path)
    return board


def _require_instruction_set(device: Device, installed: Backends, path: Path) -> None:
    """Refuse what a person states but would not get; what is not stated is as it is here."""
    stated = device.properties.get(ISA)
    if stated is None:
        return
    present, _ = devices_of(installed.usable[device.backend])
    here = {found.properties[ISA] for found in present if ISA in found.properties}
    if here and stated not in here:
        raise BoardError(
            f"{path}: device {device.name!r} states the instruction set {stated!r}, but "
            f"{', '.join(sorted(here))} is in use here; correct properties.isa, or choose with "
            f"{FORCED_ISA}"
        )
