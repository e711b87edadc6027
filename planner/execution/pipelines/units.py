"""Which layers of a stream one thread runs: those of one stage whose devices share resources."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import attrs

from bnnplan.models.graph import Network
from bnnplan.planner.board import Board
from bnnplan.planner.plan_errors import PlanError
from bnnplan.planner.plan_parts import PlannedLayer, PlannedStream

Unit = tuple[PlannedLayer, ...]
"""In the order of the schedule."""


def units(network: Network, board: Board, stream: PlannedStream) -> list[Unit]:
    """The units of a stream, each after those that it reads from.

    Layers without stages, of plans that are no pipelines, are one unit, and so are no layers.

    Raises
    ------
    PlanError
        If a layer reads what a later stage makes, or another device in the same stage.
    """
    found: list[Unit] = []
    for number in sorted({_stage(layer) for layer in stream.layers}):
        mine = [layer for layer in stream.layers if _stage(layer) == number]
        if mine[0].stage is None:
            found.append(tuple(mine))
            continue
        groups = _sharing(board, dict.fromkeys(layer.device for layer in mine))
        found += [tuple(layer for layer in mine if layer.device in group) for group in groups]
    _require_order(network, found)
    return found or [()]


def with_stages(network: Network, board: Board, stream: PlannedStream) -> PlannedStream:
    """The same stream, with the least stage for every layer.

    A layer is after the stages that it reads from, unless its device shares resources with theirs:
    the rule of :mod:`bnnplan.planner.problem`, for plans that run devices at the same time but
    were not solved as pipelines.
    """
    stages: dict[str, int] = {}
    by_name = {node.name: node for node in network.nodes}
    placed = {layer.name: layer.device for layer in stream.layers}
    for layer in stream.layers:
        makers = [network.producers.get(tensor) for tensor in by_name[layer.name].inputs]
        stages[layer.name] = max(
            (
                stages[maker.name] + (not _share(board, placed[maker.name], layer.device))
                for maker in makers
                if maker is not None
            ),
            default=0,
        )
    layers = [attrs.evolve(layer, stage=stages[layer.name]) for layer in stream.layers]
    return attrs.evolve(stream, layers=layers)


def resources(board: Board, device: str) -> frozenset[str]:
    """What a device occupies; one that names nothing still does one thing at a time."""
    return board.device(device).resources or frozenset({f"device:{device}"})


def _stage(layer: PlannedLayer) -> int:
    return -1 if layer.stage is None else layer.stage


def _share(board: Board, first: str, second: str) -> bool:
    return not resources(board, first).isdisjoint(resources(board, second))


def _sharing(board: Board, devices: Iterable[str]) -> list[set[str]]:
    """Devices in groups that share resources, be it by way of others; in their order."""
    groups: list[set[str]] = []
    for device in devices:
        mine = [group for group in groups if any(_share(board, device, other) for other in group)]
        joined = {device}.union(*mine)
        place = groups.index(mine[0]) if mine else len(groups)
        groups[place : place + bool(mine)] = [joined]
        groups = [group for group in groups if group is joined or group.isdisjoint(joined)]
    return groups


def _require_order(network: Network, found: Sequence[Unit]) -> None:
    unit_of = {layer.name: number for number, unit in enumerate(found) for layer in unit}
    stage_of = {layer.name: _stage(layer) for unit in found for layer in unit}
    for node in network.nodes:
        for tensor in node.inputs:
            maker = network.producers.get(tensor)
            if maker is None or unit_of[maker.name] == unit_of[node.name]:
                continue
            if stage_of[maker.name] >= stage_of[node.name]:
                raise PlanError(
                    f"layer {node.name!r} of stage {stage_of[node.name]} reads what "
                    f"{maker.name!r} makes in stage {stage_of[maker.name]}, on another device: "
                    "it must be in a later stage; solve again"
                )
