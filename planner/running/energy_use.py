"""What the sensors of this machine count while something runs."""

from __future__ import annotations

from types import TracebackType

from bnnplan.planner.sensors import Meter, SensorError, sensors


class EnergyUse:
    """Joules by sensor, from entering to leaving the context; sensors that fail are left out.

    Attributes
    ----------
    joules : dict of str to float
        By name of the sensor; empty before the context is left.
    """

    def __init__(self) -> None:
        self.joules: dict[str, float] = {}
        self._meters: dict[str, Meter] = {}

    def __enter__(self) -> EnergyUse:
        for sensor in sensors()[0]:
            meter = Meter([sensor])
            try:
                self._meters[sensor.name] = meter.__enter__()
            except SensorError:
                continue
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for name, meter in self._meters.items():
            try:
                meter.__exit__(None, None, None)
            except SensorError:
                continue
            self.joules[name] = meter.joules
