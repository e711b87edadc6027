"""Durations from samples: medians with confidence, free of assumptions about the noise."""

from __future__ import annotations

import math
from collections.abc import Sequence

import attrs

from bnnplan.planner.profile import Time

Z_95 = 1.96


def summarize(samples: Sequence[int], *, tolerance: float) -> Time:
    """Median of a sample with its 95 % confidence interval from order statistics.

    The interval's ends are the order statistics of ranks n/2 ± 1.96 √n / 2, which holds for any
    distribution (W. J. Conover, Practical Nonparametric Statistics, section 3.2).

    Parameters
    ----------
    samples : sequence of int
        Nanoseconds; at least one.
    tolerance : float
        The result is stable if the interval's half width is at most this share of the median.
    """
    ordered = sorted(samples)
    count = len(ordered)
    reach = Z_95 * math.sqrt(count) / 2
    low = ordered[max(0, math.floor(count / 2 - reach))]
    high = ordered[min(count - 1, math.ceil(count / 2 + reach))]
    median = percentile(ordered, 50)
    time = Time(median, low, high, percentile(ordered, 90), count)
    return attrs.evolve(time, stable=count > 5 and within(time, tolerance))


def within(time: Time, tolerance: float) -> bool:
    """Whether half the confidence interval is at most this share of the median."""
    return time.high - time.low <= 2 * tolerance * max(time.median, 1)


def percentile(ordered: Sequence[int], percent: float) -> int:
    """The nearest-rank percentile of an ascending sequence."""
    rank = math.ceil(percent / 100 * len(ordered))
    return ordered[max(0, min(len(ordered), rank) - 1)]
