"""Find, per channel, where a monotone decision changes, by bisection over all values.

Integers are searched as they are, float32 numbers by their place in the ordered line of all
float32 numbers, so that the answer is right for every possible value.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bnnplan.models.layers import Threshold
from bnnplan.models.lowering.bounds import Bounds

Decision = Callable[[np.ndarray], np.ndarray]
"""Whether each of C values, one a channel, becomes -1; bool, shape (C,)."""

_INT32 = np.iinfo(np.int32)
_FLOAT_MAX = np.finfo(np.float32).max
_SIGN_BIT = 2**31


def find_threshold(
    decision: Decision, channels: int, dtype: np.dtype, bounds: Bounds
) -> Threshold | None:
    """The threshold that decides like a monotone decision does, on all values within bounds.

    Parameters
    ----------
    decision : function
        From values of shape (C,) and the given type to where they become -1.
    channels : int
        C.
    dtype : numpy type
        Of the values: an integer type or float32.
    bounds : (least, greatest)
        Values that occur.

    Returns
    -------
    Threshold or None
        None if no threshold does, as for a channel that is -1 for every float but NaN.
    """
    is_float = dtype == np.float32
    encode, decode = (_place, _at_place) if is_float else (_same, lambda x: x.astype(dtype))
    if is_float:
        ends = (max(bounds[0], -float(_FLOAT_MAX)), min(bounds[1], float(_FLOAT_MAX)))
    else:
        ends = bounds
    low, high = (encode(np.full(channels, end, dtype)) for end in ends)
    starts, stops = decision(decode(low)), decision(decode(high))
    before, after = _bisect(lambda places: decision(decode(places)) == starts, low, high)

    changes, falls = starts != stops, ~starts & stops
    least, most = (-np.inf, np.inf) if is_float else (_INT32.min, _INT32.max)
    result_type = np.float32 if is_float else np.int32
    constant = np.where(starts, most, least).astype(result_type)
    edge = np.where(falls, decode(before), decode(after)).astype(result_type)
    threshold = Threshold(np.where(changes, edge, constant), changes & falls)

    probes = [decode(low), decode(high), decode(before), decode(after)]
    if is_float and not np.isfinite(bounds).all():
        probes += [np.full(channels, odd, dtype) for odd in (-np.inf, np.inf, np.nan)]
    agree = all(np.array_equal(_decide(threshold, x), decision(x)) for x in probes)
    return threshold if agree else None


def _bisect(
    same: Callable[[np.ndarray], np.ndarray], low: np.ndarray, high: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Neighbouring places between which `same` turns false, if it does at all."""
    before, after = low, high
    while (after - before > 1).any():
        middle = before + (after - before) // 2
        kept = same(middle)
        before, after = np.where(kept, middle, before), np.where(kept, after, middle)
    return before, after


def _decide(threshold: Threshold, x: np.ndarray) -> np.ndarray:
    return np.where(threshold.flip, x > threshold.threshold, x < threshold.threshold)


def _same(x: np.ndarray) -> np.ndarray:
    return x.astype(np.int64)


def _place(x: np.ndarray) -> np.ndarray:
    """Place of float32 numbers in their ordered line; -0.0 stands at -1, 0.0 at 0."""
    raw = x.view(np.uint32).astype(np.int64)
    return np.where(raw < _SIGN_BIT, raw, _SIGN_BIT - 1 - raw)


def _at_place(place: np.ndarray) -> np.ndarray:
    raw = np.where(place >= 0, place, _SIGN_BIT - 1 - place)
    return raw.astype(np.uint32).view(np.float32)
