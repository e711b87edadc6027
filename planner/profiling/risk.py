"""How probable it is that something given up was better, and what that is expected to cost."""

from __future__ import annotations

import math
from collections.abc import Iterable
from statistics import NormalDist

from attrs import frozen

from bnnplan.planner.profiling.dominance import Chance
from bnnplan.planner.statistics import Z_95

_NORMAL = NormalDist()


@frozen
class Doubt:
    """About one placement that was given up.

    Parameters
    ----------
    risk : float
        The probability that it would have been better.
    regret : float
        Nanoseconds that are expected to be lost by giving it up.
    """

    risk: float
    regret: float


def doubt(old: Chance, new: Chance | None, reach: float) -> Doubt:
    """The doubt about giving up a placement for another one, or for a known limit.

    Errors are taken for normal and independent, with the intervals as those of 95 %; where an
    interval is wider on one side of its median, the side counts that would make the decision wrong.
    With a mean difference m and a standard deviation s, the probability that the sign is wrong is
    Φ(−m/s), and the expected loss s φ(m/s) − m Φ(−m/s), as in the expected improvement of Jones,
    Schonlau and Welch, "Efficient global optimization of expensive black-box functions", Journal of
    Global Optimization 13, 1998.

    Parameters
    ----------
    old : Chance
        What is given up.
    new : Chance or None
        What is better by more than the reach; None: `reach` alone is the limit.
    reach : float
        Nanoseconds.
    """
    spread = (old.median - old.low) / Z_95
    margin = old.median - reach
    if new is not None:
        spread = math.hypot(spread, (new.high - new.median) / Z_95)
        margin -= new.median
    if spread == 0:
        return Doubt(float(margin < 0), max(0.0, -margin))
    ratio = margin / spread
    risk = _NORMAL.cdf(-ratio)
    return Doubt(risk, max(0.0, spread * _NORMAL.pdf(ratio) - margin * risk))


def of_layer(doubts: Iterable[Doubt], time: float) -> Doubt:
    """The doubt about all that was given up of one layer.

    One of its placements is used, so whatever another one would have saved, it is no more than the
    layer takes: in expectation, no more than that times the probability that any was better. Errors
    that are taken for normal know nothing of this, since they have no end.

    Parameters
    ----------
    doubts : iterable of Doubt
        Of each placement.
    time : float
        Nanoseconds of the layer.
    """
    whole = together((one, 1) for one in doubts)
    return Doubt(whole.risk, min(whole.regret, whole.risk * time))


def together(doubts: Iterable[tuple[Doubt, int]]) -> Doubt:
    """The doubt about many; each with the number of layers that it is about.

    The probability that any was better is at most the sum of all.
    """
    found = list(doubts)
    return Doubt(
        min(1.0, sum(one.risk for one, _ in found)),
        sum(one.regret * count for one, count in found),
    )
