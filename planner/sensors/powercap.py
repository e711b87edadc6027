"""Energy counters of CPU packages (RAPL) in the powercap tree of sysfs.

A zone has a name (``package-0``, and inside it ``core``, ``uncore``, ``dram``; ``psys`` is the
whole platform), ``energy_uj``, and ``max_energy_range_uj``, after which it begins again at 0
(Linux, Documentation/power/powercap/powercap.rst). Since Linux 5.10 only root may read the
counters. Zones of ``intel-rapl-mmio`` are the packages once more, read by another way.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bnnplan.planner.sensors.sensor import (
    COUNTER_RANGE,
    Part,
    Sensor,
    SensorError,
    read_label,
    read_whole,
)

ZONES = "sys/class/powercap"
AGAIN = "intel-rapl-mmio"
MICRO = 1e-6
PARTS = {
    "package": Part.PACKAGE,
    "core": Part.CORES,
    "uncore": Part.GPU,
    "dram": Part.MEMORY,
    "psys": Part.BOARD,
}
"""By the name of a zone, the number after it left out; uncore is the GPU of client chips."""


def powercap_sensors(root: Path) -> Iterator[Sensor]:
    """Every zone below a root, readable or not."""
    for zone in sorted((root / ZONES).glob("*:*")):
        counter = zone / "energy_uj"
        if zone.name.startswith(AGAIN) or not counter.exists():
            continue
        name = read_label(zone / "name")
        yield Sensor(
            f"{zone.name} {name}".strip(),
            PARTS.get(name.partition("-")[0], Part.OTHER),
            (counter,),
            MICRO,
            is_counter=True,
            range=_range(zone / "max_energy_range_uj"),
        )


def _range(path: Path) -> int:
    try:
        return max(1, read_whole(path))
    except SensorError:
        return COUNTER_RANGE
