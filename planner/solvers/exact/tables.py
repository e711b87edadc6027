"""Costs of combinations of options as arrays."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

Times = npt.NDArray[np.int64]

IMPOSSIBLE = 2**60
"""More than any sum of a valid problem, and far from overflow when added to one."""


def spread(names: Sequence[Sequence[str]], cost: Callable[..., int | None]) -> Times:
    """Give the cost of every combination of options, of which only one name each matters.

    Parameters
    ----------
    names : sequence of sequence of str
        For each axis, the name (a port, a device) that each option has.
    cost : callable
        Gives the cost of one name an axis; None if that is impossible. It is called once for each
        combination of different names: names are few, options many.
    """
    distinct = [list(dict.fromkeys(axis)) for axis in names]
    costs = [cost(*combination) for combination in itertools.product(*distinct)]
    known = np.array([IMPOSSIBLE if one is None else one for one in costs], dtype=np.int64)
    axes = [
        [places.index(name) for name in axis] for places, axis in zip(distinct, names, strict=True)
    ]
    table: Times = known.reshape([len(axis) for axis in distinct])[np.ix_(*axes)]
    return table


def add(first: Times, second: Times) -> Times:
    """Add costs; what is impossible stays so."""
    total: Times = np.minimum(first + second, IMPOSSIBLE)
    return total
