"""How durations scatter: shifted lognormal distributions around their medians."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
from attrs import frozen

from bnnplan.planner.profile import Time
from bnnplan.planner.statistics import Z_95

Z_90 = NormalDist().inv_cdf(0.9)
LEAST_SIGMA, MOST_SIGMA = 0.05, 2.0
"""Shapes between one that is as good as normal, and one with a very long tail."""
USUAL_SIGMA = 1.0
"""Where nothing tells the shape."""


@frozen
class Spread:
    """Durations in shares of their median: ``1 + scale · (exp(sigma · z) - 1)``, z normal.

    Parameters
    ----------
    scale : float
        From 0; at most 1, or durations could be negative.
    sigma : float
        Above 0.
    """

    scale: float
    sigma: float

    def quantile(self, share: float) -> float:
        """What a share of the durations is below."""
        return float(1 + self.scale * math.expm1(self.sigma * NormalDist().inv_cdf(share)))

    @property
    def mean(self) -> float:
        """In shares of the median too."""
        return float(1 + self.scale * math.expm1(self.sigma**2 / 2))

    def draw(self, random: np.random.Generator, count: int) -> np.ndarray:
        """Independent factors, shape (count,), float64."""
        return 1 + self.scale * np.expm1(self.sigma * random.standard_normal(count))


def spread_of(time: Time) -> Spread | None:
    """The distribution with the median and 90th percentile of a time; None where it has no spread.

    Its shape comes from the interval of the median: the ends are 1.96 / √runs apart in
    probability, so that its width tells the density at the median, which of a shifted lognormal
    distribution is ``1 / (sigma · scale · √2π)``. What was not measured has no spread.
    """
    if not time.runs or not time.median or time.p90 <= time.median:
        return None
    tail = time.p90 / time.median - 1
    width = (time.high - time.low) / time.median
    steepness = width * math.sqrt(time.runs) / (Z_95 * math.sqrt(2 * math.pi))
    return shaped(tail, _sigma(tail / steepness) if steepness else MOST_SIGMA)


def shaped(tail: float, sigma: float = USUAL_SIGMA) -> Spread | None:
    """The distribution whose 90th percentile is a share above the median.

    Parameters
    ----------
    tail : float
        The share, from 0.
    sigma : float
        Its shape, unless durations could be negative with it.
    """
    if tail <= 0:
        return None
    scale = tail / math.expm1(sigma * Z_90)
    if scale > 1:
        return Spread(1.0, math.log1p(tail) / Z_90)
    return Spread(scale, sigma)


def _sigma(ratio: float) -> float:
    """The sigma at which ``expm1(sigma · z90) / sigma`` is a ratio, within the limits of sigma."""
    low, high = LEAST_SIGMA, MOST_SIGMA
    for _ in range(40):
        middle = (low + high) / 2
        if math.expm1(middle * Z_90) / middle < ratio:
            low = middle
        else:
            high = middle
    return (low + high) / 2
