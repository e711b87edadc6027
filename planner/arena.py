"""Places blocks in one arena of memory: those that are alive at the same time never overlap.

Finding the smallest arena is NP-hard, so heuristics are tried in turn, until one of them needs no
more than the bytes that are alive at once, which no placement can beat. Sources: greedy by size,
Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net Inference", 2020; best fit and
orders by size, lifetime and area as in TensorFlow Lite's and TVM's memory planners.
"""

from __future__ import annotations

import itertools
from bisect import insort
from collections.abc import Callable, Iterator, Sequence

from attrs import frozen

from bnnplan.models.errors import BnnplanError

TURNS = 40
"""Placements tried from each order; all of them together take a second for 300 hard blocks."""


class ArenaError(BnnplanError):
    """A size or lifetime that cannot be."""


@frozen
class Life:
    """A block of memory and when it is needed.

    Parameters
    ----------
    size : int
        Bytes, at least 0.
    first, last : int
        The steps, both included, between which it must keep its contents.
    """

    size: int
    first: int
    last: int

    def __attrs_post_init__(self) -> None:
        if self.size < 0 or self.last < self.first:
            raise ArenaError(f"no block has {self.size} bytes from {self.first} to {self.last}")


@frozen
class Blocks:
    """What is to be placed.

    Parameters
    ----------
    sizes : tuple of int
        Bytes of each block.
    clashes : tuple of int
        For each block, a bit mask of the blocks that it must not overlap; symmetric.
    bound : int
        Bytes that no placement can do without.
    """

    sizes: tuple[int, ...]
    clashes: tuple[int, ...]
    bound: int


@frozen
class Layout:
    """Where blocks lie.

    Parameters
    ----------
    offsets : tuple of int
        Bytes from the start of the arena, in the order of the blocks.
    total : int
        Bytes of the arena.
    bound : int
        Bytes below which none can be: the most that is alive at once.
    """

    offsets: tuple[int, ...]
    total: int
    bound: int


def blocks_of(lives: Sequence[Life]) -> Blocks:
    """Blocks whose lives are intervals of steps: they clash where the intervals meet."""
    clashes = [0] * len(lives)
    alive: set[int] = set()
    held = bound = 0
    # At equal steps births (0) come before deaths (1): intervals are closed.
    events = [(life.first, 0, index) for index, life in enumerate(lives)]
    events += [(life.last, 1, index) for index, life in enumerate(lives)]
    for _, death, index in sorted(events):
        if death:
            alive.remove(index)
            held -= lives[index].size
            continue
        for other in alive:
            clashes[index] |= 1 << other
            clashes[other] |= 1 << index
        alive.add(index)
        held += lives[index].size
        bound = max(bound, held)
    return Blocks(tuple(life.size for life in lives), tuple(clashes), bound)


def lay_out(blocks: Blocks, alignment: int = 64) -> Layout:
    """Find a small arena; the same one every time.

    Parameters
    ----------
    blocks : Blocks
    alignment : int
        All offsets are multiples of it.
    """
    best = Layout((), 0, 0)
    for order, fits in itertools.product(_orders(blocks), (_first_fit, _best_fit)):
        for turn in range(TURNS):
            found = _place(blocks, order, alignment, fits)
            if found.total < best.total or not best.offsets:
                best = found
            if best.total <= blocks.bound:
                return best
            if turn < TURNS - 1:
                _promote_highest(blocks, found, order)
    return best


def _promote_highest(blocks: Blocks, layout: Layout, order: list[int]) -> None:
    """Let the blocks that the arena ends with choose earlier, at half their place in the order."""
    for place, index in enumerate(order):
        if layout.offsets[index] + blocks.sizes[index] == layout.total:
            order.insert(place // 2, order.pop(place))


def _orders(blocks: Blocks) -> Iterator[list[int]]:
    """Orders in which blocks are placed: the greatest first, by several measures of greatness."""
    sizes, clashes = blocks.sizes, blocks.clashes
    busy = [sum(size for i, size in enumerate(sizes) if mask >> i & 1) for mask in clashes]
    lasting = [mask.bit_count() for mask in clashes]
    measures: list[Callable[[int], tuple[int, int]]] = [
        lambda i: (sizes[i], lasting[i]),
        lambda i: (lasting[i], sizes[i]),
        lambda i: (sizes[i] * (1 + lasting[i]), sizes[i]),
        lambda i: (sizes[i] + busy[i], sizes[i]),
    ]
    for measure in measures:
        yield sorted(range(len(sizes)), key=lambda i: (*(-x for x in measure(i)), i))


Gap = tuple[int, int]
"""Where free memory starts, and where it ends."""


def _first_fit(gaps: Sequence[Gap]) -> int:
    return gaps[0][0]


def _best_fit(gaps: Sequence[Gap]) -> int:
    return min(gaps, key=lambda gap: (gap[1] - gap[0], gap[0]))[0]


def _place(
    blocks: Blocks, order: Sequence[int], alignment: int, fits: Callable[[Sequence[Gap]], int]
) -> Layout:
    """Place blocks one by one, each into a gap that `fits` chooses, or behind all others."""
    offsets = [0] * len(blocks.sizes)
    placed: list[tuple[int, int, int]] = []
    total = 0
    for index in order:
        size, mask = blocks.sizes[index], blocks.clashes[index]
        gaps: list[Gap] = []
        end = 0
        for start, until, other in placed:
            if mask >> other & 1:
                if start >= end + size:
                    gaps.append((end, start))
                end = max(end, -(-until // alignment) * alignment)
        offset = fits(gaps) if gaps else end
        offsets[index] = offset
        if size:
            insort(placed, (offset, offset + size, index))
        total = max(total, offset + size)
    return Layout(tuple(offsets), total, blocks.bound)
