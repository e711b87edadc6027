"""What streams are made of: cells of equal cores, kinds of devices, and lineups of them.

Cores that are in exactly the same devices are equal: a part of a cluster is known by how many it
has of each cell. A stream has a lineup: parts of clusters that share no core, and other devices.
Several lineups fit on the board together if their cells do.
"""

from __future__ import annotations

from attrs import frozen

from bnnplan.backends.interface import Device

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
    team : int
        Most threads that a layer may use: what starting a program costs depends on it.
    """

    device: Device
    takes: Takes
    is_part: bool
    team: int


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
