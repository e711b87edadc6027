"""Power that Jetson boards tell through industrial I/O, as NVIDIA's kernels before 5.10 do.

Their driver ``ina3221x`` gives three rails a chip, named ``rail_name_N``, with
``in_powerN_input`` in milliwatts (Jetson Linux Developer Guide, release 32: power monitors).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bnnplan.planner.sensors.rails import part_of
from bnnplan.planner.sensors.sensor import Sensor, read_label

DEVICES = "sys/bus/iio/devices"
MILLI = 1e-3


def iio_sensors(root: Path) -> Iterator[Sensor]:
    """Every named rail below a root, readable or not."""
    for device in sorted((root / DEVICES).glob("iio:device*")):
        for path in sorted(device.glob("in_power[0-9]*_input")):
            number = path.name.removeprefix("in_power").removesuffix("_input")
            label = read_label(device / f"rail_name_{number}")
            # NVIDIA marks channels that nothing is connected to with NC.
            if label and label != "NC":
                name = f"{device.name} {label}"
                yield Sensor(name, part_of(label), (path,), MILLI, is_counter=False)
