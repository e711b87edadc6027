"""Clusters of equal cores, made from what any source tells of the single cores.

Two cores are equal if they are of one type and their speeds (relative capacity, and maximal
frequency) differ by less than a tenth: favoured cores of desktop chips stay with their siblings,
the prime core of a phone stands alone. What is not known of one of them separates nothing.
Sockets and NUMA nodes do not divide a cluster.
"""

from __future__ import annotations

from collections.abc import Iterable

from attrs import frozen

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
        Cores of the cluster that share it with the first one. Of a core that stands in no cluster
        yet: all hardware threads that share it.
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
class Core:
    """What a source tells of one core, however many hardware threads it runs.

    Parameters
    ----------
    number : int
        Of its first usable hardware thread, as the operating system counts them.
    type : str
        Kind of core among those of one chip, such as ``cpu_atom``; empty where nothing tells.
    model : str
        What a person calls it; empty if unknown.
    capacity : int or None
        Relative speed.
    frequency : int or None
        Maximal one, in kHz.
    caches : tuple of Cache
    """

    number: int
    type: str
    model: str
    capacity: int | None
    frequency: int | None
    caches: tuple[Cache, ...] = ()

    @property
    def speed(self) -> tuple[int, int]:
        """For sorting: what is unknown is slowest."""
        return self.capacity or 0, self.frequency or 0


def clusters_of(cores: Iterable[Core]) -> list[Cluster]:
    """Clusters of equal cores, the fastest first.

    Parameters
    ----------
    cores : iterable of Core
        Those that may be used.
    """
    groups = sorted(
        _groups(cores), key=lambda group: (-group[0].speed[0], -group[0].speed[1], group[0].number)
    )
    return [_cluster(f"cpu{i}", group) for i, group in enumerate(groups)]


def _groups(cores: Iterable[Core]) -> list[list[Core]]:
    """Cores of one type, from fast to slow, cut wherever one is slower than the group's first."""
    groups: list[list[Core]] = []
    for core in sorted(cores, key=lambda c: (c.type, c.model, -c.speed[0], -c.speed[1], c.number)):
        first = groups[-1][0] if groups else None
        alike = first is not None and (first.type, first.model) == (core.type, core.model)
        if first is not None and alike and _equal_speed(first, core):
            groups[-1].append(core)
        else:
            groups.append([core])
    return groups


def _equal_speed(fast: Core, slow: Core) -> bool:
    pairs = ((fast.capacity, slow.capacity), (fast.frequency, slow.frequency))
    return all(a is None or b is None or b >= EQUAL_SPEED * a for a, b in pairs)


def _cluster(name: str, group: list[Core]) -> Cluster:
    fastest = group[0]
    members = sorted(group, key=lambda core: core.number)
    numbers = tuple(core.number for core in members)
    clock = f" at {fastest.frequency / 1e6:.2f} GHz" if fastest.frequency else ""
    return Cluster(
        name,
        numbers,
        fastest.capacity,
        fastest.frequency,
        _caches(members[0], numbers),
        f"{len(numbers)} × {fastest.model or 'core'}{clock}",
    )


def _caches(first: Core, numbers: tuple[int, ...]) -> tuple[Cache, ...]:
    found = {
        Cache(c.level, c.kind, c.size, tuple(n for n in numbers if n in c.cores))
        for c in first.caches
    }
    return tuple(sorted(found, key=lambda cache: (cache.level, cache.kind)))
