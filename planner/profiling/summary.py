"""What elimination left out of a profile, what that saved, and what it risked."""

from __future__ import annotations

from collections.abc import Mapping

from bnnplan.planner.profile import Eliminated, LayerCosts, Origin
from bnnplan.planner.profiling.candidates import Choice
from bnnplan.planner.profiling.elimination import Elimination
from bnnplan.planner.profiling.knowledge import Key
from bnnplan.planner.profiling.risk import Doubt, of_layer, together
from bnnplan.planner.profiling.savings import full_rounds


def eliminated(
    elimination: Elimination,
    choices: Mapping[Key, Choice],
    layers: Mapping[str, LayerCosts],
    *,
    spent: float,
    surveyed: float,
    rounds: Mapping[str, float],
    tolerance: float,
) -> Eliminated:
    """What was left out in all.

    Parameters
    ----------
    elimination : Elimination
    choices : mapping of (str, str) to Choice
    layers : mapping of str to LayerCosts
        As the profile states them.
    spent, surveyed : float
        Seconds of everything, and of preparing and checking.
    rounds : mapping of str to float
        Mean seconds of timing one program, by device.
    tolerance : float
    """
    signatures = elimination.knowledge.signatures
    names = list(signatures.values())
    costs = [cost for one in layers.values() for cost in one.placements]
    unchecked = [cost for cost in costs if cost.origin is not Origin.MEASURED]
    given_up = {
        (signature, device, c.configuration)
        for (signature, device), choice in choices.items()
        for c in choice.candidates
        if c.hopeless
    }
    dropped = sum(names.count(signature) for signature, _, _ in given_up)
    left = elimination.knowledge.unprepared()
    given_up |= {(s, cost.device, cost.configuration) for s, mine in left.items() for cost in mine}
    doubts: dict[str, list[Doubt]] = {}
    for placement, found in elimination.doubts.items():
        if placement in given_up:
            doubts.setdefault(placement[0], []).append(found)
    fastest = {
        signature: min(cost.time.median for cost in layers[name].placements)
        for name, signature in signatures.items()
        if signature in doubts
    }
    whole = together(
        (of_layer(mine, fastest[signature]), names.count(signature))
        for signature, mine in doubts.items()
    )
    checked = len(costs) - len(unchecked)
    full = full_rounds(signatures, choices, left, rounds, tolerance)
    return Eliminated(
        offered=len(costs),
        measured=checked - dropped,
        unchecked=len(unchecked),
        saved=round(max(0.0, full + surveyed * len(costs) / max(checked, 1) - spent), 3),
        risk=whole.risk,
        regret=whole.regret,
    )
