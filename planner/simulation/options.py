"""How a plan is simulated."""

from __future__ import annotations

import enum

from attrs import field, frozen

from bnnplan.planner.plan import PlanError

MOST_FRAMES = 1_000_000
"""More say nothing more, and would not fit into memory."""
MOST_RATE = 1e12
"""Frames a second: more than any clock tells apart."""
MOST_JITTER = 10
"""As a share of the median."""


class Jitter(enum.Enum):
    """Where the spread of durations comes from, if it is not stated as a share."""

    MEASURED = "measured"
    NONE = "none"


def _check_frames(_self: object, _field: object, frames: int) -> None:
    if not 1 <= frames <= MOST_FRAMES:
        raise PlanError(f"from 1 to {MOST_FRAMES} frames can be simulated, not {frames}")


def _check_rate(_self: object, _field: object, rate: float | None) -> None:
    if rate is not None and not 1e-3 <= rate <= MOST_RATE:
        raise PlanError(f"frames can arrive at 0.001 to 1e12 a second, not {rate:g}")


def _check_jitter(_self: object, _field: object, jitter: Jitter | float) -> None:
    if not isinstance(jitter, Jitter) and not 0 <= jitter <= MOST_JITTER:
        raise PlanError(f"a share of jitter must be from 0 to {MOST_JITTER}, not {jitter:g}")


@frozen
class SimulationOptions:
    """How a plan is simulated.

    Parameters
    ----------
    frames : int
        Images, from 1; batches are whole.
    rate : float or None
        Images that arrive in a second; None: there is always a next one.
    jitter : Jitter or float
        A share: the 90th percentile of what a stage takes is so much above its median.
    seed : int
    slack, window : int or None
        Slots that rings have more than they need, and slots for batches; by default those of
        execution.
    measured : bool
        Take for stages what they took in the running plan.
    """

    frames: int = field(default=10_000, validator=_check_frames)
    rate: float | None = field(default=None, validator=_check_rate)
    jitter: Jitter | float = field(default=Jitter.MEASURED, validator=_check_jitter)
    seed: int = 0
    slack: int | None = None
    window: int | None = None
    measured: bool = False
