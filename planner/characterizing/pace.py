"""The pace of a machine, told by a layer that is always the same.

What neighbours on a processor take of it changes from second to second: cores slow down by three
quarters and recover. Layers are slower by about as much as the probe beside them, so times are told
in those of the probe; what is left of it cancels where only moments of one pace are compared.
"""

from __future__ import annotations

import math
from collections import Counter

from attrs import define, field

USUAL = 0.25
"""The share of the probe's runs that are no slower than the usual pace."""
NEAR = 1.1
"""A pace that is by no more than this factor off another one counts as the same."""
STEP = 0.01
"""Of the logarithm: times nearer to each other than this are not told apart."""


@define
class Pace:
    """What the probe took, on one device with one number of threads."""

    _counts: Counter[int] = field(factory=Counter)

    def add(self, ns: float) -> None:
        """Take in what it took an image."""
        self._counts[round(math.log(max(ns, 1.0)) / STEP)] += 1

    @property
    def usual(self) -> float:
        """The lower quartile, in nanoseconds: of a machine that is mostly left alone.

        Raises
        ------
        ValueError
            If the probe never ran.
        """
        if not self._counts:
            raise ValueError("the probe never ran")
        left = USUAL * self._counts.total()
        for place in sorted(self._counts):
            left -= self._counts[place]
            if left <= 0:
                break
        return math.exp(place * STEP)

    def distance(self, ns: float) -> float:
        """The factor by which a time of the probe is off the usual one, either way."""
        ratio = max(ns, 1.0) / self.usual
        return max(ratio, 1 / ratio)
