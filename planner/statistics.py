"""Durations from samples: medians with confidence, free of assumptions about the noise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist, StatisticsError, correlation

import attrs

from bnnplan.planner.profile import Time

Z_95 = 1.96
FEWEST = 6
"""Samples from which on the median lies between two of them with 95 % confidence."""


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
    return attrs.evolve(time, stable=count >= FEWEST and within(time, tolerance))


def upper_bound(time: Time, confidence: float) -> int:
    """What the median duration is below with a one-sided confidence, whole nanoseconds.

    A median's interval at a level with normal quantile z is made of the order statistics of ranks
    n/2 ± z √n / 2 (Conover, as in `summarize`). Of the sample, a `Time` keeps those for z = 1.96.
    Between them and the median, ranks are taken for evenly spaced in time, so the bound is
    ``median + (high - median) * z / 1.96``, with z the quantile of the confidence; below a
    confidence of 0.5, z is negative, and ``median - low`` counts instead.

    Parameters
    ----------
    time : Time
    confidence : float
        Above 0 and below 1; 0.5 gives the median.
    """
    z = NormalDist().inv_cdf(confidence) / Z_95
    reach = time.high - time.median if z > 0 else time.median - time.low
    return max(0, round(time.median + reach * z))


def scaled(time: Time, factor: float) -> Time:
    """A time, all of its figures times a factor."""
    return attrs.evolve(
        time,
        median=round(time.median * factor),
        low=round(time.low * factor),
        high=round(time.high * factor),
        p90=round(time.p90 * factor),
    )


def within(time: Time, tolerance: float) -> bool:
    """Whether half the confidence interval is at most this share of the median."""
    return time.high - time.low <= 2 * tolerance * max(time.median, 1)


def percentile(ordered: Sequence[int], percent: float) -> int:
    """The nearest-rank percentile of an ascending sequence."""
    rank = math.ceil(percent / 100 * len(ordered))
    return ordered[max(0, min(len(ordered), rank) - 1)]


def rank_correlation(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Spearman's correlation of two equally long series: Pearson's of their ranks.

    Equal values share the mean of their ranks. None where all values of a series are equal.
    Source: Spearman, "The proof and measurement of association between two things", American
    Journal of Psychology 15(1), 1904.
    """
    ranks = [_ranks(series) for series in (first, second)]
    try:
        # Rounding must not carry it beyond what a correlation can be.
        return max(-1.0, min(1.0, correlation(*ranks)))
    except StatisticsError:
        return None


def _ranks(series: Sequence[float]) -> list[float]:
    ordered = sorted(series)
    # The first position of a value, and half the way to its last.
    return [ordered.index(value) + (ordered.count(value) - 1) / 2 for value in series]


def student(freedom: int) -> float:
    """The 97.5th percentile of Student's t, by Abramowitz and Stegun, "Handbook of Mathematical
    Functions" (1964), 26.7.5.
    """
    z = Z_95
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / freedom + second / freedom**2 + third / freedom**3
