"""What has to hold of the streams of a plan, whoever wrote it."""

from __future__ import annotations

from collections.abc import Sequence

from bnnplan.models.graph import Network
from bnnplan.planner.board import Board
from bnnplan.planner.plan_errors import PlanError
from bnnplan.planner.plan_parts import PlannedLayer, PlannedStream


def check_streams(board: Board, streams: Sequence[PlannedStream]) -> None:
    """Raise an error unless each stream places layers once, on devices that no other one uses.

    Raises
    ------
    PlanError
    BoardError
        If the board has no such device.
    """
    users: dict[str, int] = {}
    for number, stream in enumerate(streams):
        seen = set()
        for row in stream.layers:
            if row.name in seen:
                raise PlanError(f"layer {row.name!r} is placed twice{_of(number)}")
            seen.add(row.name)
        for name in dict.fromkeys(row.device for row in stream.layers):
            for resource in board.device(name).resources or {name}:
                if users.setdefault(resource, number) != number:
                    raise PlanError(
                        f"streams {users[resource]} and {number} both use {resource!r}; the "
                        "streams of a plan share no devices; solve again"
                    )


def require_streams(network: Network, streams: Sequence[PlannedStream]) -> None:
    """Raise PlanError unless each stream places the layers of a network in order."""
    for number, stream in enumerate(streams):
        _require_layers(network, stream.layers, _of(number))
        for move in stream.transfers:
            if move.tensor not in network.types:
                raise PlanError(
                    f"the plan moves {move.tensor!r}{_of(number)}, which is no tensor; solve again"
                )


def _require_layers(network: Network, rows: Sequence[PlannedLayer], where: str) -> None:
    nodes = {node.name: node for node in network.nodes}
    placed = {row.name for row in rows}
    if missing := [name for name in nodes if name not in placed]:
        raise PlanError(f"the plan does not place layer {missing[0]!r}{where}; solve again")
    made = set(network.inputs)
    for row in rows:
        if row.name not in nodes:
            raise PlanError(f"the plan places {row.name!r}{where}, which is no layer; solve again")
        if not made.issuperset(nodes[row.name].inputs):
            raise PlanError(
                f"the plan runs layer {row.name!r}{where} before what it reads; solve again"
            )
        made.update(nodes[row.name].outputs)
    stages = {row.name: row.stage for row in rows}
    for row in rows:
        for tensor in nodes[row.name].inputs:
            maker = network.producers.get(tensor)
            before = None if maker is None else stages[maker.name]
            if before is not None and (row.stage is None or row.stage < before):
                raise PlanError(
                    f"the plan runs layer {row.name!r}{where} in a stage before that of "
                    "what it reads; solve again"
                )


def _of(number: int) -> str:
    return f" in stream {number}" if number else ""
