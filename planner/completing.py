"""Fills in what a profile does not have with costs that a board model predicts."""

from __future__ import annotations

import attrs

from bnnplan.models.graph import Network
from bnnplan.planner.board import USER
from bnnplan.planner.board_model import BoardModel, BoardModelError
from bnnplan.planner.predicting import Foresight, device_names, model_text, require_any
from bnnplan.planner.profile import LayerCosts, Profile, ProfileError, shape_fingerprint


def completed(profile: Profile, model: BoardModel, network: Network) -> Profile:
    """A profile with predicted costs for what it does not have; what it has is kept.

    Devices are those of the profile. Layers, placements, transfers and launches are filled in.
    What the profile rejects stays rejected.

    Raises
    ------
    ProfileError
        If the profile is of another network.
    BoardModelError
        If the model knows none of the profile's devices, or a layer has no placement even so.
    """
    if profile.network_fingerprint != shape_fingerprint(network):
        raise ProfileError(
            f"the profile is of another network, {profile.network!r}, so nothing can be filled in "
            f"for {network.name!r}; name a profile of this network"
        )
    known = {device.name: device for device in model.board.devices}
    common = [d for d in profile.board.devices if known.get(d.name) == d]
    if not common:
        raise BoardModelError(
            f"the board model knows no device of board {profile.board.name!r} as it was profiled "
            f"({device_names(profile.board.devices)}): it is of board {model.board.name!r} "
            f"({device_names(model.board.devices)})"
        )
    mine = attrs.evolve(model, board=attrs.evolve(profile.board, devices=common))
    foreseen = Foresight(mine).of_network(network, profile.batch)
    layers = {}
    filled = False
    for node in network.nodes:
        before = profile.layers.get(node.name, LayerCosts(()))
        predicted = foreseen[node.name]
        taken = {(cost.device, cost.configuration) for cost in before.placements}
        refused = {(r.device, r.configuration) for r in before.rejections}
        more = [
            cost
            for cost in predicted.placements
            if (cost.device, cost.configuration) not in taken
            and not {(cost.device, ""), (cost.device, cost.configuration.label)} & refused
        ]
        filled = filled or bool(more)
        reasons = before.rejections or predicted.rejections
        layers[node.name] = LayerCosts((*before.placements, *more), reasons)
        require_any(node.name, layers[node.name], profile.board.name)
    if not filled:
        return profile
    moved = {(cost.source, cost.target) for cost in profile.transfers}
    launched = {cost.device for cost in profile.launches}
    names = {device.name for device in common}
    spaces = {USER, *(space.name for space in profile.board.spaces)}
    return attrs.evolve(
        profile,
        layers=layers,
        transfers=(
            *profile.transfers,
            *(
                cost
                for cost in model.transfers
                if (cost.source, cost.target) not in moved and {cost.source, cost.target} <= spaces
            ),
        ),
        launches=(
            *profile.launches,
            *(c for c in model.launches if c.device not in launched and c.device in names),
        ),
        conditions=attrs.evolve(profile.conditions, model=model_text(model)),
    )
