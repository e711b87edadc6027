"""The problem of each lineup: the network on its devices, whose teams are as large as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs
import numpy as np

from bnnplan.backends.interface import Device
from bnnplan.models.graph import Network
from bnnplan.planner.board import USER, Board
from bnnplan.planner.cores import cluster_of, named_part, on_devices
from bnnplan.planner.encoding import Encoding, encode_problem
from bnnplan.planner.offers import offered_placements, planned_duration
from bnnplan.planner.problem import Limit, Measure
from bnnplan.planner.profile import Profile
from bnnplan.planner.request import Request
from bnnplan.planner.streams.bounds import Durations
from bnnplan.planner.streams.kinds import Lineup, Room


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
        threads: dict[str, set[int]] = {}
        for costs in offered_placements(network, whole, request).values():
            for cost in costs:
                home = cluster_of(cost.device) if named_part(board, cost.device) else cost.device
                threads.setdefault(home, set()).add(cost.configuration.threads)
        self.room = Room(board, threads, named)
        self.devices = [
            self.room.devices([Lineup((number,), (), kind.takes)])[0][0]
            if kind.is_part
            else kind.device
            for number, kind in enumerate(self.room.kinds)
        ]
        self.spans = self._spans()

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
                    and (not kind.is_part or cost.configuration.threads <= device.threads)
                ]
                if found:
                    teams = [device.threads] if kind.is_part else self.profile.thread_counts(home)
                    launches = [self.profile.launch(home, team, USER) for team in teams]
                    spans[row, column] = min(found) + (min(launches) if entered else 0)
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
            Bytes of memory spaces that may be counted.
        """
        mine = self.room.devices([lineup])[0] if devices is None else devices
        request = stream_request(self.request, mine, most)
        if memory is not None:
            spaces = {device.space.name for device in mine}
            limits = {name: size for name, size in memory.items() if name in spaces}
            request = attrs.evolve(request, memory={**request.memory, **limits})
        return encode_problem(
            self.network,
            on_devices(self.profile, mine),
            request,
            {
                device.name: device.threads
                for device, number in zip(mine, lineup.kinds, strict=True)
                if self.room.kinds[number].is_part
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
