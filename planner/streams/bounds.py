"""Periods that no stream of a lineup is below, and no set of streams on a board, without a search.

Layers divided freely over devices take as long as no choice of theirs can beat: a linear programme.
Any prices of the devices give a bound of it, and good ones are found by making dearer what is too
busy.

Source: Arora, Hazan, Kale, "The multiplicative weights update method", 2012.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Durations = npt.NDArray[np.float64]
"""Least nanoseconds of layers (rows) on kinds of devices (columns); infinite where impossible."""

ROUNDS = 80
"""Steps of the search for good prices."""
CHUNK = 256
"""Lineups that are looked at together, which bounds the memory."""
SAFE = 1 - 1e-9
"""What rounding of sums can be wrong by, at most."""
FAR = 1e18
"""Stands for infinity, where that would be multiplied with 0."""


def least_periods(spans: Durations, counts: npt.NDArray[np.int64]) -> Durations:
    """Periods (ns) that no stream is below, for many lineups; infinite where a layer cannot run.

    Parameters
    ----------
    spans : array, layers × kinds
    counts : array, lineups × kinds
        How many devices of each kind a lineup has.
    """
    parts = [
        _least_periods(spans, counts[start : start + CHUNK])
        for start in range(0, len(counts), CHUNK)
    ]
    return np.concatenate(parts) if parts else np.zeros(0)


def _least_periods(spans: Durations, counts: npt.NDArray[np.int64]) -> Durations:
    there = counts > 0
    mine = np.where(there[:, np.newaxis, :], np.minimum(spans, FAR), FAR)
    slowest = mine.min(axis=2).max(axis=1)
    prices = np.where(there, 1.0, 0.0)
    best = slowest.copy()
    lineups = np.arange(len(counts))[:, np.newaxis]
    step = 0.5
    for _ in range(ROUNDS):
        prices /= (counts * prices).sum(axis=1, keepdims=True)
        priced = np.where(there[:, np.newaxis, :], mine * prices[:, np.newaxis, :], FAR)
        picked = priced.argmin(axis=2)
        best = np.maximum(best, np.minimum(priced, FAR).min(axis=2).sum(axis=1))
        loads = np.zeros(counts.shape)
        np.add.at(loads, (lineups, picked), np.take_along_axis(mine, picked[..., None], 2)[..., 0])
        loads /= np.maximum(counts, 1)
        most = np.maximum(loads.max(axis=1, keepdims=True), 1e-300)
        prices = prices * np.exp(step * (loads / most - 1.0)) + 1e-12 * there
        step *= 0.97
    return np.where(slowest >= FAR, np.inf, best * SAFE)


def most_rate(
    spans: Durations,
    takes: npt.NDArray[np.int64],
    capacity: Sequence[int],
    copied: int = 0,
) -> float:
    """Frames a nanosecond that no set of streams on a board is above.

    Parameters
    ----------
    spans : array, layers × kinds
    takes : array, kinds × cells
        Units that a device of each kind takes.
    capacity : sequence of int
        Units of each cell.
    copied : int
        Nanoseconds for which every stream keeps all of its devices busy besides.
    """
    if not spans.size:
        return float("inf")
    finite = np.minimum(spans, FAR)
    room = np.array(capacity, dtype=float)
    prices = np.ones(len(capacity))
    best, step = float("inf"), 0.5
    for _ in range(ROUNDS):
        prices /= prices @ room
        priced = finite * (takes @ prices)
        picked = priced.argmin(axis=1)
        # A stream of price q has a period of at least whole / q + copied.
        whole = float(priced.min(axis=1).sum()) + copied * float((takes @ prices).min())
        if whole <= 0:
            return float("inf")
        best = min(best, 1.0 / (whole * SAFE))
        busy = finite[np.arange(len(finite)), picked] @ takes[picked] / room
        prices = prices * np.exp(step * (busy / max(busy.max(), 1e-300) - 1.0)) + 1e-12
        step *= 0.97
    return best
