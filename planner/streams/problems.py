"""The problem of each lineup: the network on its devices, with teams of stated sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs
import numpy as np

from bnnplan.backends.host import HOST
from bnnplan.backends.interface import Device
from bnnplan.models.graph import Network
from bnnplan.planner.board import USER, Board
from bnnplan.planner.cores import cluster_of, cores_of, named_part, on_devices
from bnnplan.planner.encoding import Encoding, encode_problem
from bnnplan.planner.offers import offered_placements, planned_duration
from bnnplan.planner.problem import Limit, Measure
from bnnplan.planner.profile import Profile
from bnnplan.planner.request import Request
from bnnplan.planner.streams.bounds import Durations
from bnnplan.planner.streams.kinds import Lineup
from bnnplan.planner.streams.room import Room

IN_ALL = ""
"""Stands for all memory spaces together, where those that are limited are named."""


class StreamProblems:
    """Problems of the streams of a network on a board.

    Parameters
    ----------
    network : Network
    profile : Profile
        On a board of whole clusters.
    request : Request

    Attributes
    ----------
    room : Room
    spans : array, layers × kinds
        Nanoseconds that a layer takes on a kind of device at least; infinite where it cannot run.

    Raises
    ------
    RequestError, InfeasibleError
        See :func:`bnnplan.planner.offers.offered_placements`.
    """

    def __init__(self, network: Network, profile: Profile, request: Request) -> None:
        self.network, self.profile, self.request = network, profile, request
        board = profile.board
        request.require(network, board)
        named = [name for name in request.devices if name not in {d.name for d in board.devices}]
        parts = [part for name in named if (part := named_part(board, name)) is not None]
        whole = on_devices(profile, [*board.devices, *parts])
        teams: dict[str, set[int]] = {}
        for costs in offered_placements(network, whole, request).values():
            for cost in costs:
                home = cluster_of(cost.device) if named_part(board, cost.device) else cost.device
                teams.setdefault(home, set()).add(cost.configuration.threads)
        for device in board.devices:
            if mine := teams.get(device.name):
                worth = self._parts(device, mine) if cores_of(device) else None
                teams[device.name] = worth or self._limits(device.name, mine)
        self.room = Room(board, teams, named)
        self.devices = [
            self.room.devices([Lineup((number,), (), kind.takes)])[0][0]
            if kind.is_part
            else kind.device
            for number, kind in enumerate(self.room.kinds)
        ]
        self.spans = self._spans()

    def _launches(self, device: str, team: int) -> tuple[int, ...]:
        """What it takes to start a team after anything else."""
        sources = [USER, *(one.name for one in self.profile.board.devices)]
        return tuple(self.profile.launch(device, team, source) for source in sources)

    def _limits(self, device: str, teams: set[int]) -> set[int]:
        """Limits of teams that differ in what starting takes; the largest of those that do not."""
        return set({self._launches(device, team): team for team in sorted(teams)}.values())

    def _parts(self, cluster: Device, teams: set[int]) -> set[int]:
        """Sizes of parts that run something faster, or start for less, than smaller ones."""
        found = set(teams)
        for size in range(min(teams) + 1, cluster.threads):
            smaller = self._launches(cluster.name, max(team for team in found if team <= size))
            mine = self._launches(cluster.name, size)
            if any(one < other for one, other in zip(mine, smaller, strict=True)):
                found.add(size)
        return found

    def _spans(self) -> Durations:
        spans = np.full((len(self.network.nodes), len(self.devices)), np.inf)
        for row, node in enumerate(self.network.nodes):
            entered = any(name in self.network.inputs for name in node.inputs)
            for column, (kind, device) in enumerate(
                zip(self.room.kinds, self.devices, strict=True)
            ):
                home = kind.device.name
                found = [
                    planned_duration(cost, self.request)
                    for cost in self.profile.layers[node.name].placements
                    if cost.device == home
                    and self.request.allows(node.name, device.name)
                    and cost.configuration.threads <= kind.team
                ]
                if found:
                    launch = self.profile.launch(home, kind.team, USER) if entered else 0
                    spans[row, column] = min(found) + launch
        return spans

    def board_of(self, lineup: Lineup) -> Board:
        """The board with the devices that a lineup has where nothing else is on it."""
        return attrs.evolve(
            self.profile.board, devices=tuple(self.room.devices([lineup])[0]), links=()
        )

    def copied(self, lineup: Lineup) -> int:
        """Nanoseconds for which copies from and to the caller keep all devices of a lineup busy."""
        return self._copied({self.room.kinds[n].device.space.name for n in lineup.kinds})

    @property
    def copied_by_all(self) -> int:
        """The same of every lineup at least."""
        return self._copied({kind.device.space.name for kind in self.room.kinds})

    def _copied(self, spaces: set[str]) -> int:
        if len(spaces) > 1:
            return 0
        (space,) = spaces
        if space == HOST:
            return 0
        total = 0
        for names, ends in (
            (self.network.inputs, (USER, space)),
            (self.network.outputs, (space, USER)),
        ):
            cost = self.profile.transfer(*ends)
            if cost is not None:
                batch = self.profile.batch
                total += sum(cost.duration(self.network.types[n].nbytes(batch)) for n in names)
        return total

    def encoding(
        self,
        lineup: Lineup,
        most: int | None = None,
        devices: list[Device] | None = None,
        memory: Mapping[str, int] | None = None,
    ) -> Encoding:
        """The problem of a lineup, on any devices of its kinds unless they are given.

        Parameters
        ----------
        lineup : Lineup
        most : int, optional
            Nanoseconds of a period that is worth finding.
        devices : list of Device, optional
            In the order of `Lineup.kinds`.
        memory : mapping of str to int, optional
            Bytes of memory spaces that may be counted; of all together by `IN_ALL`.
        """
        mine = self.room.devices([lineup])[0] if devices is None else devices
        request = stream_request(self.request, mine, most)
        if memory is not None:
            spaces = {device.space.name for device in mine}
            sizes = {name: size for name, size in memory.items() if name in spaces}
            limits = [one for one in request.limits if one.measure is not Measure.MEMORY]
            limits += [Limit(Measure.MEMORY, memory[IN_ALL])] if IN_ALL in memory else []
            request = attrs.evolve(request, memory={**request.memory, **sizes}, limits=limits)
        return encode_problem(
            self.network,
            on_devices(self.profile, mine),
            request,
            {
                device.name: self.room.kinds[number].team
                for device, number in zip(mine, lineup.kinds, strict=True)
            },
        )


def stream_request(request: Request, devices: Sequence[Device], most: int | None = None) -> Request:
    """What a request asks of one stream on some devices.

    Parameters
    ----------
    request : Request
    devices : sequence of Device
    most : int, optional
        Nanoseconds of a period that is worth finding.
    """
    names = {device.name for device in devices}
    names |= {cluster_of(name) for name in names}
    spaces = {device.space.name for device in devices}
    limits = [limit for limit in request.limits if limit.measure is not Measure.PERIOD]
    if most is not None:
        limits.append(Limit(Measure.PERIOD, most))
    return attrs.evolve(
        request,
        limits=limits,
        forbidden=[pair for pair in request.forbidden if pair[1] in names],
        memory={name: size for name, size in request.memory.items() if name in spaces},
    )
