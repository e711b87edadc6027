"""From a point of the unit cube to the sizes of a layer."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")

WORD = 64
USUAL, LARGE = 0.65, 0.2
"""How many of the numbers that are often large are any, and in which part of the doublings the
others are."""


class Point:
    """Coordinates that are read one after the other, each from 0 to below 1.

    Parameters
    ----------
    coordinates : sequence of float
    """

    def __init__(self, coordinates: Sequence[float]) -> None:
        self._left: Iterator[float] = iter(coordinates)

    def share(self) -> float:
        """The next coordinate."""
        return next(self._left)

    def between(self, least: float, most: float) -> int:
        """A whole number, every doubling as likely as any other."""
        return round(least * (most / least) ** self.share())

    def often_large(self, least: float, most: float) -> int:
        """A whole number, every doubling as likely as any other but the last, likelier ones."""
        share = self.share()
        if share < USUAL:
            return round(least * (most / least) ** (share / USUAL))
        return round(most * (least / most) ** (LARGE * (1 - share) / (1 - USUAL)))

    def one_of(self, choices: Sequence[tuple[T, float]]) -> T:
        """One of some values, each as often as its weight says."""
        at = self.share() * sum(weight for _, weight in choices)
        for value, weight in choices:
            at -= weight
            if at < 0:
                return value
        return choices[-1][0]

    def channels(self, least: int, most: int) -> int:
        """Channels: often whole words of bits, as in most networks, but by no means always."""
        size = self.between(least, most)
        step = self.one_of([(WORD, 0.5), (16, 0.2), (1, 0.3)])
        return max(step if step <= most else 1, round(size / step) * step)

    def side(self, elements: float, least: int, most: int) -> tuple[int, int]:
        """Height and width of an image of about so many pixels; most are square."""
        stretch = self.one_of([(1.0, 0.7), (0.5, 0.15), (2.0, 0.15)])
        side = math.sqrt(max(elements, 1.0))
        height, width = round(side * stretch), round(side / stretch)
        return min(max(height, least), most), min(max(width, least), most)
