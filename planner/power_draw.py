"""Measures what devices draw while they are busy, where sensors tell."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import attrs
import numpy as np
from attrs import field, frozen

from bnnplan.backends.interface import Device, Program, Unavailable
from bnnplan.models.converters import as_tuple
from bnnplan.models.errors import BnnplanError, UnsupportedError
from bnnplan.models.graph import Network, Node
from bnnplan.models.layers import BinaryConv2d
from bnnplan.models.tensors import TensorType
from bnnplan.planner.board import Board
from bnnplan.planner.execution.workbench import Workbench
from bnnplan.planner.profiling.oracle import Oracle
from bnnplan.planner.sensors import Meter, Part, Sensor, sensors

SECONDS = 2.0
"""That a device is busy."""
REST = 0.2
"""Seconds after which teams of threads sleep and clocks are down."""
LEAST_SHARE = 0.01
"""Of the idle power: what is added must be more than sensors are off."""
SIZE, CHANNELS = 14, 256
"""Of the layer that a device runs: large enough for all its cores, small enough for its caches."""
DECLARE = "declare it with --power DEVICE=WATTS, or as power_watts in a board file"

Find = Callable[[], tuple[list[Sensor], list[Unavailable]]]

CPU_PARTS = (Part.PACKAGE, Part.CORES, Part.CPU_AND_GPU, Part.BOARD)
GPU_PARTS = (Part.GPU, Part.CPU_AND_GPU, Part.BOARD)
"""What to ask first, and what if there is no such sensor."""
WITH_MEMORY = (Part.PACKAGE, Part.CORES, Part.GPU, Part.CPU_AND_GPU)
"""Parts that do not hold the memory, whose own sensors are then added."""


@frozen
class PowerDraw:
    """What one device draws.

    Parameters
    ----------
    device : str
    idle_watts, busy_watts : float
        Of all that the sensors see, while nothing runs and while the device does.
    sensors : tuple of str
        Their names; what they tell is added up.
    """

    device: str
    idle_watts: float
    busy_watts: float
    sensors: tuple[str, ...] = field(converter=as_tuple)

    @property
    def added_watts(self) -> float:
        """What being busy adds: that of several devices at work can be summed."""
        return self.busy_watts - self.idle_watts


def measure_power(
    board: Board, find: Find = sensors, *, seconds: float = SECONDS
) -> tuple[Board, tuple[PowerDraw, ...], tuple[Unavailable, ...]]:
    """The board with the power that every device draws while it is busy, as sensors tell.

    One device after the other runs a binary convolution on all its threads, in the fastest
    configuration, between two times of rest. Nothing else should run on the machine.

    Parameters
    ----------
    board : Board
        Of this machine.
    find : callable, optional
        Finds the sensors; those of this machine by default.
    seconds : float
        To keep each device busy.

    Returns
    -------
    board : Board
        With `power_watts` of the devices that were measured; of the others as before.
    draws : tuple of PowerDraw
    unavailable : tuple of Unavailable
        Devices whose power is not known, with the reason and what to do.
    """
    found, missing = find()
    draws: dict[str, PowerDraw] = {}
    unavailable: list[Unavailable] = []
    for device in board.devices:
        chosen = sensors_for(device, found)
        if not chosen:
            unavailable.append(Unavailable(device.name, f"{_why(missing)}; {DECLARE}"))
            continue
        try:
            draws[device.name] = _measured(board, device, chosen, seconds)
        except BnnplanError as error:
            unavailable.append(Unavailable(device.name, f"{error}; {DECLARE}"))
    devices = [
        attrs.evolve(device, power_watts=round(draws[device.name].added_watts, 3))
        if device.name in draws
        else device
        for device in board.devices
    ]
    return attrs.evolve(board, devices=devices), tuple(draws.values()), tuple(unavailable)


def sensors_for(device: Device, found: Sequence[Sensor]) -> list[Sensor]:
    """The sensors that together see what a device draws, and as little else as can be."""
    for part in CPU_PARTS if device.kind == "cpu" else GPU_PARTS:
        mine = [sensor for sensor in found if sensor.part is part]
        if mine:
            memory = [s for s in found if s.part is Part.MEMORY] if part in WITH_MEMORY else []
            return mine + memory
    return []


def _why(missing: Sequence[Unavailable]) -> str:
    if missing:
        return "no sensor can be read: " + "; ".join(dict.fromkeys(m.reason for m in missing))
    return "this machine has no power sensor (powercap, hwmon or iio in /sys) that sees it"


def _measured(board: Board, device: Device, chosen: Sequence[Sensor], seconds: float) -> PowerDraw:
    program = _busiest(board, device)
    before = _draw(chosen, lambda: time.sleep(seconds / 2))
    busy = _draw(chosen, lambda: _repeat(program, seconds))
    after = _draw(chosen, lambda: time.sleep(seconds / 2))
    draw = PowerDraw(device.name, (before + after) / 2, busy, [sensor.name for sensor in chosen])
    if draw.added_watts <= LEAST_SHARE * draw.idle_watts:
        raise UnsupportedError(
            f"{', '.join(draw.sensors)} told {draw.busy_watts:.3g} W while it was busy and "
            f"{draw.idle_watts:.3g} W while it was not, so they do not see it"
        )
    return draw


def _draw(chosen: Sequence[Sensor], work: Callable[[], None]) -> float:
    time.sleep(REST)
    with Meter(chosen) as meter:
        work()
    return meter.watts


def _repeat(program: Program, seconds: float) -> None:
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        program.run()


def _busiest(board: Board, device: Device) -> Program:
    """A binary convolution on as many threads as the device has, in its fastest configuration."""
    bench = Workbench(_network(), board.only([device.name]))
    (node,) = bench.network.nodes
    bound = bench.network.bind(node)
    backend = bench.backends[device.name]
    reason = backend.supports(bound, device)
    if reason is not None:
        raise UnsupportedError(f"it runs no binary convolution: {reason}")
    offered = backend.configurations(bound, device)
    most = max(configuration.threads for configuration in offered)
    oracle = Oracle(bench, 0)
    kernels = [
        bench.kernel(node, device.name, configuration)
        for configuration in offered
        if configuration.threads == most
    ]
    fastest = min(kernels, key=lambda kernel: oracle.check_and_time(node, device.name, kernel))
    return backend.link([oracle.step(node, device.name, fastest)])


def _network() -> Network:
    random = np.random.default_rng(0)
    weight = random.choice(np.array([-1, 1], np.int8), (CHANNELS, 3, 3, CHANNELS))
    return Network(
        "busy",
        {"bits": TensorType((SIZE, SIZE, CHANNELS), "bit")},
        [Node("conv", BinaryConv2d(weight=weight, pads=(1, 1, 1, 1)), ["bits"], ["sums"])],
        ["sums"],
    )
