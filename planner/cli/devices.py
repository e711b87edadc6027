"""``bnnplan devices``: what this machine can run layers on, and what it cannot, and why."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import attrs
import typer

from bnnplan.backends.interface import Device, Unavailable
from bnnplan.models.files import converter
from bnnplan.planner.board import ISA, ORACLES, Detection, detect_board, dumped_board, save_board
from bnnplan.planner.ceilings import measure_ceilings
from bnnplan.planner.cli.common import (
    Json,
    console,
    print_json,
    progress_bar,
    require_writable,
    table,
)
from bnnplan.planner.report.ceilings import ceiling_table
from bnnplan.planner.report.units import size


def devices(
    json: Json = False,
    root: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Read the clusters from a copy of a board's /sys."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the board to a file.")
    ] = None,
    peak: Annotated[
        bool,
        typer.Option(
            "--peak",
            help="Measure what each device can do at most (products of bits, bytes and floats, "
            "speed of caches and memory), in about 2 seconds each, and keep it in the board file.",
        ),
    ] = False,
) -> None:
    """List the devices of this machine, with the reason where one is unavailable."""
    require_writable(output)
    if peak and root:
        raise typer.BadParameter("--peak measures this machine, --root reads a copy of another's")
    found = Detection(dumped_board(root), ()) if root else detect_board(oracles=True)
    unknown: tuple[Unavailable, ...] = ()
    if peak:
        with progress_bar("measuring ceilings", enabled=not json):
            board, unknown = measure_ceilings(found.board)
        found = attrs.evolve(found, board=board)
    if output is not None:
        planned = found.board if root else detect_board().board
        save_board(found.board.only(device.name for device in planned.devices), output)
    if json:
        document = converter().unstructure(found)
        if peak:
            document["no_ceilings"] = converter().unstructure(unknown)
        print_json("bnnplan.devices", document)
        return
    has_power = any(device.power_watts is not None for device in found.board.devices)
    rows = table(
        "device",
        "backend",
        "what",
        "space",
        "occupies",
        "threads",
        "memory",
        *(["power"] if has_power else []),
        left=5,
        optional=("backend", "threads", "space"),
        wrapped="what",
    )
    for device in found.board.devices:
        capacity = device.space.capacity
        rows.add_row(
            device.name,
            device.backend,
            _what(device),
            device.space.name,
            " ".join(sorted(device.resources)),
            str(device.threads),
            "?" if capacity is None else size(capacity),
            *([_power(device)] if has_power else []),
        )
    console.print(rows)
    for missing in found.unavailable:
        console.print(f"unavailable: {missing.name}: {missing.reason}")
    if peak:
        console.print(ceiling_table(found.board.devices))
        for missing in unknown:
            console.print(f"no ceilings: {missing.name}: {missing.reason}")
    if output is not None:
        left_out = [d.name for d in found.board.devices if d.backend in ORACLES]
        note = f" without {', '.join(left_out)}, planned with only if named" if left_out else ""
        console.print(f"board written to {output}{note}")


def _power(device: Device) -> str:
    return "–" if device.power_watts is None else f"{device.power_watts:g} W"


def _what(device: Device) -> str:
    """The description, and the instruction set of kernels where there are several."""
    return ", ".join(filter(None, (device.description, device.properties.get(ISA))))
