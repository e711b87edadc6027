"""Points that fill a space evenly, however many of them are taken."""

from __future__ import annotations

from collections.abc import Iterator

PRIMES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37)
"""Bases of the coordinates: so many there are at most."""
GOLDEN = 0.6180339887498949
"""Fraction by which seeds are told apart: consecutive ones lie far from each other."""


def halton(dimensions: int, seed: int = 0) -> Iterator[tuple[float, ...]]:
    """Points of the sequence of Halton (1960), each coordinate shifted by a share of the seed's.

    Parameters
    ----------
    dimensions : int
        At most 12.
    seed : int
        Another one gives other points, that fill the space as evenly.

    Yields
    ------
    tuple of float
        Each from 0 to below 1.
    """
    bases = PRIMES[:dimensions]
    shifts = [(seed * GOLDEN * (index + 1)) % 1.0 for index in range(len(bases))]
    number = 0
    while True:
        number += 1
        yield tuple(
            (_radical_inverse(number, base) + shift) % 1.0
            for base, shift in zip(bases, shifts, strict=True)
        )


def _radical_inverse(number: int, base: int) -> float:
    """The digits of a number mirrored at the point."""
    inverse, share = 0.0, 1.0 / base
    while number:
        number, digit = divmod(number, base)
        inverse += digit * share
        share /= base
    return inverse
