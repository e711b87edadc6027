"""Builds a placement of blocks from below, question by question.

A *section* is a set of blocks that all clash with each other, so in a section they are stacked;
its *floor* is the top of what is placed in it. Every placement can be pushed down until each block
rests on another one or on the ground. So it is enough to ask, for a section without lower floors
within reach of its blocks, which block lies right on its floor, or whether none does. Then its
floor rises to where the next one can begin, and what is lost is taken from its *slack*: capacity
less all of its blocks. A loss beyond the slack is a dead end.

The section with the fewest answers for the dead ends that it has led to is asked first, and blocks
that leave the skyline smooth are tried first. A dead end is explained by the answers that have
caused it, and the search returns to the last one of these.

Sources: conflicts, Prosser, "Hybrid algorithms for the constraint satisfaction problem", 1993;
weights of dead ends, Boussemart, Hemery, Lecoutre, Sais, "Boosting systematic search by weighting
constraints", 2004.
"""

from __future__ import annotations

import enum
import random
from collections.abc import Mapping, Sequence

from attrs import define, field

from bnnplan.planner.arena_sections import bits


class Outcome(enum.Enum):
    """What a search has found out."""

    FOUND = "found"
    NONE = "none"
    UNKNOWN = "unknown"


@define(eq=False)
class _Question:
    """Which block lies on the floor of a section?

    Floors, slacks and reasons are by section; a reason is a bit mask of the depths of those
    questions whose answers have made the section what it is.
    """

    unplaced: int
    live: list[int]
    """Sections with unplaced blocks."""
    floors: list[int]
    slacks: list[int]
    reasons: list[int]
    section: int = 0
    ready: int = 0
    """Blocks that can lie there."""
    answers: list[int] = field(factory=list)
    """Those that have not been tried, the best last."""
    is_last: bool = False
    """Whether the answer now tried is that none of them lies there."""
    conflict: int = 0
    """Depths of the questions that the dead ends so far are due to."""


