"""Which tensors share an arena and where they lie in it: the same when planned and when run."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Protocol

from attrs import frozen

from bnnplan.backends.interface import Backend, Device
from bnnplan.models.graph import Network, Node
from bnnplan.planner.arena import Blocks, Layout, lay_out
from bnnplan.planner.execution.staging import Place, Staging

Lives = Callable[[Mapping[Place, int]], Blocks]
"""Makes blocks of memory of places and their bytes, in that order."""


@frozen
class Memory:
    """How a device gives memory for tensors.

    Parameters
    ----------
    kind : hashable
        Devices of one memory space share an arena if this is equal; None where there are none.
    alignment : int
        Bytes to whose multiples tensors in an arena are aligned.
    """

    kind: Hashable
    alignment: int


@frozen
class Arena:
    """Places that take turns in one block of memory, or have memory of their own.

    Parameters
    ----------
    space : str
    places : tuple of Place
    layout : Layout or None
        Where they lie if they take turns.
    nbytes : int
        What is allocated for all of them.
    """

    space: str
    places: tuple[Place, ...]
    layout: Layout | None
    nbytes: int


class Holding(Protocol):
    """A kernel, or what a profile knows of it."""

    @property
    def weight_bytes(self) -> int: ...

    @property
    def workspace_bytes(self) -> int: ...


def memory_of(backend: Backend, device: Device) -> Memory:
    """How a backend gives memory on a device.

    Raises
    ------
    DeviceError
        If the device is not there.
    """
    backed = type(backend)
    # Backends that share this code share arenas.
    has_arenas = backed.allocate_arena is not Backend.allocate_arena
    kind = (backed.allocate_arena, backed.allocate) if has_arenas else None
    return Memory(kind, backend.alignment(device))


def arenas(
    network: Network,
    batch: int,
    owners: Mapping[Place, str],
    memory: Callable[[str], Memory],
    lives: Lives,
    room: Mapping[str, int],
) -> list[Arena]:
    """Give every place a place in an arena, or memory of its own.

    Tensors in a format of a backend's own, and those of backends without arenas, have memory of
    their own.

    Parameters
    ----------
    network : Network
    batch : int
    owners : mapping of Place to str
        The device that each place is allocated for.
    memory : callable
        How a device of a name gives memory.
    lives : callable
    room : mapping of str to int
        Bytes that there are for tensors in memory spaces that are limited.
    """
    memories = {name: memory(name) for name in sorted(set(owners.values()))}
    alignments = {place: memories[name].alignment for place, name in owners.items()}
    groups: dict[tuple[str, Hashable], dict[Place, int]] = {}
    for place, name in owners.items():
        tensor, space, format = place
        type = network.types[tensor]
        shared = memories[name].kind if format == type.format else None
        groups.setdefault((space, shared), {})[place] = type.nbytes(batch)
    found = [
        _arena(space, kind, group, alignments, lives) for (space, kind), group in groups.items()
    ]
    for number, ((space, kind), group) in enumerate(groups.items()):
        taken = sum(arena.nbytes for arena in found if arena.space == space)
        excess = taken - room.get(space, taken)
        if kind is not None and excess > 0:
            enough = found[number].nbytes - excess
            found[number] = _arena(space, kind, group, alignments, lives, enough)
    return found


def _arena(
    space: str,
    kind: Hashable,
    group: Mapping[Place, int],
    alignments: Mapping[Place, int],
    lives: Lives,
    enough: int | None = None,
) -> Arena:
    if kind is None:
        return Arena(space, tuple(group), None, sum(group.values()))
    alignment = max(alignments[place] for place in group)
    layout = lay_out(lives(group), alignment, enough)
    return Arena(space, tuple(group), layout, layout.total)


def room_for_tensors(
    staging: Staging, capacities: Mapping[str, int | None], held: Callable[[Node], Holding]
) -> dict[str, int]:
    """Bytes that are left in limited spaces beside weights and workspaces.

    Parameters
    ----------
    staging : Staging
    capacities : mapping of str to int or None
        By memory space.
    held : callable
        The kernel of a node, or what is known of it.
    """
    room = {space: most for space, most in capacities.items() if most is not None}
    for stage in staging.stages:
        space = staging.board.device(stage.segment.device).space.name
        kernels = [held(node) for node in stage.segment.nodes]
        if space in room:
            # The workspaces of one program take turns.
            room[space] -= sum(kernel.weight_bytes for kernel in kernels)
            room[space] -= max(kernel.workspace_bytes for kernel in kernels)
    return room
