"""What a profile predicted of a plan, before what running it showed changed the costs."""

from __future__ import annotations

import attrs

from bnnplan.models.graph import Network
from bnnplan.planner.plan import Plan
from bnnplan.planner.plan_errors import InfeasibleError, NoPlanError
from bnnplan.planner.planning import find_plan
from bnnplan.planner.profile import Profile
from bnnplan.planner.request import Request
from bnnplan.planner.solving import SolveOptions


def foretold_ns(plan: Plan, network: Network, profile: Profile) -> int | None:
    """The latency of a plan by the costs of a profile, nanoseconds.

    Parameters
    ----------
    plan : Plan
    network : Network
    profile : Profile
        Of the plan's batch.

    Returns
    -------
    int or None
        None for pipelines, whose stages are no matter of costs alone, and where the profile cannot
        say it.
    """
    if plan.request.is_pipeline:
        return None
    layers = {
        name: attrs.evolve(
            costs,
            placements=[
                cost
                for cost in costs.placements
                if (cost.device, cost.configuration) == plan.assignment[name]
            ],
        )
        for name, costs in profile.layers.items()
    }
    if not all(costs.placements for costs in layers.values()):
        return None
    request = Request(confidence=plan.request.confidence)
    only = attrs.evolve(profile, layers=layers)
    try:
        found = find_plan(
            network, only, request=request, source=plan.source, options=SolveOptions(workers=1)
        )
    except (InfeasibleError, NoPlanError):
        return None
    return found.predicted_ns
