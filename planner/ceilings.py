"""Measures what the devices of a board can do at most."""

from __future__ import annotations

import attrs

from bnnplan.backends.interface import Backend, Ceiling, Device, Unavailable
from bnnplan.backends.registry import Backends, load_backends
from bnnplan.models.errors import BnnplanError
from bnnplan.planner.board import Board
from bnnplan.planner.profile import Profile


def measure_ceilings(
    board: Board, backends: Backends | None = None
) -> tuple[Board, tuple[Unavailable, ...]]:
    """The board, with the ceilings of every device that states none yet.

    Takes about two seconds a device. Devices are measured one after the other.

    Parameters
    ----------
    board : Board
    backends : Backends, optional
        Those installed by default.

    Returns
    -------
    board : Board
    unavailable : tuple of Unavailable
        Devices whose ceilings are not known, with the reason.
    """
    usable = (backends or load_backends()).usable
    devices: list[Device] = []
    unavailable: list[Unavailable] = []
    for device in board.devices:
        found = device.ceilings or _measured(usable.get(device.backend), board, device)
        if isinstance(found, Unavailable):
            unavailable.append(found)
            devices.append(device)
        else:
            devices.append(attrs.evolve(device, ceilings=found))
    return attrs.evolve(board, devices=devices), tuple(unavailable)


def profile_ceilings(profile: Profile, board: Board) -> tuple[Profile, tuple[Unavailable, ...]]:
    """The profile with ceilings: as :func:`keep_stated` finds them, else measured.

    Parameters
    ----------
    profile : Profile
    board : Board
        The same one, as a person gave it.

    Returns
    -------
    profile : Profile
    unavailable : tuple of Unavailable
        Devices whose ceilings are not known, with the reason.
    """
    known, unavailable = measure_ceilings(keep_stated(profile, board).board)
    return attrs.evolve(profile, board=known), unavailable


def keep_stated(profile: Profile, board: Board) -> Profile:
    """The profile with the power that `board` states, and its ceilings; else with its own ones.

    Boards that differ in these alone share a kept profile. Power is declared, so that of another
    board says nothing; ceilings are measured, and hold for every board that states none.

    Parameters
    ----------
    profile : Profile
    board : Board
        The same one, as a person gave it.
    """
    stated = {device.name: device for device in board.devices}
    devices = []
    for device in profile.board.devices:
        same = stated.get(device.name, device)
        devices.append(
            attrs.evolve(
                device,
                ceilings=same.ceilings or device.ceilings,
                power_watts=same.power_watts,
            )
        )
    return attrs.evolve(profile, board=attrs.evolve(profile.board, devices=devices))


def _measured(
    backend: Backend | None, board: Board, device: Device
) -> tuple[Ceiling, ...] | Unavailable:
    if backend is None:
        return Unavailable(device.name, f"backend {device.backend} is not installed")
    try:
        found = backend.ceilings(device)
        if not isinstance(found, Unavailable):
            Board(board.name, [attrs.evolve(device, ceilings=found)])
    except Exception as error:
        # A fault of a plugin, of whatever kind, costs the figures of its own device.
        reason = str(error) if isinstance(error, BnnplanError) else repr(error)
        return Unavailable(device.name, reason)
    return found
