"""Places blocks in one arena of memory: those that are alive at the same time never overlap.

Finding the smallest arena is NP-hard, so heuristics come first, which most often need no more than
the bytes that are alive at once, which no placement can beat. Where they need more than there is
room for, an exact search follows, and CP-SAT where that has found nothing.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

from attrs import frozen

from bnnplan.models.errors import BnnplanError
from bnnplan.planner.arena_fit import fitted
from bnnplan.planner.arena_parts import find_offsets
from bnnplan.planner.arena_sections import bits, cover, maximal
from bnnplan.planner.arena_skyline import Outcome

STEPS = 400_000
"""Questions of the search where there is a capacity: some 40 seconds for 200 hard blocks."""

SHORT_STEPS = 2_000
"""The same for each total that is tried where there is none: some tenths of a second."""

TOTALS = 4
"""Totals that are tried where there is no capacity, the bound first."""


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
    sections : tuple of int, optional
        Bit masks of blocks that all clash with each other, in order of time; each block and each
        clash is in one. Empty where there is no such order.
    """

    sizes: tuple[int, ...]
    clashes: tuple[int, ...]
    bound: int
    sections: tuple[int, ...] = ()


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
    alive = held = bound = 0
    sections: list[int] = []
    grows = False
    # At equal steps births (0) come before deaths (1): intervals are closed.
    events = [(life.first, 0, index) for index, life in enumerate(lives)]
    events += [(life.last, 1, index) for index, life in enumerate(lives)]
    for _, death, index in sorted(events):
        if death and grows:
            sections.append(alive)
        grows = not death
        alive ^= 1 << index
        held += -lives[index].size if death else lives[index].size
        bound = max(bound, held)
    clashes = [0] * len(lives)
    for section in sections:
        for index in bits(section):
            clashes[index] |= section & ~(1 << index)
    return Blocks(tuple(life.size for life in lives), tuple(clashes), bound, tuple(sections))


@functools.lru_cache(maxsize=32)
def lay_out(blocks: Blocks, alignment: int = 64, capacity: int | None = None) -> Layout:
    """Find a small arena; the same one every time.

    Parameters
    ----------
    blocks : Blocks
    alignment : int
        All offsets are multiples of it.
    capacity : int, optional
        Bytes that there is room for: less is not asked for, and to get there is worth more effort.
        The arena is larger if that does not succeed.
    """
    offsets = fitted(blocks.sizes, blocks.clashes, alignment, blocks.bound)
    best = _layout(blocks, offsets)
    if capacity is not None and best.total <= capacity:
        return best
    if capacity is not None and blocks.bound <= capacity:
        found = _within(blocks, alignment, capacity)
        if found is not None:
            return _layout(blocks, found)
    return _smaller(blocks, alignment, best)


def _smaller(blocks: Blocks, alignment: int, best: Layout) -> Layout:
    """Try to get to the bound, or at least halfway there, again and again."""
    goal = blocks.bound
    for _ in range(TOTALS):
        if goal >= best.total:
            break
        outcome, offsets = _search(blocks, alignment, goal, SHORT_STEPS)
        if outcome is Outcome.FOUND:
            best = _layout(blocks, offsets)
        goal = (goal + best.total) // 2
    return best


def _within(blocks: Blocks, alignment: int, capacity: int) -> Sequence[int] | None:
    """Offsets within the capacity; None if none are found."""
    outcome, offsets = _search(blocks, alignment, capacity, STEPS)
    if outcome is Outcome.UNKNOWN:
        # OR-Tools takes a second to import.
        from bnnplan.planner.cpsat_offsets import offsets_by_cpsat

        found = offsets_by_cpsat(
            _units(blocks, alignment), _sections(blocks), capacity // alignment
        )
        return None if found is None else [alignment * offset for offset in found]
    return offsets if outcome is Outcome.FOUND else None


def _search(blocks: Blocks, alignment: int, capacity: int, steps: int) -> tuple[Outcome, list[int]]:
    """Search in units of the alignment."""
    outcome, offsets = find_offsets(
        _units(blocks, alignment), _sections(blocks), capacity // alignment, steps=steps
    )
    return outcome, [alignment * offset for offset in offsets]


def _units(blocks: Blocks, alignment: int) -> list[int]:
    return [-(-size // alignment) for size in blocks.sizes]


def _sections(blocks: Blocks) -> list[int]:
    """Sections of the blocks that have a size; others may lie anywhere."""
    solid = sum(1 << index for index, size in enumerate(blocks.sizes) if size)
    found = blocks.sections or cover(blocks.clashes)
    return maximal([section & solid for section in found if section & solid])


def _layout(blocks: Blocks, offsets: Sequence[int]) -> Layout:
    ends = (offset + size for offset, size in zip(offsets, blocks.sizes, strict=True))
    return Layout(tuple(offsets), max(ends, default=0), blocks.bound)
