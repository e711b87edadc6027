"""What devices were measured to draw, as text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from bnnplan.backends.interface import Unavailable
from bnnplan.planner.report.tables import Rows

if TYPE_CHECKING:
    from bnnplan.planner.power_draw import PowerDraw


def power_table(draws: Iterable[PowerDraw]) -> Rows:
    """One line a device: idle, busy, and what being busy adds, which is its power in plans."""
    rows = Rows("power of", "sensors", "idle", "busy", "added", left=2)
    for draw in draws:
        rows.add_row(
            draw.device,
            ", ".join(draw.sensors),
            f"{draw.idle_watts:.3g} W",
            f"{draw.busy_watts:.3g} W",
            f"{draw.added_watts:.3g} W",
        )
    return rows


def power_lines(unknown: Iterable[Unavailable]) -> Iterator[str]:
    """One line a reason, with all devices that it holds for."""
    devices: dict[str, list[str]] = {}
    for missing in unknown:
        devices.setdefault(missing.reason, []).append(missing.name)
    for reason, names in devices.items():
        yield f"no power: {', '.join(names)}: {reason}"
