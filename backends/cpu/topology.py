"""Clusters of equal cores, read from a Linux sysfs tree below any root.

A dump of another board's `/sys` and `/proc` reads the same as the board itself. Of cores that run
several hardware threads only the first usable thread counts.
"""

from __future__ import annotations

import os
from pathlib import Path

from bnnplan.backends.cpu.clusters import Cache, Cluster, Core, clusters_of
from bnnplan.backends.cpu.core_names import core_names
from bnnplan.backends.cpu.sysfs import read_list, read_number, read_size, read_text
from bnnplan.models.errors import FileError

CPUS = "sys/devices/system/cpu"
HYBRID = ("cpu_core", "cpu_atom", "cpu_lowpower")
"""Performance-monitoring units whose `cpus` file lists the core types of hybrid x86 chips."""


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
    models, types = core_names(root, online), _hybrid_types(root)
    return clusters_of(
        Core(
            number,
            types.get(number, ""),
            models.get(number, ""),
            read_number(root / CPUS / f"cpu{number}" / "cpu_capacity"),
            read_number(root / CPUS / f"cpu{number}" / "cpufreq" / "cpuinfo_max_freq"),
            _caches(root, number),
        )
        for number in _first_threads(root, online)
    )


def _caches(root: Path, number: int) -> tuple[Cache, ...]:
    found = []
    for index in (root / CPUS / f"cpu{number}" / "cache").glob("index*"):
        level, size = read_number(index / "level"), read_size(index / "size")
        kind = read_text(index / "type")
        if level is None or kind is None or size is None:
            continue
        shared = read_list(index / "shared_cpu_list") or [number]
        found.append(Cache(level, kind.lower(), size, tuple(shared)))
    return tuple(found)


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
