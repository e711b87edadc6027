"""What a plan holds in memory when it runs, told without running it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bnnplan.backends.interface import ALIGNMENT, Device, DeviceError
from bnnplan.backends.registry import get_backend
from bnnplan.models.errors import UnsupportedError
from bnnplan.models.graph import Network, Node
from bnnplan.planner.board import USER, Board
from bnnplan.planner.execution.arenas import Memory, arenas, memory_of, room_for_tensors
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
    capacities: Mapping[str, int | None],
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
    capacities : mapping of str to int or None
        Bytes that each space may hold.
    concurrent : bool
        Whether devices run at the same time.
    """

    def formats(node: Node) -> tuple[tuple[str, ...], tuple[str, ...]]:
        return chosen[node.name].input_formats, chosen[node.name].output_formats

    assignment = {name: (cost.device, cost.configuration) for name, cost in chosen.items()}
    staging = Staging(network, board, assignment, formats, order, concurrent=concurrent)
    lifetimes = Lifetimes(staging)
    sizes = {place: network.types[place[0]].nbytes(batch) for place in staging.owners}
    found = arenas(
        network,
        batch,
        staging.owners,
        lambda name: _memory(board.device(name)),
        lifetimes.blocks,
        room_for_tensors(staging, capacities, lambda node: chosen[node.name]),
    )
    rows = []
    for space in (space for space in predicted if space != USER):
        programs = [
            [chosen[node.name] for node in stage.segment.nodes]
            for stage in staging.stages
            if board.device(stage.segment.device).space.name == space
        ]
        here = {place: size for place, size in sizes.items() if place[1] == space}
        if not programs and not here:
            continue
        rows.append(
            MemoryUse(
                space,
                sum(cost.weight_bytes for costs in programs for cost in costs),
                sum(arena.nbytes for arena in found if arena.space == space),
                lifetimes.blocks(here).bound,
                sum(max(cost.workspace_bytes for cost in costs) for costs in programs),
                predicted[space],
            )
        )
    return tuple(rows)


def _memory(device: Device) -> Memory:
    """How a device gives memory; as most do where it is out of reach."""
    try:
        return memory_of(get_backend(device.backend), device)
    except (UnsupportedError, DeviceError):
        return Memory(device.backend, ALIGNMENT)
