"""Clusters of equal cores and memory sizes, read from a Linux sysfs tree below any root.

A dump of another board's `/sys` and `/proc` reads the same as the board itself. Two cores are
equal if they are of one type and their speeds (the kernel's `cpu_capacity`, else the maximal
frequency) differ by less than a tenth: favoured cores of desktop chips stay with their siblings,
the prime core of a phone stands alone. Of cores that run several hardware threads only the first
thread counts. Sockets and NUMA nodes do not divide a cluster.
"""

from __future__ import annotations

import os
from pathlib import Path

from attrs import frozen

from bnnplan.backends.cpu.core_names import core_names
from bnnplan.backends.cpu.sysfs import read_list, read_number, read_size, read_text
from bnnplan.models.errors import FileError

CPUS = "sys/devices/system/cpu"
HYBRID = ("cpu_core", "cpu_atom")
"""Performance-monitoring units whose `cpus` file lists the core types of hybrid x86 chips."""
EQUAL_SPEED = 0.9


@frozen
class Cache:
    """A cache that a core of the cluster uses.

    Parameters
    ----------
    level : int
    kind : str
        ``data``, ``instruction`` or ``unified``.
    size : int
        Bytes.
    cores : tuple of int
        Cores of the cluster that share it with the first one.
    """

    level: int
    kind: str
    size: int
    cores: tuple[int, ...]


@frozen
class Cluster:
    """Equal cores.

    Parameters
    ----------
    name : str
        cpu0 for the fastest cluster, then cpu1 and so on.
    cores : tuple of int
        Numbers of the cores as the operating system counts them.
    capacity : int or None
        Speed relative to the fastest core of the board, which has 1024.
    max_frequency_khz : int or None
    caches : tuple of Cache
        Those of the first core, by level.
    description : str
        What a person calls it, such as ``4 × Cortex-A73 at 2.21 GHz``.
    """

    name: str
    cores: tuple[int, ...]
    capacity: int | None
    max_frequency_khz: int | None
    caches: tuple[Cache, ...]
    description: str


@frozen
class _Core:
    number: int
    type: str
    model: str
    capacity: int | None
    frequency: int | None

    @property
    def speed(self) -> tuple[int, int]:
        return self.capacity or 0, self.frequency or 0


def clusters(root: Path = Path("/")) -> list[Cluster]:
    """Clusters of equal cores, the fastest first.

    Parameters
    ----------
    root : Path
        Folder with ``sys`` and ``proc``. For ``/`` only cores that this process may use count.

    Raises
    ------
    FileError
        If a file of the tree holds something else than it should, or there are no cores.
    """
    online = _online(root)
    if root == Path("/"):
        allowed = os.sched_getaffinity(0)
        online = [core for core in online if core in allowed] or sorted(allowed)
    if not online:
        raise FileError(f"{root / CPUS}: no core is online; give the root of a sysfs tree")
    firsts = _first_threads(root, online)
    models, types = core_names(root), _hybrid_types(root)
    cores = [
        _Core(
            number,
            types.get(number, ""),
            models.get(number, ""),
            read_number(root / CPUS / f"cpu{number}" / "cpu_capacity"),
            read_number(root / CPUS / f"cpu{number}" / "cpufreq" / "cpuinfo_max_freq"),
        )
        for number in firsts
    ]
    groups = sorted(
        _groups(cores), key=lambda group: (-group[0].speed[0], -group[0].speed[1], group[0].number)
    )
    return [_cluster(root, f"cpu{i}", group) for i, group in enumerate(groups)]


def _groups(cores: list[_Core]) -> list[list[_Core]]:
    """Cores of one type, from fast to slow, cut wherever one is slower than the group's first."""
    groups: list[list[_Core]] = []
    for core in sorted(cores, key=lambda c: (c.type, c.model, -c.speed[0], -c.speed[1], c.number)):
        first = groups[-1][0] if groups else None
        alike = first is not None and (first.type, first.model) == (core.type, core.model)
        if first is not None and alike and _equal_speed(first, core):
            groups[-1].append(core)
        else:
            groups.append([core])
    return groups


def _equal_speed(fast: _Core, slow: _Core) -> bool:
    return all(b >= EQUAL_SPEED * a for a, b in zip(fast.speed, slow.speed, strict=True))


def _cluster(root: Path, name: str, group: list[_Core]) -> Cluster:
    first = group[0]
    numbers = tuple(sorted(core.number for core in group))
    clock = f" at {first.frequency / 1e6:.2f} GHz" if first.frequency else ""
    return Cluster(
        name,
        numbers,
        first.capacity,
        first.frequency,
        _caches(root, numbers),
        f"{len(numbers)} × {first.model or 'core'}{clock}",
    )


def _caches(root: Path, cores: tuple[int, ...]) -> tuple[Cache, ...]:
    found = set()
    for index in (root / CPUS / f"cpu{cores[0]}" / "cache").glob("index*"):
        level, size = read_number(index / "level"), read_size(index / "size")
        kind = read_text(index / "type")
        if level is None or kind is None or size is None:
            continue
        shared = set(read_list(index / "shared_cpu_list") or [cores[0]])
        kept = tuple(core for core in cores if core in shared)
        found.add(Cache(level, kind.lower(), size, kept))
    return tuple(sorted(found, key=lambda cache: (cache.level, cache.kind)))


def _online(root: Path) -> list[int]:
    listed = read_list(root / CPUS / "online")
    if listed is not None:
        return listed
    names = (path.name[3:] for path in (root / CPUS).glob("cpu[0-9]*"))
    return sorted(int(name) for name in names if name.isdecimal())


def _first_threads(root: Path, online: list[int]) -> list[int]:
    """Of the hardware threads of one core, the first that is online."""
    usable = set(online)
    firsts = []
    for number in online:
        topology = root / CPUS / f"cpu{number}" / "topology"
        siblings = read_list(topology / "thread_siblings_list") or read_list(
            topology / "core_cpus_list"
        )
        if number == min(usable.intersection(siblings or [number]), default=number):
            firsts.append(number)
    return firsts


def _hybrid_types(root: Path) -> dict[int, str]:
    return {
        core: unit for unit in HYBRID for core in read_list(root / f"sys/devices/{unit}/cpus") or []
    }
