"""Parts of clusters: any cores of a cluster are a device of their own, such as ``cpu0:2-3``."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import attrs

from bnnplan.backends.interface import Device
from bnnplan.backends.registry import load_backends
from bnnplan.planner.board import CORE

OF = ":"
"""What stands between the name of a cluster and its cores."""


def cluster_of(device: str) -> str:
    """The name of the cluster that a device is, or is part of."""
    return device.partition(OF)[0]


def cores_of(device: Device) -> tuple[int, ...]:
    """The cores of a cluster that can be divided, ascending; () for other devices."""
    if not _is_divisible(device.backend) or device.threads != len(device.resources):
        return ()
    numbers = [name.removeprefix(CORE) for name in device.resources]
    return tuple(sorted(map(int, numbers))) if all(map(str.isdecimal, numbers)) else ()


@cache
def _is_divisible(backend: str) -> bool:
    """Whether a backend runs on just the cores of its devices; cached, since it has to be made."""
    made = load_backends().usable.get(backend)
    return made is not None and made.divisible


def part_of(device: Device, cores: Sequence[int]) -> Device:
    """Some cores of a cluster as a device; the cluster itself if these are all.

    What the cluster draws is divided evenly over its cores.
    """
    if len(cores) == len(device.resources):
        return device
    ranges = []
    for core in sorted(cores):
        if ranges and core == ranges[-1][1] + 1:
            ranges[-1][1] = core
        else:
            ranges.append([core, core])
    power = device.power_watts
    named = ",".join(f"{low}" if low == high else f"{low}-{high}" for low, high in ranges)
    return attrs.evolve(
        device,
        name=f"{device.name}{OF}{named}",
        description=f"{named} of {device.description}",
        resources=frozenset(f"{CORE}{core}" for core in cores),
        threads=len(cores),
        ceilings=(),
        power_watts=power and power * len(cores) / len(device.resources),
    )
