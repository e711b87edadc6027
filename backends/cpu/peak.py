"""What cores can do at most: their clock and their ceilings, measured by native loops."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from attrs import frozen

from bnnplan.backends.cpu.clusters import Cache
from bnnplan.backends.cpu.memory import memory
from bnnplan.backends.cpu.native import ISAS, LOOKUPS, best_variant, check, ffi, lib
from bnnplan.backends.cpu.program import Team
from bnnplan.backends.interface import Ceiling, Work
from bnnplan.models.errors import UnsupportedError

SECONDS = 0.05
"""For one ceiling in one round; there are about 16 of a device."""
ROUNDS = 2
"""The better one counts: other programs may have had the machine to themselves in one of them."""
LEAST_MEMORY, MOST_MEMORY = 2**26, 2**28
"""Bytes to read where the speed of main memory is measured, of all threads together."""
CACHES_AWAY = 4
"""Main memory is measured with so many times what the last cache holds."""
SHARE_OF_FREE = 8
"""Of what memory is free, one part of so many is taken at most."""
LEAST_BYTES = 4096
OUTER = 3
"""Level from which caches are shared by many."""

PRODUCTS = (
    (lib.BNN_PEAK_BYTES, Work.BYTE_PRODUCTS, "bytes × ±1"),
    (lib.BNN_PEAK_FLOATS, Work.FLOAT_PRODUCTS, "floats"),
)
"""Products of which there is one way to compute them."""


@frozen
class Level:
    """A level of memory.

    Parameters
    ----------
    name : str
    capacity : int or None
        Bytes that each thread can have there; None for main memory.
    nbytes : int
        That each thread reads to measure it.
    """

    name: str
    capacity: int | None
    nbytes: int


def levels(caches: Sequence[Cache], threads: int, available: int) -> list[Level]:
    """The levels of memory as each of so many threads sees them, the nearest first.

    Parameters
    ----------
    caches : sequence of Cache
        Of the cluster.
    threads : int
    available : int
        Bytes of memory that are free.
    """
    found: list[Level] = []
    shared = 0
    for cache in sorted(caches, key=lambda cache: cache.level):
        capacity = cache.size // max(1, min(threads, len(cache.cores)))
        inner = found[-1].capacity if found else capacity // 4
        if cache.kind == "instruction" or not inner or capacity <= inner:
            continue
        # Of the outer caches, which others use too, nobody knows how much is left.
        nbytes = capacity // 2 if cache.level < OUTER else math.isqrt(inner * capacity)
        found.append(Level(f"L{cache.level}", capacity, nbytes))
        shared = cache.size * max(1, threads // max(1, len(cache.cores)))
    whole = min(max(CACHES_AWAY * shared, LEAST_MEMORY), MOST_MEMORY, available // SHARE_OF_FREE)
    if whole > shared:
        found.append(Level("memory", None, whole // threads))
    return [level for level in found if level.nbytes >= LEAST_BYTES]


def ceilings(team: Team, caches: Sequence[Cache]) -> tuple[Ceiling, ...]:
    """What one thread of a team and all of them can do at most, with the instruction set in use.

    Parameters
    ----------
    team : Team
    caches : sequence of Cache
        Of the cluster that it stands on.
    """
    free = memory()
    # Found once: what is free changes, and every round must measure the same.
    found = {
        threads: levels(caches, threads, free.available if free else 0)
        for threads in sorted({1, team.threads})
    }
    rounds = [
        [c for threads, places in found.items() for c in _ceilings(team, threads, places)]
        for _ in range(ROUNDS)
    ]
    return tuple(max(same, key=lambda ceiling: ceiling.rate) for same in zip(*rounds, strict=True))


def _ceilings(team: Team, threads: int, found: Sequence[Level]) -> Iterator[Ceiling]:
    cycles = measure(lib.BNN_PEAK_CYCLES, team, threads, SECONDS)
    yield Ceiling(Work.CYCLES, "clock", threads, cycles)
    isa = best_variant()
    bits = [(lib.BNN_PEAK_COUNT, Work.BIT_PRODUCTS, "bits counted", isa)]
    if isa in LOOKUPS:
        bits.append((lib.BNN_PEAK_LOOKUP, Work.BIT_PRODUCTS, "bits looked up", LOOKUPS[isa]))
    for what, work, name, variant in [*bits, *((*row, isa) for row in PRODUCTS)]:
        try:
            rate = measure(what, team, threads, SECONDS, isa=ISAS[isa])
        except UnsupportedError:
            continue
        yield Ceiling(work, name, threads, rate, variant)
    for level in found:
        rate = measure(lib.BNN_PEAK_READ, team, threads, SECONDS, nbytes=level.nbytes)
        yield Ceiling(Work.BYTES_READ, level.name, threads, rate, capacity=level.capacity)


def measure(
    what: int,
    team: Team,
    threads: int,
    seconds: float,
    *,
    isa: int = lib.BNN_ISA_BEST,
    nbytes: int = 0,
) -> float:
    """What so many threads of a team do a second, all together.

    Parameters
    ----------
    what : bnn_peak
    team : Team
    threads : int
    seconds : float
        To measure for.
    isa : bnn_isa
    nbytes : int
        Of the memory that each thread reads, where reading is measured.

    Raises
    ------
    UnsupportedError
        If the instruction set has no such products.
    """
    found = ffi.new("double *")
    check(lib.bnn_peak_measure(what, isa, nbytes, seconds, threads, team.handle, found))
    return float(found[0])
