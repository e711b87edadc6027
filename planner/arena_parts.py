"""Finds offsets for blocks within a given number of bytes where heuristics find none.

Parts without clashes between them are solved apart, as are those that appear when a block that
clashes with all others of its part is laid lowest, where it always may lie. For the rest see
`arena_skyline`: it is searched again and again, in other orders, since a bad early answer can take
longer than there is time to undo.

Source: canonical placements, sections and decomposition in time are ideas of Moffitt, "MiniMalloc:
A Lightweight Memory Allocator for Hardware-Accelerated Machine Learning", ASPLOS 2023.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence

from bnnplan.planner.arena_sections import bits, joined, maximal
from bnnplan.planner.arena_skyline import Outcome, Skyline

PATIENCE = (500, 1500)
"""Questions before the search starts again in another order, in turns."""

WIDTHS = (0.0, 1.0, 2.0, 3.0, 0.5)
"""Powers of the number of sections of a block by which its size is weighed, in turns."""

CONTENTIONS = (0.0, 0.0, 0.5, 1.0)
"""Powers of how little slack there is around a block by which its size is weighed."""

NOISES = (1.0, 1.2, 1.5)
"""What that is multiplied or divided by at most, so that no order comes twice."""

EVENNESS = (0.0, 64.0, 1024.0)
"""How much an even skyline counts; see `Skyline.search`."""


def find_offsets(
    sizes: Sequence[int], sections: Sequence[int], capacity: int, *, steps: int
) -> tuple[Outcome, list[int]]:
    """Find offsets of blocks; the same ones every time.

    Parameters
    ----------
    sizes : sequence of int
        Of each block, in any unit; those that are in no section have no size.
    sections : sequence of int
        Bit masks of blocks that all clash with each other, in order of time where there is one.
        Each block of a size and each clash is in one.
    capacity : int
        No block may end above it.
    steps : int
        Questions that may be asked.

    Returns
    -------
    outcome : Outcome
    offsets : list of int
        Of each block, if found.
    """
    offsets = [0] * len(sizes)
    left = [((1 << len(sizes)) - 1, 0)]
    while left:
        blocks, ground = left.pop()
        masks = [mask & blocks for mask in sections if mask & blocks]
        for part in joined(masks):
            inside = maximal([mask for mask in masks if mask & part])
            common = part
            for mask in inside:
                common &= mask
            base = ground
            for block in bits(common):
                offsets[block] = base
                base += sizes[block]
            if base > capacity:
                return Outcome.NONE, []
            if common:
                left.append((part & ~common, base))
                continue
            skyline = Skyline(sizes, inside, capacity - base)
            outcome, asked = _restarting(skyline, steps)
            if outcome is not Outcome.FOUND:
                return outcome, []
            steps -= asked
            for block, offset in skyline.offsets.items():
                offsets[block] = base + offset
    return Outcome.FOUND, offsets


def _restarting(skyline: Skyline, steps: int) -> tuple[Outcome, int]:
    """Search in one order after the other; the second answer is how many questions that took."""
    if skyline.is_overfull:
        return Outcome.NONE, 0
    asked = 0
    chance = random.Random(0)
    for turn in itertools.count():
        patience = min(PATIENCE[turn % len(PATIENCE)], steps - asked)
        evenness = chance.choice(EVENNESS)
        outcome, questions = skyline.search(_rank(skyline, turn, chance), evenness, patience)
        asked += questions
        if outcome is not Outcome.UNKNOWN or asked >= steps:
            return outcome, asked
        skyline.shake(chance)
    raise AssertionError("orders never end")


def _rank(skyline: Skyline, turn: int, chance: random.Random) -> dict[int, float]:
    """A measure of greatness by block: size, width and how contended its sections are, shaken."""
    width = WIDTHS[turn % len(WIDTHS)]
    contention = chance.choice(CONTENTIONS)
    noise = chance.choice(NOISES) if turn >= len(WIDTHS) else 1.0
    return {
        block: size
        * len(skyline.within[block]) ** width
        * skyline.contention(block) ** contention
        * chance.uniform(1 / noise, noise)
        for block, size in skyline.sizes.items()
    }
