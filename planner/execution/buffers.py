"""Takes memory for places: those of one memory space share one arena."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from bnnplan.backends.interface import Buffer
from bnnplan.planner.execution.arenas import Lives, Memory, arenas, memory_of
from bnnplan.planner.execution.staging import Place
from bnnplan.planner.execution.workbench import Workbench


@frozen
class Held:
    """Memory for the tensors of one space.

    Parameters
    ----------
    nbytes : int
        What is allocated for them.
    bound : int
        The most bytes of them that must be held at once.
    """

    nbytes: int
    bound: int


@frozen(eq=False)
class Buffers:
    """Where every place lies.

    Parameters
    ----------
    at : dict of Place to Buffer
    held : dict of str to Held
        By memory space.
    """

    at: dict[Place, Buffer]
    held: dict[str, Held]


def allocate(
    bench: Workbench,
    owners: Mapping[Place, str],
    lives: Lives,
    room: Mapping[str, int] | None = None,
) -> Buffers:
    """Allocate buffers for places, as `arenas` arranges them.

    Parameters
    ----------
    bench : Workbench
    owners : mapping of Place to str
        The device that each place is allocated for.
    lives : callable
    room : mapping of str to int, optional
        Bytes that there are for tensors, by memory space; by default there is no limit.

    Raises
    ------
    DeviceError
        If a device has no memory left.
    """
    types, batch = bench.network.types, bench.batch
    sizes = {place: types[place[0]].nbytes(batch) for place in owners}
    at: dict[Place, Buffer] = {}
    taken = dict.fromkeys((place[1] for place in sizes), 0)

    def memory(name: str) -> Memory:
        return memory_of(bench.backends[name], bench.device(name))

    for arena in arenas(bench.network, batch, owners, memory, lives, room or {}):
        first = owners[arena.places[0]]
        block = None
        if arena.layout is not None:
            block = bench.backends[first].allocate_arena(bench.device(first), arena.nbytes)
        if arena.layout is not None and block is not None:
            for place, offset in zip(arena.places, arena.layout.offsets, strict=True):
                at[place] = block.take(offset, types[place[0]], batch)
            taken[arena.space] += block.nbytes
            continue
        for place in arena.places:
            tensor, _, format = place
            device = bench.device(owners[place])
            at[place] = bench.backends[device.name].allocate(device, types[tensor], batch, format)
            taken[arena.space] += sizes[place]
    held = {
        space: Held(taken[space], lives({p: s for p, s in sizes.items() if p[1] == space}).bound)
        for space in taken
    }
    return Buffers(at, held)
