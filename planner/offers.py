"""Which placements a request leaves to each layer, and what they cost under it."""

from __future__ import annotations

from collections.abc import Iterable

from bnnplan.models.graph import Network
from bnnplan.planner.board import Board
from bnnplan.planner.plan_errors import InfeasibleError
from bnnplan.planner.problem import Measure
from bnnplan.planner.problem_rules import listed
from bnnplan.planner.profile import LayerCosts, PlacementCost, Profile
from bnnplan.planner.request import Request, RequestError
from bnnplan.planner.statistics import upper_bound

Offers = dict[str, tuple[PlacementCost, ...]]


def offered_placements(network: Network, profile: Profile, request: Request) -> Offers:
    """The placements of every layer that its pins and forbidden devices leave.

    Parameters
    ----------
    network : Network
    profile : Profile
        Of this network.
    request : Request

    Returns
    -------
    dict of str to tuple of PlacementCost
        By name of node; at least one each.

    Raises
    ------
    RequestError
        If the request names what is not there, or energy is asked for and a device that could be
        used states no power.
    InfeasibleError
        If a layer is left without any placement; with what took them away.
    """
    request.require(network, profile.board)
    offers: Offers = {}
    for node in network.nodes:
        costs = profile.layers[node.name]
        offers[node.name] = tuple(
            cost for cost in costs.placements if request.allows(node.name, cost.device)
        )
        if not offers[node.name]:
            raise InfeasibleError(_why_none(node.name, costs, profile.board, request))
    if request.concerns(Measure.ENERGY):
        used = {cost.device for costs in offers.values() for cost in costs}
        _require_power(profile.board, used)
    return offers


def planned_duration(cost: PlacementCost, request: Request) -> int:
    """What a placement is planned to take, ns: the median, or its bound at the confidence.

    In a pipeline all devices are busy all the time: there it is the time under load, if that was
    measured. Elsewhere nothing tells beforehand what will run beside a layer, and for how long.
    """
    time = cost.loaded if request.is_pipeline and cost.loaded is not None else cost.time
    if request.confidence is None:
        return time.median
    return upper_bound(time, request.confidence)


def planned_energy(cost: PlacementCost, board: Board, request: Request) -> int:
    """What a placement is planned to draw, nJ: power times duration; 0 where no power is stated.

    A watt for a nanosecond is a nanojoule.
    """
    return round((board.device(cost.device).power_watts or 0.0) * planned_duration(cost, request))


def has_power(board: Board, devices: Iterable[str]) -> bool:
    """Whether all of some devices state their power."""
    return all(board.device(name).power_watts is not None for name in devices)


def _why_none(layer: str, costs: LayerCosts, board: Board, request: Request) -> str:
    able = sorted({cost.device for cost in costs.placements})
    pinned = request.pins.get(layer)
    if not able:
        reasons = {r.device: r.reason for r in costs.rejections}
        named = "; ".join(f"{device}: {reason}" for device, reason in reasons.items())
        return f"no device of board {board.name!r} can run layer {layer!r}: {named or 'unmeasured'}"
    if pinned is not None and pinned not in able:
        reason = next((r.reason for r in costs.rejections if r.device == pinned), "not measured")
        return (
            f"layer {layer!r} is pinned to {pinned!r}, which cannot run it ({reason}); "
            f"{listed(able)} can"
        )
    return f"layer {layer!r} is forbidden on {listed(able)}, and no other device can run it"


def _require_power(board: Board, used: set[str]) -> None:
    missing = [d.name for d in board.devices if d.name in used and d.power_watts is None]
    if missing:
        raise RequestError(
            f"board {board.name!r} does not state the power of {listed(missing)}, so no energy is "
            f"known: say what each draws while it is busy, such as --power {missing[0]}=5, or in "
            f"the board file (power_watts); --devices, or --forbid '*={missing[0]}', leaves one out"
        )
