"""Power and energy that chips on a board tell through hwmon.

``energyN_input`` counts microjoules, ``powerN_input`` (or ``powerN_average``) reads microwatts.
An INA3221 tells millivolts and milliamperes of three rails, ``inN_input`` and ``currN_input``,
whose product is the power (Linux, Documentation/hwmon/sysfs-interface.rst and ina3221.rst); other
chips number voltages and currents without such a meaning.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bnnplan.planner.sensors.rails import part_of
from bnnplan.planner.sensors.sensor import Part, Sensor, read_label

CHIPS = "sys/class/hwmon"
MICRO = 1e-6
PAIRED = {"ina3221": (1, 2, 3)}
"""Chips whose voltage and current of one number are of one rail, and these numbers."""
GPUS = ("amdgpu", "radeon", "nouveau", "xe", "i915")
"""Drivers of GPUs, whose sensors tell of nothing else."""
CORES = ("amd_energy", "zenpower", "fam15h_power")
"""Drivers that tell of CPUs."""
SUPPLIES = ("BAT", "AC", "ADP", "ucsi_")
"""Beginnings of the names of batteries and chargers, which tell what flows to the battery too."""


def hwmon_sensors(root: Path) -> Iterator[Sensor]:
    """Every sensor of power or energy of every chip below a root, readable or not."""
    for chip in sorted((root / CHIPS).glob("hwmon*")):
        # Old drivers have their files in the device's folder.
        folder = chip if (chip / "name").exists() else chip / "device"
        driver = read_label(folder / "name")
        if not driver.startswith(SUPPLIES):
            yield from _chip(folder, f"{chip.name} {driver}".strip(), driver)


def _chip(folder: Path, where: str, driver: str) -> Iterator[Sensor]:
    for path in sorted(folder.glob("energy[0-9]*_input")):
        yield _sensor(path, where, driver, is_counter=True)
    powers = sorted(folder.glob("power[0-9]*_input"))
    known = {path.name.partition("_")[0] for path in powers}
    averages = sorted(folder.glob("power[0-9]*_average"))
    for path in [*powers, *(p for p in averages if p.name.partition("_")[0] not in known)]:
        yield _sensor(path, where, driver, is_counter=False)
    for number in PAIRED.get(driver, ()):
        files = folder / f"in{number}_input", folder / f"curr{number}_input"
        enabled = read_label(folder / f"in{number}_enable") != "0"
        if enabled and all(path.exists() for path in files) and f"power{number}" not in known:
            label = read_label(folder / f"in{number}_label") or f"rail {number}"
            yield Sensor(f"{where} {label}", part_of(label), files, MICRO, is_counter=False)


def _sensor(path: Path, where: str, driver: str, *, is_counter: bool) -> Sensor:
    kind = path.name.partition("_")[0]
    label = read_label(path.with_name(f"{kind}_label")) or kind
    part = part_of(label)
    if driver in GPUS:
        part = Part.GPU
    elif driver in CORES:
        part = Part.PACKAGE if "socket" in label.lower() or label == kind else part
    return Sensor(f"{where} {label}", part, (path,), MICRO, is_counter=is_counter)
