"""Bytes that a layer reads and writes, by the level of memory that they come from."""

from __future__ import annotations

import math

from attrs import frozen

from bnnplan.backends.interface import Device, Work
from bnnplan.models.graph import BoundLayer
from bnnplan.models.tensors import ElementType
from bnnplan.planner.descriptors.reuse import Distances

LEVELS = (
    "first cache",
    "second cache",
    "an eighth of the last cache",
    "half of the last cache",
    "last cache",
    "memory",
)
SIZES = (32 << 10, 1 << 20, 32 << 20)
"""Bytes that one thread finds in each level of cache of most processors, where a device does not
tell its own."""
SHARES = (8, 2, 1)
"""Others use the last cache too, of one machine or of several on one processor: how much of it
there is for a program is for measurements to tell, between an eighth and all of it."""
LINE = 64
"""Bytes of a cache line."""
ROUNDING = 1e-9
NEAR, FAR = 2**-0.5, 2**0.5
"""Of a level's size: less is found in it all, more is not found in it at all."""


def shared_sizes(sizes: tuple[int, ...], threads: int = 1) -> tuple[int, ...]:
    """What each of some threads has of the levels that terms tell apart, from three caches' sizes.

    The last cache is one for all of them.
    """
    first, second, last = sizes
    return first, second, *(max(second, last // share // threads) for share in SHARES)


def levels_of(nbytes: float, sizes: tuple[int, ...]) -> dict[str, float]:
    """What share of so many bytes of each thread is found in which level.

    Around the size of a level shares go over from it to the next one: what is kept and what is not
    is hardly known there.
    """
    found: dict[str, float] = {}
    left = 1.0
    for name, size in zip(LEVELS, sizes, strict=False):
        reach = math.log(max(nbytes, 1.0) / (NEAR * size)) / math.log(FAR / NEAR)
        inside = left * (1 - min(max(reach, 0.0), 1.0))
        if inside > 0:
            found[name] = inside
        left -= inside
    if left > 0:
        found[LEVELS[-1]] = left
    return found


@frozen
class Memory:
    """The caches of a thread, and what of a program must share them.

    Parameters
    ----------
    distances : Distances
        Of what the layer uses.
    sizes : tuple of int
        Bytes of each level but the last (:data:`LEVELS`).
    """

    distances: Distances = Distances()
    sizes: tuple[int, ...] = shared_sizes(SIZES)

    def traffic(self, what: str, moved: float, held: float) -> dict[str, float]:
        """Terms of bytes that are moved: of all, and of those that come from past each cache.

        As coefficients are never negative, what is farther away never costs less; where nothing
        is known of a level, it costs as much as the one before.

        Parameters
        ----------
        what : str
            Such as ``bytes read``.
        moved : float
            By the busiest thread.
        held : float
            All bytes that must be held by each thread until these are moved.
        """
        shares = levels_of(held, self.sizes)
        found, farther = {what: moved}, 1.0
        for level in LEVELS[:-1]:
            farther -= shares.get(level, 0.0)
            if farther > ROUNDING:
                found[past(what, level)] = moved * farther
        return found

    def activations(
        self, bound: BoundLayer, share: float, piece: int | None = None
    ) -> dict[str, float]:
        """Terms of what a layer reads and writes beside weights.

        Parameters
        ----------
        bound : BoundLayer
        share : float
            That the busiest thread has of it.
        piece : int, optional
            Channels of a pixel that are written at once, before the same ones of the next pixel;
            all, where nothing is told.
        """
        terms: dict[str, float] = {}
        for place, kind in enumerate(bound.inputs):
            held = self.distances.input(place) * share
            _add(terms, self.traffic("bytes read", kind.nbytes(bound.batch) * share, held))
        written = sum(kind.nbytes(bound.batch) for kind in bound.outputs) * share
        held = self.distances.output * share
        terms |= self.traffic("bytes written", written, held)
        target = bound.outputs[0]
        pixel = target.channels * target.element.dtype.itemsize
        if piece is not None and target.element is not ElementType.BIT:
            if pixel % LINE:
                terms |= self.traffic("bytes written across lines", written, held)
            if target.channels > piece:
                terms |= self.traffic("bytes written in pieces", written, held)
        return terms

    def again(self, what: str, moved: float, threads: int) -> dict[str, float]:
        """Terms of what was last moved one run of the program ago, such as weights.

        Whoever calls programs has been in the first cache since, so that nothing is left in it.
        """
        held = max(self.distances.again / threads, FAR * self.sizes[0])
        return self.traffic(what, moved, held)


def _add(terms: dict[str, float], more: dict[str, float]) -> None:
    for name, value in more.items():
        terms[name] = terms.get(name, 0.0) + value


def past(what: str, level: str) -> str:
    """The name of the term of what a cache does not hold."""
    return f"{what}, past {level}"


def names_of_traffic(*whats: str) -> frozenset[str]:
    """The names of all terms that :meth:`Memory.traffic` may give of these."""
    return frozenset({*whats, *(past(what, level) for what in whats for level in LEVELS[:-1])})


def memory_of(device: Device, distances: Distances, threads: int) -> Memory:
    """The memory of a thread of a device, with caches as large as its ceilings say, if they do.

    A level that they leave out, others being told, is not there: it holds no more than the nearer.
    """
    stated = {
        ceiling.name: ceiling.capacity
        for ceiling in device.ceilings
        if ceiling.work is Work.BYTES_READ and ceiling.threads == 1 and ceiling.capacity
    }
    if not stated:
        return Memory(distances, shared_sizes(SIZES, threads))
    sizes: list[int] = []
    for number in range(1, len(SIZES) + 1):
        sizes.append(stated.get(f"L{number}") or (sizes[-1] if sizes else SIZES[0]))
    return Memory(distances, shared_sizes(tuple(sizes), threads))
