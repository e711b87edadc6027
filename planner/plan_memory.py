"""What a plan holds in memory when it runs, told without running it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bnnplan.models.graph import Network, Node
from bnnplan.planner.arena import lay_out
from bnnplan.planner.board import USER, Board
from bnnplan.planner.execution.lifetimes import Lifetimes
from bnnplan.planner.execution.staging import Staging
from bnnplan.planner.plan import MemoryUse
from bnnplan.planner.profile import PlacementCost


def planned_memory(
    network: Network,
    board: Board,
    batch: int,
    chosen: Mapping[str, PlacementCost],
    order: Sequence[str],
    predicted: Mapping[str, int],
    *,
    concurrent: bool,
) -> tuple[MemoryUse, ...]:
    """What running a plan allocates, by memory space.

    Parameters
    ----------
    network : Network
    board : Board
    batch : int
    chosen : mapping of str to PlacementCost
        By name of node.
    order : sequence of str
        Names of nodes, as scheduled.
    predicted : mapping of str to int
        What the solver counted in each space.
    concurrent : bool
        Whether devices run at the same time.
    """

    def formats(node: Node) -> tuple[tuple[str, ...], tuple[str, ...]]:
        return chosen[node.name].input_formats, chosen[node.name].output_formats

    assignment = {name: (cost.device, cost.configuration) for name, cost in chosen.items()}
    staging = Staging(network, board, assignment, formats, order, concurrent=concurrent)
    lifetimes = Lifetimes(staging)
    rows = []
    for space in (space for space in predicted if space != USER):
        sizes = {
            place: network.types[place[0]].nbytes(batch)
            for place in staging.owners
            if place[1] == space
        }
        programs = [
            [chosen[node.name] for node in stage.segment.nodes]
            for stage in staging.stages
            if board.device(stage.segment.device).space.name == space
        ]
        if not programs and not sizes:
            continue
        layout = lay_out(lifetimes.blocks(sizes))
        rows.append(
            MemoryUse(
                space,
                sum(cost.weight_bytes for costs in programs for cost in costs),
                layout.total,
                layout.bound,
                sum(max(cost.workspace_bytes for cost in costs) for costs in programs),
                predicted[space],
            )
        )
    return tuple(rows)
