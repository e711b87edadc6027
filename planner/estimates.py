"""What a whole network takes on each device of a board alone, by the costs of a profile."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import attrs
from attrs import frozen

from bnnplan.models.graph import Network
from bnnplan.planner.plan import NoPlanError, Predicted
from bnnplan.planner.plan_errors import InfeasibleError
from bnnplan.planner.planning import find_plan
from bnnplan.planner.predicting import NO_FAMILY
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
            layer = "1 layer" if len(lacking) == 1 else f"{len(lacking)} layers"
            why = _why(profile, device.name, lacking)
            yield Estimate(device.name, None, f"it cannot run {layer}: {why}")
            continue
        alone = attrs.evolve(profile, board=profile.board.only([device.name]), layers=layers)
        try:
            plan = find_plan(network, alone, source=network.name, options=SolveOptions())
        except (InfeasibleError, NoPlanError) as none:
            yield Estimate(device.name, None, str(none))
            continue
        yield Estimate(device.name, plan.predicted)


def _why(profile: Profile, device: str, lacking: Sequence[str]) -> str:
    """Every reason once, and all families that the model lacks in one."""
    reasons: dict[str, None] = {}
    for name in lacking:
        mine = [one.reason for one in profile.layers[name].rejections if one.device == device]
        reasons.update(dict.fromkeys(mine[:1] or ["no cost is known"]))
    families = [one.removeprefix(NO_FAMILY) for one in reasons if one.startswith(NO_FAMILY)]
    others = [one for one in reasons if not one.startswith(NO_FAMILY)]
    if len(families) > 1:
        several = NO_FAMILY.replace("family", "families")
        return "; ".join([f"{several}{', '.join(families)}", *others])
    return "; ".join(reasons)
