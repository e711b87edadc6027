"""Where boards come from: what is detected, or read from files, and what cannot be used here.

A board is detected on the machine we run on, or read from a file, which a person may edit: to
leave a device out, to split a cluster into several devices, to lower a capacity.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from pathlib import Path

from attrs import frozen

from bnnplan.backends.interface import Device, Unavailable
from bnnplan.backends.registry import Backends, devices_of, load_backends
from bnnplan.models.files import Migrations, converter, read_json, structure, write_json
from bnnplan.planner.board_parts import (
    CORE,
    MOST_THREADS,
    MOST_WATTS,
    USER,
    Board,
    BoardError,
    Link,
)
from bnnplan.planner.gpus import idle_gpus

__all__ = [
    "CORE",
    "FORCED_ISA",
    "ISA",
    "MIGRATIONS",
    "MOST_THREADS",
    "MOST_WATTS",
    "ORACLES",
    "SCHEMA",
    "USER",
    "VERSION",
    "Board",
    "BoardError",
    "Detection",
    "Link",
    "detect_board",
    "dumped_board",
    "hwloc_board",
    "load_board",
    "save_board",
]

SCHEMA = "bnnplan.board"
VERSION = 3
MIGRATIONS: Migrations = {1: lambda content: content, 2: lambda content: content}
"""Version 2 added devices[].ceilings, version 3 devices[].power_watts, which may be missing."""


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
