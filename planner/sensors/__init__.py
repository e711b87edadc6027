"""Energy and power sensors of a machine, read from Linux sysfs below any root."""

from __future__ import annotations

from pathlib import Path

from bnnplan.backends.interface import Unavailable
from bnnplan.planner.sensors.hwmon import hwmon_sensors
from bnnplan.planner.sensors.iio import iio_sensors
from bnnplan.planner.sensors.meter import Meter
from bnnplan.planner.sensors.powercap import powercap_sensors
from bnnplan.planner.sensors.sensor import Part, Sensor, SensorError

__all__ = ["Meter", "Part", "Sensor", "SensorError", "sensors"]


def sensors(root: Path = Path("/")) -> tuple[list[Sensor], list[Unavailable]]:
    """Sensors that can be read now, and those that are there but cannot, with the reason.

    Parameters
    ----------
    root : Path
        Folder with ``sys``.
    """
    found: list[Sensor] = []
    unavailable: list[Unavailable] = []
    for kind in (powercap_sensors(root), hwmon_sensors(root), iio_sensors(root)):
        for sensor in kind:
            try:
                sensor.read()
            except SensorError as error:
                unavailable.append(Unavailable(sensor.name, str(error)))
            else:
                found.append(sensor)
    return found, unavailable
