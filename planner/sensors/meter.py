"""Adds up what sensors tell while something runs."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from types import TracebackType

from bnnplan.planner.sensors.sensor import Sensor, SensorError

PERIOD = 0.02
"""Seconds between readings: counters begin again after minutes, chips average over milliseconds."""


class Meter:
    """Reads sensors in a thread of its own, from entering to leaving the context.

    Counters count exactly, but for the last update of each; readings of power are joined by
    straight lines.

    Parameters
    ----------
    sensors : sequence of Sensor
    period : float
        Seconds between readings.

    Attributes
    ----------
    joules : float
        Of all sensors together.
    seconds : float
        Between the first reading and the last.
    """

    def __init__(self, sensors: Sequence[Sensor], period: float = PERIOD) -> None:
        self.joules = 0.0
        self.seconds = 0.0
        self._sensors = tuple(sensors)
        self._period = period
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="bnnplan-meter", daemon=True)
        self._failure: SensorError | None = None
        self._time = 0.0
        self._values: list[int] = []

    @property
    def watts(self) -> float:
        """Mean power of all sensors together."""
        return self.joules / self.seconds if self.seconds else 0.0

    def __enter__(self) -> Meter:
        self._time = time.perf_counter()
        self._values = [sensor.read() for sensor in self._sensors]
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()
        if kind is None:
            if self._failure is None:
                self._read()
            if self._failure is not None:
                raise self._failure

    def _follow(self) -> None:
        while not self._stop.wait(self._period) and self._failure is None:
            self._read()

    def _read(self) -> None:
        now = time.perf_counter()
        try:
            values = [sensor.read() for sensor in self._sensors]
        except SensorError as error:
            self._failure = error
            return
        seconds = now - self._time
        for sensor, before, after in zip(self._sensors, self._values, values, strict=True):
            self.joules += sensor.energy(before, after, seconds)
        self.seconds += seconds
        self._time, self._values = now, values
