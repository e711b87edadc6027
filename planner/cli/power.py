"""``--power DEVICE=WATTS``: what devices draw while they are busy, where no board states it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import attrs
import typer

from bnnplan.planner.board import MOST_WATTS, Board
from bnnplan.planner.cli.quantities import watts
from bnnplan.planner.request import require_known


def powers_of(texts: Iterable[str]) -> dict[str, float]:
    """The watts of devices, by name.

    Raises
    ------
    typer.BadParameter
        If one is malformed, impossible, or given twice.
    """
    found: dict[str, float] = {}
    for text in texts:
        device, sign, amount = text.rpartition("=")
        device = device.strip()
        if not sign or not device or not amount.strip():
            raise typer.BadParameter(
                f"--power {text or repr(text)}: must be DEVICE=WATTS, such as cpu0=5"
            )
        if device in found:
            raise typer.BadParameter(f"--power of {device!r} is given twice")
        found[device] = watts("--power", amount)
        if not 0 < found[device] <= MOST_WATTS:
            raise typer.BadParameter(
                f"--power {text}: must be above 0 W and at most {MOST_WATTS:g} W"
            )
    return found


def with_power(board: Board, powers: Mapping[str, float]) -> Board:
    """The board whose devices draw these watts while they are busy; the others as it states.

    Raises
    ------
    RequestError
        If it has no device of a name.
    """
    for name in powers:
        require_known("device", name, [device.name for device in board.devices])
    return attrs.evolve(
        board,
        devices=[
            attrs.evolve(device, power_watts=powers.get(device.name, device.power_watts))
            for device in board.devices
        ],
    )
