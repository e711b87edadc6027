"""``bnnplan devices``: what this machine can run layers on, and what it cannot, and why."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import attrs
import typer

from bnnplan.backends.interface import Device, Unavailable
from bnnplan.models.files import converter
from bnnplan.planner.board import (
    ISA,
    ORACLES,
    Detection,
    detect_board,
    dumped_board,
    hwloc_board,
    save_board,
)
from bnnplan.planner.ceilings import measure_ceilings
from bnnplan.planner.cli.common import (
    Json,
    console,
    print_json,
    progress_bar,
    refuse_overwriting,
    require_writable,
    table,
)
from bnnplan.planner.report.ceilings import ceiling_table
from bnnplan.planner.report.power_text import power_lines, power_table
from bnnplan.planner.report.units import size

if TYPE_CHECKING:
    from bnnplan.planner.power_draw import PowerDraw


def devices(
    json: Json = False,
    root: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Read the clusters from a copy of a board's /sys."),
    ] = None,
    hwloc: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Read the clusters from a board's 'lstopo FILE.xml'."),
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
    power: Annotated[
        bool,
        typer.Option(
            "--power",
            help="Measure what each device draws while it is busy, where sensors tell (RAPL, "
            "hwmon, INA3221), in about 5 seconds each, and keep it in the board file.",
        ),
    ] = False,
) -> None:
    """List the devices of this machine, with the reason where one is unavailable."""
    require_writable(output)
    refuse_overwriting(output, hwloc)
    _require_here(root, hwloc, peak=peak, power=power)
    elsewhere = dumped_board(root) if root else hwloc_board(hwloc) if hwloc else None
    found = Detection(elsewhere, ()) if elsewhere else detect_board(oracles=True)
    unknown: tuple[Unavailable, ...] = ()
    draws: tuple[PowerDraw, ...] = ()
    unpowered: tuple[Unavailable, ...] = ()
    if peak:
        with progress_bar("measuring ceilings", enabled=not json):
            board, unknown = measure_ceilings(found.board)
        found = attrs.evolve(found, board=board)
    if power:
        from bnnplan.planner.power_draw import measure_power

        with progress_bar("measuring power", enabled=not json):
            board, draws, unpowered = measure_power(found.board)
        found = attrs.evolve(found, board=board)
    if output is not None:
        planned = elsewhere or detect_board().board
        save_board(found.board.only(device.name for device in planned.devices), output)
    if json:
        document = converter().unstructure(found)
        if peak:
            document["no_ceilings"] = converter().unstructure(unknown)
        if power:
            document["power"] = converter().unstructure(draws)
            document["no_power"] = converter().unstructure(unpowered)
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
    if draws:
        console.print(power_table(draws))
    for line in power_lines(unpowered):
        console.print(line)
    if output is not None:
        left_out = [d.name for d in found.board.devices if d.backend in ORACLES]
        note = f" without {', '.join(left_out)}, planned with only if named" if left_out else ""
        console.print(f"board written to {output}{note}")


def _require_here(root: Path | None, hwloc: Path | None, *, peak: bool, power: bool) -> None:
    """Raise typer.BadParameter where a board that is not here would be measured, or two are."""
    if root and hwloc:
        raise typer.BadParameter("--root and --hwloc both describe a board; give one of them")
    if (root or hwloc) and (peak or power):
        option, source = "--peak" if peak else "--power", "--root" if root else "--hwloc"
        raise typer.BadParameter(
            f"{option} measures this machine, {source} reads a copy of another's"
        )


def _power(device: Device) -> str:
    return "–" if device.power_watts is None else f"{device.power_watts:g} W"


def _what(device: Device) -> str:
    """The description, and the instruction set of kernels where there are several."""
    return ", ".join(filter(None, (device.description, device.properties.get(ISA))))
