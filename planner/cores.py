"""Parts of clusters: any cores of a cluster are a device of their own, such as ``cpu0:2-3``.

A profile is of whole clusters, in configurations of one to all threads. A layer that runs with two
threads keeps two cores busy; which two does not matter, since the cores of a cluster are equal. So
all that was measured holds on every part of the cluster with enough cores, and nothing is measured
again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache

import attrs

from bnnplan.backends.interface import Device
from bnnplan.backends.registry import load_backends
from bnnplan.planner.board import CORE, Board
from bnnplan.planner.profile import LaunchCost, LayerCosts, PlacementCost, Profile

OF = ":"
"""What stands between the name of a cluster and its cores."""
_RANGE = re.compile(r"\d{1,9}(-\d{1,9})?")


def blocks(cores: Sequence[int]) -> list[tuple[int, ...]]:
    """Parts of a cluster that suffice to lay out any parts of such sizes that fit in it together.

    There are blocks of 1 to 4 cores, of every larger power of two, and of all cores. Those of a
    power of two begin at multiples of their size, those of three cores end at multiples of three
    from the last core. Any sizes whose sum is at most the number of cores can be laid out: powers
    of two from the first core on, the largest first, so that each begins at a multiple of all
    sizes to come; threes from the last core back.

    Parameters
    ----------
    cores : sequence of int
        Different ones.

    Returns
    -------
    list of tuple of int
        Each ascending; the smallest first, then by their first core.
    """
    known = sorted(cores)
    count = len(known)
    powers = [1 << exponent for exponent in range(count.bit_length())]
    found = {tuple(known[at : at + s]) for s in powers for at in range(0, count - s + 1, s)}
    found |= {tuple(known[end - 3 : end]) for end in range(count, 2, -3)}
    found |= {tuple(known)} if known else set()
    return sorted(found, key=lambda block: (len(block), block))


def lay_out(cores: Sequence[int], sizes: Sequence[int]) -> list[tuple[int, ...]]:
    """Disjoint parts of a cluster of some sizes, in the order of the sizes.

    They are blocks where all sizes are those of blocks (see :func:`blocks`).

    Raises
    ------
    ValueError
        If there are not enough cores.
    """
    known = sorted(cores)
    if sum(sizes) > len(known):
        raise ValueError(f"{len(known)} cores are too few for parts of {list(sizes)}")
    found: list[tuple[int, ...]] = [()] * len(sizes)
    first, last = 0, len(known)
    for number in sorted(range(len(sizes)), key=lambda one: -sizes[one]):
        size = sizes[number]
        if size == 3 and len(known) > 3:
            found[number], last = tuple(known[last - 3 : last]), last - 3
        else:
            found[number], first = tuple(known[first : first + size]), first + size
    return found


def cluster_of(device: str) -> str:
    """The name of the cluster that a device is, or is part of."""
    return device.partition(OF)[0]


def covers(wanted: str, device: str) -> bool:
    """Whether a device is what a name stands for: the device, or all parts of a cluster."""
    return wanted in (device, cluster_of(device))


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
    ranges: list[list[int]] = []
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


def named_part(board: Board, name: str) -> Device | None:
    """The part of a cluster that a name such as ``cpu0:2`` is that of; None if there is no such."""
    cluster = next((one for one in board.devices if one.name == cluster_of(name)), None)
    named = name.partition(OF)[2].split(",")
    if cluster is None or not all(_RANGE.fullmatch(text) for text in named):
        return None
    cores = cores_of(cluster)
    ends = [[int(end) for end in text.split("-")] for text in named]
    wanted = {core for core in cores if any(one[0] <= core <= one[-1] for one in ends)}
    found = part_of(cluster, tuple(wanted)) if wanted else None
    return found if found is not None and found.name == name else None


def by_cores(profile: Profile) -> Profile:
    """The profile on a board whose clusters are also offered as parts.

    Every placement of so many threads is offered on every block (see :func:`blocks`) of at least
    as many cores, and so is what starting it costs.
    """
    devices = []
    for device in profile.board.devices:
        devices.append(device)
        cores = cores_of(device)
        devices += [part_of(device, block) for block in blocks(cores) if len(block) < len(cores)]
    return on_devices(profile, devices)


def on_devices(profile: Profile, devices: Sequence[Device]) -> Profile:
    """The profile on a board of some of its devices, and parts of its clusters.

    Parameters
    ----------
    profile : Profile
    devices : sequence of Device
        Of the profile's board, or as given by :func:`part_of` for clusters there.
    """
    spaces = {device.space.name for device in devices}
    links = [x for x in profile.board.links if x.source in spaces and x.target in spaces]
    known = {device.name for device in profile.board.devices}
    homes = {
        device.name: device.name if device.name in known else cluster_of(device.name)
        for device in devices
    }
    return attrs.evolve(
        profile,
        board=attrs.evolve(profile.board, devices=tuple(devices), links=tuple(links)),
        layers={name: _on(costs, devices, homes, known) for name, costs in profile.layers.items()},
        launches=list(_launches(profile, homes)),
    )


def _on(
    costs: LayerCosts, devices: Sequence[Device], homes: dict[str, str], known: set[str]
) -> LayerCosts:
    mine: dict[str, list[PlacementCost]] = {}
    for cost in costs.placements:
        mine.setdefault(cost.device, []).append(cost)
    placements = [
        cost if device.name == cost.device else attrs.evolve(cost, device=device.name)
        for device in devices
        for cost in mine.get(homes[device.name], ())
        if device.name in known or cost.configuration.threads <= device.threads
    ]
    return attrs.evolve(costs, placements=placements)


def _launches(profile: Profile, homes: dict[str, str]) -> Iterator[LaunchCost]:
    inside: dict[str, list[str]] = {}
    for name, home in homes.items():
        inside.setdefault(home, []).append(name)
    for cost in profile.launches:
        for name in inside.get(cost.device, ()):
            # What ran before may be a part as well, or something that is no device.
            for source in inside.get(cost.source, (cost.source,)):
                yield attrs.evolve(cost, device=name, source=source)
