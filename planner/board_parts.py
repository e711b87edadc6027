"""What a board is: devices that can run layers, the memory spaces they use, links between these."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

import attrs
from attrs import field, frozen

from bnnplan.backends.interface import Ceiling, Device, MemorySpace
from bnnplan.models.converters import as_tuple
from bnnplan.models.errors import BnnplanError
from bnnplan.models.files import converter

MOST_THREADS = 4096
"""Of one device: more is a mistake, and would be more than a machine can start."""
MOST_RATE = 1e24
"""Of work a second: far beyond any device, and far from where floats end."""
MOST_WATTS = 1e6
"""Of a device: more than any rack draws."""
MOST_BYTES = 2**53 - 1
"""Of a memory space; solvers count in whole numbers that floats hold exactly."""
USER = "user"
"""Where a caller's arrays are, as an end of transfers: no device and no space has this name."""
CORE = "core:"
"""How the resources that are cores begin."""


class BoardError(BnnplanError):
    """A board that cannot be: duplicate names, unknown backends, negative figures."""


@frozen
class Link:
    """A connection between two memory spaces, where its figures are declared, not measured.

    Parameters
    ----------
    source, target : str
        Names of memory spaces.
    bandwidth : float
        Bytes per second, above 0.
    latency : float
        Seconds, at least 0.
    """

    source: str
    target: str
    bandwidth: float
    latency: float = 0.0

    def __attrs_post_init__(self) -> None:
        where = f"link {self.source} → {self.target}"
        if not 0 < self.bandwidth < float("inf"):
            raise BoardError(f"{where}: bandwidth must be above 0 bytes/s, not {self.bandwidth}")
        if not 0 <= self.latency < float("inf"):
            raise BoardError(f"{where}: latency must be at least 0 s, not {self.latency}")


@frozen
class Board:
    """Devices, the spaces they use, and declared links.

    Parameters
    ----------
    name : str
    devices : tuple of Device
        At least one; names are unique.
    links : tuple of Link
    """

    name: str
    devices: tuple[Device, ...] = field(converter=as_tuple)
    links: tuple[Link, ...] = field(default=(), converter=as_tuple)

    def __attrs_post_init__(self) -> None:
        if not self.devices:
            raise BoardError(f"board {self.name!r} has no devices")
        names = [device.name for device in self.devices]
        for name in names:
            if names.count(name) > 1:
                raise BoardError(f"board {self.name!r} names device {name!r} twice")
        for device in self.devices:
            _check_device(self.name, device)
        capacities: dict[str, int | None] = {}
        for device in self.devices:
            space = device.space
            if capacities.setdefault(space.name, space.capacity) != space.capacity:
                raise BoardError(
                    f"board {self.name!r} states two capacities of space {space.name!r}"
                )
        for link in self.links:
            for name in (link.source, link.target):
                if name not in capacities:
                    raise BoardError(f"board {self.name!r}: link to unknown space {name!r}")

    @property
    def spaces(self) -> tuple[MemorySpace, ...]:
        """Every memory space once."""
        return tuple(dict.fromkeys(device.space for device in self.devices))

    def device(self, name: str) -> Device:
        """The device of a name.

        Raises
        ------
        BoardError
            If there is none; the message lists those that there are.
        """
        for device in self.devices:
            if device.name == name:
                return device
        known = ", ".join(device.name for device in self.devices)
        raise BoardError(f"board {self.name!r} has no device {name!r}; it has {known}")

    def only(self, names: Iterable[str]) -> Board:
        """The same board with some of its devices."""
        return attrs.evolve(self, devices=tuple(self.device(name) for name in names))

    @property
    def bare(self) -> Board:
        """The same board, as if neither ceilings nor power were known."""
        devices = [attrs.evolve(d, ceilings=(), power_watts=None) for d in self.devices]
        return attrs.evolve(self, devices=devices)

    @property
    def fingerprint(self) -> str:
        """SHA-256 over all but name, ceilings and power: what a profile depends on."""
        content = converter().unstructure(attrs.evolve(self.bare, name=""))
        for device in content["devices"]:
            # Profiles are kept from before boards had it.
            del device["power_watts"]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _check_device(board: str, device: Device) -> None:
    where = f"board {board!r}, device {device.name!r}"
    for what, name in (("device", device.name), ("space", device.space.name)):
        if not name or name == USER:
            raise BoardError(f"{where}: a {what} cannot be called {name!r}")
    if not 1 <= device.threads <= MOST_THREADS:
        raise BoardError(f"{where}: threads must be from 1 to {MOST_THREADS}, not {device.threads}")
    capacity = device.space.capacity
    if capacity is not None and not 0 <= capacity <= MOST_BYTES:
        raise BoardError(
            f"{where}: capacity of space {device.space.name!r} is negative or above {MOST_BYTES}"
        )
    power = device.power_watts
    if power is not None and not 0 < power <= MOST_WATTS:
        raise BoardError(
            f"{where}: power_watts must be above 0 and at most {MOST_WATTS:g}, not {power:g}"
        )
    for ceiling in device.ceilings:
        fault = _ceiling_fault(ceiling)
        if fault:
            raise BoardError(f"{where}: ceiling {ceiling.name!r}: {fault}")


def _ceiling_fault(ceiling: Ceiling) -> str:
    """What is wrong with a ceiling; empty if nothing is."""
    if not 1 <= ceiling.rate <= MOST_RATE:
        return f"the rate must be from 1 to {MOST_RATE:g} a second, not {ceiling.rate:g}"
    if not 1 <= ceiling.threads <= MOST_THREADS:
        return f"threads must be from 1 to {MOST_THREADS}, not {ceiling.threads}"
    if ceiling.capacity is not None and not 0 < ceiling.capacity <= MOST_BYTES:
        return f"the capacity must be from 1 to {MOST_BYTES} bytes, not {ceiling.capacity}"
    return ""
