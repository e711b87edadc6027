"""What trying a plan on the board is, whatever is measured: options, and what a trial answers."""

from __future__ import annotations

from typing import Protocol

from attrs import frozen

from bnnplan.planner.plan import Plan
from bnnplan.planner.profile import Profile


@frozen
class TrialOptions:
    """How a plan is tried on the board.

    Parameters
    ----------
    tolerance : float
        Predicted and measured latency, or period, agree within this share, or the costs are
        corrected.
    budget : float
        Seconds after which no further round of correcting costs begins.
    seconds : float
        Time to measure in each round, at the most.
    candidates : int
        How many plans are measured to find the one of least latency, once costs are right; 1
        trusts the solver.
    seed : int
        Of the input images.
    """

    tolerance: float = 0.05
    budget: float = 30.0
    seconds: float = 2.0
    candidates: int = 1
    seed: int = 0


class Trial(Protocol):
    """A plan, run on the board beside the best single device."""

    @property
    def error(self) -> float:
        """By what share predicted and measured figures differ at most."""

    @property
    def must_change(self) -> bool:
        """Whether the plan is worse than the best single device, so that other costs are needed."""

    def corrected(self) -> Profile:
        """The profile, with the costs that running has shown."""

    def delivered(self) -> Plan:
        """The better of the two, with what was measured and the verdict."""
