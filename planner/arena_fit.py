"""Quick placements of blocks: first and best fit, from several orders.

Sources: greedy by size, Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net
Inference", 2020; best fit and orders by size, lifetime and area as in TensorFlow Lite's and TVM's
memory planners.
"""

from __future__ import annotations

import itertools
from bisect import insort
from collections.abc import Callable, Iterator, Sequence

TURNS = 20
"""Placements tried from each order; all of them together take half a second for 200 hard blocks."""

Gap = tuple[int, int]
"""Where free memory starts, and where it ends."""


def fitted(sizes: Sequence[int], clashes: Sequence[int], alignment: int, enough: int) -> list[int]:
    """Give the offsets of the smallest placement found, or of the first that ends by `enough`.

    Parameters
    ----------
    sizes, clashes : sequence of int
        As in :class:`bnnplan.planner.arena.Blocks`.
    alignment : int
        All offsets are multiples of it.
    enough : int
    """
    best, least = [0] * len(sizes), sum(sizes) * alignment + 1
    for order, fits in itertools.product(_orders(sizes, clashes), (_first_fit, _best_fit)):
        for turn in range(TURNS):
            offsets = _place(sizes, clashes, order, alignment, fits)
            ends = [offset + size for offset, size in zip(offsets, sizes, strict=True)]
            total = max(ends, default=0)
            if total < least:
                best, least = offsets, total
            if least <= enough:
                return best
            if turn < TURNS - 1:
                _promote_highest(ends, total, order)
    return best


def _promote_highest(ends: Sequence[int], total: int, order: list[int]) -> None:
    """Let the blocks that the arena ends with choose earlier, at half their place in the order."""
    for place, index in enumerate(order):
        if ends[index] == total:
            order.insert(place // 2, order.pop(place))


def _orders(sizes: Sequence[int], clashes: Sequence[int]) -> Iterator[list[int]]:
    """Orders in which blocks are placed: the greatest first, by several measures of greatness."""
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


def _first_fit(gaps: Sequence[Gap]) -> int:
    return gaps[0][0]


def _best_fit(gaps: Sequence[Gap]) -> int:
    return min(gaps, key=lambda gap: (gap[1] - gap[0], gap[0]))[0]


def _place(
    sizes: Sequence[int],
    clashes: Sequence[int],
    order: Sequence[int],
    alignment: int,
    fits: Callable[[Sequence[Gap]], int],
) -> list[int]:
    """Place blocks one by one, each into a gap that `fits` chooses, or behind all others."""
    offsets = [0] * len(sizes)
    placed: list[tuple[int, int, int]] = []
    for index in order:
        size, mask = sizes[index], clashes[index]
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
    return offsets
