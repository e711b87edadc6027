"""A board as room for streams: its cells, the kinds of devices on them, and all lineups."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence

from bnnplan.backends.interface import Device
from bnnplan.planner.board import CORE, Board
from bnnplan.planner.cores import blocks, cluster_of, cores_of, lay_out, named_part, part_of
from bnnplan.planner.streams.kinds import Cell, Kind, Lineup, Takes, added, fits


class Room:
    """The cells of a board, and the kinds of devices that they can be.

    Parameters
    ----------
    board : Board
    teams : mapping of str to collection of int
        Thread counts that are worth a part, by name of cluster; of other devices, those that are
        worth a limit.
    named : iterable of str
        Devices, and parts of clusters, that something was said of.
    """

    def __init__(
        self, board: Board, teams: Mapping[str, Iterable[int]], named: Iterable[str]
    ) -> None:
        self.board = board
        special = [one for name in named if (one := named_part(board, name)) is not None]
        self._asked = {(cluster_of(one.name), one.threads) for one in special}
        self.cells = _cells(board, special)
        self.capacity: Takes = tuple(cell.size for cell in self.cells)
        self.kinds = [kind for device in board.devices for kind in self._kinds(device, teams)]

    def lineups(self, most: int, parts: int) -> Iterator[Lineup]:
        """All lineups of up to so many parts, those of few parts first; up to `most` of them."""
        numbers = [number for number, kind in enumerate(self.kinds) if kind.is_part]
        others = [number for number, kind in enumerate(self.kinds) if not kind.is_part]
        chosen = [
            pick
            for count in range(len(others) + 1)
            for pick in itertools.combinations(others, count)
            if len({self.kinds[number].device.name for number in pick}) == count
        ]
        found = (
            lineup
            for count in range(parts + 1)
            for mine, takes in self._multisets(numbers, count, self._nothing)
            for pick in chosen
            if (lineup := self._lineup(mine, takes, pick)) is not None
        )
        return itertools.islice(found, most)

    def devices(self, lineups: Sequence[Lineup]) -> list[list[Device]]:
        """The devices of lineups that share nothing, each on cores of its own."""
        wanted = [self.kinds[number] for lineup in lineups for number in lineup.parts]
        cores: list[list[int]] = [[] for _ in wanted]
        for place, cell in enumerate(self.cells):
            mine = [number for number, kind in enumerate(wanted) if kind.takes[place]]
            numbers = [int(core.removeprefix(CORE)) for core in cell.resources] if mine else []
            sizes = [wanted[number].takes[place] for number in mine]
            for number, block in zip(mine, lay_out(numbers, sizes), strict=True):
                cores[number] += block
        parts = iter(part_of(kind.device, its) for kind, its in zip(wanted, cores, strict=True))
        return [
            [
                *itertools.islice(parts, len(lineup.parts)),
                *(self.kinds[number].device for number in lineup.others),
            ]
            for lineup in lineups
        ]

    def lined_up(self, teams: Mapping[Device, int]) -> tuple[Lineup, list[Device]] | None:
        """The lineup of given devices, and these in its order; None if there is no such lineup.

        Parameters
        ----------
        teams : mapping of Device to int
            Clusters, parts of them and other devices, with the most threads of a layer there.
        """
        found: list[tuple[int, Device]] = []
        for device, team in teams.items():
            resources = resources_of(device)
            takes = tuple(len(resources & set(cell.resources)) for cell in self.cells)
            mine = [
                number
                for number, kind in enumerate(self.kinds)
                if kind.device.name == cluster_of(device.name) and kind.team >= team
                if not kind.is_part or kind.takes == takes
            ]
            if not mine:
                return None
            found.append((min(mine, key=lambda number: self.kinds[number].team), device))
        found.sort(key=lambda one: (not self.kinds[one[0]].is_part, one[0]))
        parts = tuple(number for number, _ in found if self.kinds[number].is_part)
        taken = self._nothing
        for number in parts:
            taken = added(taken, self.kinds[number].takes)
        lineup = self._lineup(parts, taken, [number for number, _ in found[len(parts) :]])
        return None if lineup is None else (lineup, [device for _, device in found])

    @property
    def _nothing(self) -> Takes:
        return (0,) * len(self.cells)

    def _lineup(self, parts: tuple[int, ...], takes: Takes, others: Sequence[int]) -> Lineup | None:
        """With other devices, which lie on all cores of theirs; None if there is no room."""
        if not parts and not others:
            return None
        for number in others:
            mine = self.kinds[number].takes
            takes = tuple(max(one, other) for one, other in zip(takes, mine, strict=True))
        return Lineup(parts, tuple(others), takes) if fits(takes, self.capacity) else None

    def _multisets(
        self, numbers: Sequence[int], count: int, taken: Takes
    ) -> Iterator[tuple[tuple[int, ...], Takes]]:
        if not count:
            yield (), taken
            return
        for place, number in enumerate(numbers):
            more = added(taken, self.kinds[number].takes)
            if fits(more, self.capacity):
                for rest, takes in self._multisets(numbers[place:], count - 1, more):
                    yield (number, *rest), takes

    def _kinds(self, device: Device, teams: Mapping[str, Iterable[int]]) -> Iterator[Kind]:
        resources = resources_of(device)
        inside = [bool(resources & set(cell.resources)) for cell in self.cells]
        whole = tuple(
            cell.size if mine else 0 for cell, mine in zip(self.cells, inside, strict=True)
        )
        if not cores_of(device):
            for team in sorted(teams.get(device.name, (1,))):
                yield Kind(device, whole, is_part=False, team=team)
            return
        known = {len(block) for block in blocks(range(sum(whole)))}
        sizes = {*(known & {*teams.get(device.name, ())}), sum(whole)}
        sizes |= {size for cluster, size in self._asked if cluster == device.name}
        for takes in itertools.product(*(range(count + 1) for count in whole)):
            if sum(takes) in sizes:
                yield Kind(device, takes, is_part=True, team=sum(takes))


def resources_of(device: Device) -> frozenset[str]:
    """What a device occupies; one that names nothing still runs one layer at a time."""
    return device.resources or frozenset({f"device:{device.name}"})


def _cells(board: Board, special: Sequence[Device]) -> list[Cell]:
    """Group the resources by where they are."""
    groups: dict[tuple[bool, ...], list[str]] = {}
    devices = [*board.devices, *special]
    used = [resources_of(device) for device in devices]
    for resource in sorted(frozenset().union(*used), key=_by_number):
        groups.setdefault(tuple(resource in its for its in used), []).append(resource)
    divided: set[str] = set()
    for device in board.devices:
        if cores_of(device):
            divided |= device.resources
    return [Cell(tuple(mine), len(mine) if mine[0] in divided else 1) for mine in groups.values()]


def _by_number(resource: str) -> tuple[int, str]:
    number = resource.removeprefix(CORE)
    return (int(number) if number.isdecimal() else -1), resource
