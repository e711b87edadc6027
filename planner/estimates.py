"""What a whole network takes on each device of a board alone, by the costs of a profile."""

from __future__ import annotations

from collections.abc import Iterator

import attrs
from attrs import frozen

from bnnplan.models.graph import Network
from bnnplan.planner.plan import NoPlanError, Predicted
from bnnplan.planner.plan_errors import InfeasibleError
from bnnplan.planner.planning import find_plan
from bnnplan.planner.profile import Profile
from bnnplan.planner.solving import SolveOptions


@frozen
class Estimate:
    """A whole network on one device.

    Parameters
    ----------
    device : str
    predicted : Predicted or None
        Of the best plan there; None where the device cannot run all layers.
    note : str
        Why not.
    """

    device: str
    predicted: Predicted | None
    note: str = ""


def device_estimates(network: Network, profile: Profile) -> Iterator[Estimate]:
    """Estimate a network on every device of a profile's board."""
    for device in profile.board.devices:
        layers = {
            name: attrs.evolve(
                costs, placements=[c for c in costs.placements if c.device == device.name]
            )
            for name, costs in profile.layers.items()
        }
        lacking = [name for name, costs in layers.items() if not costs.placements]
        if lacking:
            reasons = profile.layers[lacking[0]].rejections
            why = next((r.reason for r in reasons if r.device == device.name), "no cost is known")
            yield Estimate(device.name, None, f"it cannot run {len(lacking)} layers: {why}")
            continue
        alone = attrs.evolve(profile, board=profile.board.only([device.name]), layers=layers)
        try:
            plan = find_plan(network, alone, source=network.name, options=SolveOptions())
        except (InfeasibleError, NoPlanError) as none:
            yield Estimate(device.name, None, str(none))
            continue
        yield Estimate(device.name, plan.predicted)
