"""The rows of a table of costs that no other row is as good as, found block by block."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from bnnplan.planner.solvers.exact.tables import Times
from bnnplan.planner.solvers.interruption import over

BLOCK = 32
"""Rows that are compared with all others at once."""
LATER = np.triu(np.ones((BLOCK, BLOCK), dtype=bool), 1)
"""Whether a row (second axis) of a block comes after another one (first axis)."""


class GivenUp(Exception):  # noqa: N818 - not an error: nobody waits for the rest
    """A search is to end: its time is over, or it would keep too much."""


def front_of(
    costs: Times, *, room: int | None = None, deadline: float = math.inf
) -> npt.NDArray[np.intp]:
    """Give the rows that no other one is as good as in every column; of equal ones the first.

    Raises
    ------
    GivenUp
        If these are more than `room`, or not known at `deadline` (of ``time.perf_counter``).
    """
    if room is not None and room < 1:
        raise GivenUp
    if len(costs) == 1:
        return np.zeros(1, dtype=np.intp)
    # What is as good as another row has no larger sum.
    left = np.argsort(costs.sum(axis=1), kind="stable")
    varied = (costs != costs[0]).any(axis=0)
    if not varied.any():
        return left[:1]
    columns = list(np.ascontiguousarray(costs[left][:, varied].T))
    kept = []
    count = 0
    while len(left):
        if over(deadline):
            raise GivenUp
        first = _as_good([column[:BLOCK] for column in columns])
        block = np.flatnonzero(~(first & LATER[: len(first), : len(first)]).any(axis=0))
        kept.append(left[block])
        count += len(block)
        if room is not None and count > room:
            raise GivenUp
        if len(left) <= BLOCK:
            break
        worse = np.logical_and.reduce(
            [column[BLOCK:, np.newaxis] >= column[block] for column in columns]
        ).any(axis=1)
        columns = [column[BLOCK:][~worse] for column in columns]
        left = left[BLOCK:][~worse]
    return np.sort(np.concatenate(kept))


def _as_good(columns: Sequence[Times]) -> npt.NDArray[np.bool_]:
    """Tell of each row (first axis) whether it is as good as each other one (second axis)."""
    good: npt.NDArray[np.bool_] = np.logical_and.reduce(
        [column[:, np.newaxis] <= column for column in columns]
    )
    return good
