"""How long and how precisely to measure, and who is told how far it is."""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen

Progress = Callable[[float, str], None]
"""Told the share that is done, from 0 to 1, and what is being done."""


@frozen
class Options:
    """How long and how precisely to measure.

    Parameters
    ----------
    tolerance : float
        Wanted half width of the median's 95 % confidence interval, relative.
    budget : float
        Seconds after which measuring ends, whatever is stable by then. It ends earlier once all is
        stable, or timed so often (:data:`~.candidates.MAX_SAMPLES`) that it will hardly become so.
    seed : int
        Of the input images.
    eliminate : bool
        Measure only placements that could still win.
    """

    tolerance: float = 0.03
    budget: float = 60.0
    seed: int = 0
    eliminate: bool = False
