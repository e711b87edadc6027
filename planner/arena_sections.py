"""Sets of blocks that all clash with each other: in each of them blocks are stacked."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence


def bits(mask: int) -> Iterator[int]:
    """Give the positions of the bits of a mask, the lowest first."""
    while mask:
        lowest = mask & -mask
        yield lowest.bit_length() - 1
        mask ^= lowest


def cover(clashes: Sequence[int]) -> list[int]:
    """Give sections that together contain each block and each clash, none within another.

    Blocks are taken one by one, the one that clashes with most of those before it first. If lives
    are intervals, those before it that it clashes with all clash with each other, and these are
    all sections there are (maximum cardinality search, Tarjan and Yannakakis, 1984).

    Parameters
    ----------
    clashes : sequence of int
        For each block, a bit mask of the blocks that it must not overlap; symmetric.
    """
    sections: list[int] = []
    taken = 0
    left = set(range(len(clashes)))
    while left:
        block = min(left, key=lambda one: (-(clashes[one] & taken).bit_count(), one))
        left.remove(block)
        open_ = clashes[block] & taken
        if not open_:
            sections.append(1 << block)
        while open_:
            first = open_ & -open_
            section = _grown(clashes, 1 << block | first, clashes[block] & taken)
            sections.append(section)
            open_ &= ~section
        taken |= 1 << block
    return maximal(sections)


def _grown(clashes: Sequence[int], section: int, others: int) -> int:
    """Add blocks to a section as long as they clash with all that is in it."""
    for block in bits(section):
        others &= clashes[block] | section
    others &= ~section
    while others:
        block = max(bits(others), key=lambda one: (clashes[one] & others).bit_count())
        section |= 1 << block
        others &= clashes[block]
    return section


def maximal(sections: Sequence[int]) -> list[int]:
    """Leave out sections that are within another one."""
    kept: list[int] = []
    for position, section in enumerate(sections):
        others = itertools.chain(kept, sections[position + 1 :])
        if all(section & ~other for other in others):
            kept.append(section)
    return kept


def joined(sections: Sequence[int]) -> list[int]:
    """Join sections that have blocks in common."""
    parts: list[int] = []
    for section in sections:
        whole = section
        for part in parts:
            if part & section:
                whole |= part
        parts = [*(part for part in parts if not part & section), whole]
    return parts
