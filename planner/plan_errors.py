"""What can go wrong on the way to a plan."""

from __future__ import annotations

from bnnplan.models.errors import BnnplanError


class PlanError(BnnplanError):
    """A plan that does not belong to the network at hand, or whose placements cannot be."""


class InfeasibleError(BnnplanError):
    """No plan exists; the message says which constraints conflict."""

    exit_code = 3


class NoPlanError(BnnplanError):
    """No plan was found within the time limit."""

    exit_code = 4


class StoppedError(NoPlanError):
    """Ctrl-C before any plan was found."""

    exit_code = 130
