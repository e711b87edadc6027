"""What streams can be made of: cells of equal cores, kinds of devices, and lineups of them.

Cores that are in exactly the same devices are equal: a part of a cluster is known by how many it
has of each cell. A stream has a lineup: parts of clusters that share no core, and other devices.
Several lineups fit on the board together if their cells do.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence

from attrs import frozen

from bnnplan.backends.interface import Device
from bnnplan.planner.board import CORE, Board
from bnnplan.planner.cores import blocks, cores_of, lay_out, named_part, part_of

Takes = tuple[int, ...]
"""Units of each cell."""


@frozen
class Cell:
    """Resources that are equal.

    Attributes
    ----------
    resources : tuple of str
        Cores by their numbers.
    size : int
        Units that can be taken apart: cores of clusters; else 1.
    """

    resources: tuple[str, ...]
    size: int


@frozen
class Kind:
    """Equal devices.

    Attributes
    ----------
    device : Device
        On the board: the device, or the cluster that it is a part of.
    takes : Takes
    is_part : bool
        Whether parts of its cluster may lie beside it; else it may share what it takes.
    """

    device: Device
    takes: Takes
    is_part: bool

    @property
    def cores(self) -> int:
        """What it takes in all."""
        return sum(self.takes)


@frozen
class Lineup:
    """The devices of a stream.

    Attributes
    ----------
    parts : tuple of int
        Numbers of kinds, ascending; as often as there are such parts.
    others : tuple of int
        Numbers of kinds that are no parts.
    takes : Takes
    """

    parts: tuple[int, ...]
    others: tuple[int, ...]
    takes: Takes

    @property
    def kinds(self) -> tuple[int, ...]:
        """Numbers of the kinds of all its devices."""
        return (*self.parts, *self.others)


def fits(takes: Takes, room: Takes) -> bool:
    """Whether there is room for so much."""
    return all(one <= other for one, other in zip(takes, room, strict=True))


def added(takes: Takes, others: Takes) -> Takes:
    """Both together."""
    return tuple(one + other for one, other in zip(takes, others, strict=True))


class Room:
    """The cells of a board, and the kinds of devices that they can be.

    Parameters
    ----------
    board : Board
    threads : mapping of str to collection of int
        Thread counts that are worth a part, by name of cluster.
    named : iterable of str
        Devices, and parts of clusters, that something was said of.
    """

    def __init__(
        self, board: Board, threads: Mapping[str, Iterable[int]], named: Iterable[str]
    ) -> None:
        self.board = board
        special = [one for name in named if (one := named_part(board, name)) is not None]
        self.cells = _cells(board, special)
        self.capacity: Takes = tuple(cell.size for cell in self.cells)
        self.kinds = [kind for device in board.devices for kind in self._kinds(device, threads)]

    def lineups(self, most: int, parts: int) -> Iterator[Lineup]:
        """All lineups of up to so many parts, those of few parts first; up to `most` of them."""
        numbers = [number for number, kind in enumerate(self.kinds) if kind.is_part]
        others = [number for number, kind in enumerate(self.kinds) if not kind.is_part]
        chosen = [
            pick
            for count in range(len(others) + 1)
            for pick in itertools.combinations(others, count)
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

    def _kinds(self, device: Device, threads: Mapping[str, Iterable[int]]) -> Iterator[Kind]:
        resources = resources_of(device)
        inside = [bool(resources & set(cell.resources)) for cell in self.cells]
        whole = tuple(
            cell.size if mine else 0 for cell, mine in zip(self.cells, inside, strict=True)
        )
        if not cores_of(device):
            yield Kind(device, whole, is_part=False)
            return
        known = {len(block) for block in blocks(range(sum(whole)))}
        sizes = {*(known & {*threads.get(device.name, ())}), sum(whole)}
        for takes in itertools.product(*(range(count + 1) for count in whole)):
            if sum(takes) in sizes:
                yield Kind(device, takes, is_part=True)


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
