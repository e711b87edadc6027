"""From a network and its profile to the pure problem, and from a solution back to placements."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import attrs
from attrs import frozen

from bnnplan.backends.interface import Configuration, Device
from bnnplan.models.graph import Network, Node
from bnnplan.planner import problem as pure
from bnnplan.planner.board import USER, Board
from bnnplan.planner.encoding_tensors import INPUT, port_name, ports_of, tensors_of
from bnnplan.planner.offers import offered_placements, planned_duration, planned_energy
from bnnplan.planner.profile import PlacementCost, Profile
from bnnplan.planner.request import Request

OUTPUT = "output "


@frozen
class Encoding:
    """A problem with what its options stand for.

    Parameters
    ----------
    problem : bnnplan.planner.problem.Problem
    placements : mapping of str to tuple of PlacementCost
        By name of node, in the order of the task's options.
    alone : bnnplan.planner.problem.Problem or None
        Of a pipeline: the problem of one batch that runs alone, while no other device is busy, and
        that is copied from and to the caller's arrays.
    """

    problem: pure.Problem
    placements: dict[str, tuple[PlacementCost, ...]]
    alone: pure.Problem | None = None

    @property
    def teams(self) -> dict[str, int]:
        """Most threads that a layer may use, by device: what launches are counted for."""
        return _widest(cost for costs in self.placements.values() for cost in costs)

    def chosen(self, choice: Sequence[int]) -> dict[str, PlacementCost]:
        """The placement of every node in a choice of the problem."""
        return {
            task.name: self.placements[task.name][option]
            for task, option in zip(self.problem.tasks, choice, strict=True)
            if task.name in self.placements
        }

    def choice(self, chosen: dict[str, PlacementCost]) -> list[int]:
        """The inverse of `chosen`."""
        return [
            self.placements[task.name].index(chosen[task.name]) if task.name in chosen else 0
            for task in self.problem.tasks
        ]


def encode_problem(
    network: Network,
    profile: Profile,
    request: Request | None = None,
    threads: Mapping[str, int] | None = None,
) -> Encoding:
    """Encode one batch, from the caller's arrays to the caller's arrays, as a request wants it.

    Network inputs and outputs are tasks of no duration at the caller's end, so that the transfers
    to the first and from the last layers count. Starting a program on a device costs its launch.
    Energy is that of the layers: no power is stated for transfers and launches.

    Parameters
    ----------
    network : Network
    profile : Profile
        Of this network; see :meth:`Profile.require`.
    request : Request, optional
        By default the least latency, without any wishes.
    threads : mapping of str to int, optional
        Most threads that a layer may use, by device; by default as many as any placement has
        that is offered. What starting a program costs depends on it.

    Raises
    ------
    RequestError, InfeasibleError
        See :func:`bnnplan.planner.offers.offered_placements`.
    """
    wanted = request or Request()
    board = profile.board
    offers = offered_placements(network, profile, wanted)
    widest = _widest(cost for costs in offers.values() for cost in costs)
    limits = threads or {}
    most = {d.name: limits.get(d.name, widest.get(d.name, 1)) for d in board.devices}
    placements = {
        name: tuple(cost for cost in costs if cost.configuration.threads <= most[cost.device])
        for name, costs in offers.items()
    }
    user = pure.Device(USER)
    names = [device.name for device in board.devices]
    entries = [
        pure.Entry(source, target, profile.launch(target, most[target], source))
        for target in names
        for source in [USER, *names]
        if source != target
    ]
    devices = (pure.Device(d.name, _busy(d), wanted.contiguous) for d in board.devices)
    spaces = (pure.Space(name, size) for name, size in wanted.capacities(board).items())
    problem = pure.Problem(
        name=network.name,
        tasks=_tasks(network, placements, board, wanted),
        tensors=tensors_of(network, profile, placements, pipeline=wanted.is_pipeline),
        edges=tuple(_edges(network)),
        devices=(user, *devices),
        spaces=(pure.Space(USER), *spaces),
        ports=ports_of(placements, board),
        entries=tuple(entries),
        objectives=wanted.objectives,
        limits=wanted.limits,
        colocated=wanted.colocated,
        switches=wanted.switches,
    )
    if not wanted.is_pipeline:
        return Encoding(problem, placements)
    idle = {
        name: tuple(attrs.evolve(cost, loaded=None) for cost in costs)
        for name, costs in placements.items()
    }
    alone = attrs.evolve(
        problem,
        tasks=_tasks(network, idle, board, wanted),
        tensors=tensors_of(network, profile, placements),
    )
    return Encoding(problem, placements, alone)


def _tasks(
    network: Network,
    placements: Mapping[str, tuple[PlacementCost, ...]],
    board: Board,
    request: Request,
) -> tuple[pure.Task, ...]:
    return (
        *(_end(INPUT + name, outputs=1) for name in network.inputs),
        *(_task(node, placements[node.name], board, request) for node in network.nodes),
        *(_end(OUTPUT + name, inputs=1) for name in network.outputs),
    )


def widest_teams(assignment: Mapping[str, tuple[str, Configuration]]) -> dict[str, int]:
    """Most threads that a layer uses on each device of an assignment."""
    return _most((device, configuration.threads) for device, configuration in assignment.values())


def _widest(costs: Iterable[PlacementCost]) -> dict[str, int]:
    return _most((cost.device, cost.configuration.threads) for cost in costs)


def _most(threads: Iterable[tuple[str, int]]) -> dict[str, int]:
    most: dict[str, int] = {}
    for device, count in threads:
        most[device] = max(most.get(device, 1), count)
    return most


def _end(name: str, *, inputs: int = 0, outputs: int = 0) -> pure.Task:
    option = pure.Option("caller", USER, 0, (USER,) * inputs, (USER,) * outputs, USER)
    return pure.Task(name, (option,))


def _task(
    node: Node, placements: Sequence[PlacementCost], board: Board, request: Request
) -> pure.Task:
    options = []
    for cost in placements:
        space = board.device(cost.device).space.name
        options.append(
            pure.Option(
                name=f"{cost.device} {cost.configuration.label}",
                device=cost.device,
                duration=planned_duration(cost, request),
                input_ports=tuple(port_name(space, f) for f in cost.input_formats),
                output_ports=tuple(port_name(space, f) for f in cost.output_formats),
                space=space,
                weight_bytes=cost.weight_bytes,
                workspace_bytes=cost.workspace_bytes,
                group=f"{cost.device} {cost.configuration.label}",
                energy=planned_energy(cost, board, request),
            )
        )
    return pure.Task(node.name, tuple(options))


def _busy(device: Device) -> frozenset[str]:
    """What a device occupies; one that names nothing still runs one layer at a time."""
    return device.resources or frozenset({f"device:{device.name}"})


def _edges(network: Network) -> list[pure.Edge]:
    edges = [
        pure.Edge(tensor, node.name, position)
        for node in network.nodes
        for position, tensor in enumerate(node.inputs)
    ]
    return edges + [pure.Edge(name, OUTPUT + name) for name in network.outputs]
