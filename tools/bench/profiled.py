"""Profiles and plans of a network from measured costs, from fewer of them, and from predictions."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from attrs import field, frozen

from bnnplan.models.graph import Network
from bnnplan.planner.board import Board
from bnnplan.planner.board_model import BoardModel
from bnnplan.planner.plan import Plan
from bnnplan.planner.planning import find_plan
from bnnplan.planner.predicting import expected_costs, predict_profile
from bnnplan.planner.profile import Profile
from bnnplan.planner.profiling import Options, profile_network

FULL, ELIMINATION, WITH_MODEL, PREDICTED = (
    "profile in full",
    "elimination",
    "elimination with a model",
    "predictions alone",
)


@frozen
class Effort:
    """How much is measured.

    Parameters
    ----------
    repeats : int
        Profiles of each kind.
    budget : float
        Seconds of a profile at most.
    seconds : float
        Of measuring all plans of a network.
    """

    repeats: int
    budget: float
    seconds: float


@frozen
class Found:
    """What one kind of costs led to, repeat by repeat."""

    seconds: list[float] = field(factory=list)
    plans: list[Plan] = field(factory=list)


def found_plans(
    name: str, network: Network, board: Board, model: BoardModel, effort: Effort
) -> dict[str, Found]:
    """Profiles and plans of each kind, in turns."""
    quick = Options(budget=effort.budget, eliminate=True)
    ways: dict[str, Callable[[], Profile]] = {
        FULL: partial(profile_network, network, board, options=Options(budget=effort.budget)),
        ELIMINATION: partial(profile_network, network, board, options=quick),
        WITH_MODEL: lambda: profile_network(
            network, board, options=quick, expected=expected_costs(network, board, model)
        ),
        PREDICTED: lambda: predict_profile(network, model),
    }
    found = {kind: Found() for kind in ways}
    for _ in range(effort.repeats):
        for kind, way in ways.items():
            begin = time.perf_counter()
            profile = way()
            found[kind].seconds.append(time.perf_counter() - begin)
            found[kind].plans.append(find_plan(network, profile, source=name))
    return found
