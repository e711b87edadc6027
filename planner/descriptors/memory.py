"""Bytes that a layer reads and writes, by the level of memory that they come from."""

from __future__ import annotations

import math

LEVELS = ("first cache", "second cache", "last cache", "memory")
SIZES = (32 << 10, 1 << 20, 32 << 20)
"""Bytes that one thread finds in each level of cache of most processors. They are the same for all
devices: what a byte of each costs is fitted."""


NEAR, FAR = 0.5, 2.0
"""Of a level's size: less is found in it all, more is not found in it at all."""


def levels_of(nbytes: float) -> dict[str, float]:
    """What share of so many bytes of each thread is found in which level.

    Between half and twice the size of a level shares go over from it to the next one: what is
    kept and what is not is hardly known there.
    """
    found: dict[str, float] = {}
    left = 1.0
    for name, size in zip(LEVELS, SIZES, strict=False):
        reach = math.log(max(nbytes, 1.0) / (NEAR * size)) / math.log(FAR / NEAR)
        inside = left * (1 - min(max(reach, 0.0), 1.0))
        if inside > 0:
            found[name] = inside
        left -= inside
    if left > 0:
        found[LEVELS[-1]] = left
    return found


def traffic(what: str, moved: float, held: float) -> dict[str, float]:
    """Terms of bytes that are moved, named after the levels that hold what they are part of.

    Parameters
    ----------
    what : str
        Such as ``bytes read``.
    moved : float
        By the busiest thread.
    held : float
        All bytes that must be held by each thread until these are moved.
    """
    return {f"{what}, {name}": moved * share for name, share in levels_of(held).items()}