class Skyline:
    """A part of the blocks, and what has been learnt about it.

    Parameters
    ----------
    sizes : sequence of int
        Of all blocks, at least 1.
    sections : sequence of int
        Bit masks of the part's blocks; each of its blocks and clashes is in one.
    capacity : int

    Attributes
    ----------
    sizes : dict of int to int
        By block.
    within : dict of int to list of int
        The sections of each block.
    offsets : dict of int to int
        By block, if a search has found them.
    """

    def __init__(self, sizes: Sequence[int], sections: Sequence[int], capacity: int) -> None:
        self._sections = sections
        self._capacity = capacity
        self.within: dict[int, list[int]] = {}
        self._clashes: dict[int, int] = {}
        for section, mask in enumerate(sections):
            for block in bits(mask):
                self.within.setdefault(block, []).append(section)
                self._clashes[block] = self._clashes.get(block, 0) | mask & ~(1 << block)
        self.sizes = {block: sizes[block] for block in self.within}
        self._slacks = [capacity - sum(sizes[block] for block in bits(mask)) for mask in sections]
        self._weights = [1.0] * len(sections)
        self.offsets: dict[int, int] = {}

    @property
    def is_overfull(self) -> bool:
        """Whether a section has more blocks than there is room for."""
        return min(self._slacks) < 0

    def contention(self, block: int) -> float:
        """Tell how little slack the sections of a block have, between 0 and 1."""
        slack = min(self._slacks[section] for section in self.within[block])
        return self._capacity / (self._capacity + 25 * slack)

    def shake(self, chance: random.Random) -> None:
        """Forget what dead ends have taught, and begin with other sections than before."""
        self._weights = [1 + chance.random() for _ in self._weights]

    def search(
        self, rank: Mapping[int, float], evenness: float, patience: int
    ) -> tuple[Outcome, int]:
        """Search for offsets.

        Parameters
        ----------
        rank : mapping of int to float
            Above 0. Blocks of greater rank lie lower.
        evenness : float
            At least 0. How much steps in the skyline count against a block: such that are as
            high as the capacity divide its rank by one more than this.
        patience : int
            Questions after which it ends.

        Returns
        -------
        outcome : Outcome
        asked : int
            Questions.
        """
        everything = sum(1 << block for block in self.within)
        count = len(self._sections)
        opened = _Question(everything, [*range(count)], [0] * count, [*self._slacks], [0] * count)
        path: list[_Question] = []
        for asked in range(1, patience + 1):
            path.append(opened)
            if not self._ask(opened, rank, evenness):
                return Outcome.FOUND, asked
            following = self._answer(opened, len(path) - 1)
            while following is None:
                conflict = self._explain(path.pop())
                while path and not conflict >> len(path) - 1 & 1:
                    path.pop()
                if not path:
                    return Outcome.NONE, asked
                path[-1].conflict |= conflict & ~(1 << len(path) - 1)
                following = self._answer(path[-1], len(path) - 1)
            opened = following
        return Outcome.UNKNOWN, patience

    def _ask(self, question: _Question, rank: Mapping[int, float], evenness: float) -> bool:
        """Choose the section to ask, and the order of its answers; False if all is placed."""
        sections, floors, slacks = self._sections, question.floors, question.slacks
        unplaced, weights = question.unplaced, self._weights
        live = sorted(
            (floors[section], section, mask)
            for section in question.live
            if (mask := sections[section] & unplaced)
        )
        if not live:
            return False
        question.live = [section for _, section, _ in live]
        # Blocks that also lie in higher sections cannot lie on the floor of this one.
        higher = [0] * len(live)
        above = level = 0
        height = -1
        for place in range(len(live) - 1, -1, -1):
            floor, _, mask = live[place]
            if floor != height:
                above |= level
                height, level = floor, 0
            level |= mask
            higher[place] = above
        # Those that also lie in lower ones may have others below them there.
        below = level = 0
        height = -1
        best: tuple[bool, float, int] | None = None
        for (floor, section, mask), hidden in zip(live, higher, strict=True):
            if floor != height:
                below |= level
                height, level = floor, 0
            level |= mask
            if mask & below:
                continue
            ready = mask & ~hidden
            answers = ready.bit_count() + (slacks[section] > 0)
            key = (answers > 1, answers / weights[section], slacks[section])
            if best is None or key < best:
                best = key
                question.section, question.ready = section, ready
        question.answers = self._ordered(question, rank, evenness)
        return True

    def _ordered(
        self, question: _Question, rank: Mapping[int, float], evenness: float
    ) -> list[int]:
        """The blocks that can lie there, one of each kind, the best last."""
        sections, floors, sizes = self._sections, question.floors, self.sizes
        floor = floors[question.section]
        weight = evenness / self._capacity
        kinds: dict[tuple[int, int, int, int], tuple[float, int]] = {}
        for block in bits(question.ready):
            first, last = self.within[block][0], self.within[block][-1]
            top = floor + sizes[block]
            steps = 0
            for end, beside in ((first, first - 1), (last, last + 1)):
                if 0 <= beside < len(sections):
                    shared = sections[end] & sections[beside] & question.unplaced
                    if shared & ~(1 << block):
                        steps += abs(floors[beside] - top)
            kind = (sizes[block], self._clashes[block] | 1 << block, first, last)
            kinds[kind] = (rank[block] / (1 + weight * steps), -block)
        return [-block for _, block in sorted(kinds.values())]

    def _answer(self, question: _Question, depth: int) -> _Question | None:
        """The question after the next answer; None if there is no more."""
        section = question.section
        floor = question.floors[section]
        floors, reasons = [*question.floors], [*question.reasons]
        if question.answers:
            block = question.answers.pop()
            self.offsets[block] = floor
            for place in self.within[block]:
                floors[place] = floor + self.sizes[block]
                reasons[place] |= 1 << depth
            unplaced = question.unplaced & ~(1 << block)
            return _Question(unplaced, question.live, floors, question.slacks, reasons)
        if question.is_last or not question.slacks[section]:
            return None
        loss = self._next_floor(question) - floor
        if loss > question.slacks[section]:
            return None
        question.is_last = True
        slacks = [*question.slacks]
        floors[section] += loss
        slacks[section] -= loss
        reasons[section] |= 1 << depth
        return _Question(question.unplaced, question.live, floors, slacks, reasons)

    def _next_floor(self, question: _Question) -> int:
        """Where the next block of the section begins at the lowest if not on the floor."""
        floor = question.floors[question.section]
        found = []
        for block in bits(self._sections[question.section] & question.unplaced):
            if question.ready >> block & 1:
                # It will rest on one that is not placed yet.
                others = self._clashes[block] & question.unplaced
                found += [floor + self.sizes[other] for other in bits(others)]
            else:
                found.append(max(question.floors[place] for place in self.within[block]))
        # A block alone in its part has nothing else to rest on.
        return min(found, default=self._capacity + 1)

    def _explain(self, question: _Question) -> int:
        """Depths of the questions whose answers leave no answer to this one."""
        section, reasons = question.section, question.reasons
        slack = question.slacks[section]
        needed = question.floors[section] + slack + 1
        if question.is_last:
            needed = self._next_floor(question)
        else:
            self._weights[section] += 1
        conflict = question.conflict | reasons[section]
        for block in bits(self._sections[section] & question.unplaced):
            places = self.within[block]
            if not question.ready >> block & 1:
                conflict |= min(
                    reasons[place] & ~conflict
                    for place in places
                    if question.floors[place] >= needed
                )
            elif slack:
                for place in places:
                    conflict |= reasons[place]
        return conflict
