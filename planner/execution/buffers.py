"""Takes memory for places: those of one memory space share one arena."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping

from attrs import frozen

from bnnplan.backends.interface import Buffer
from bnnplan.planner.arena import Blocks, lay_out
from bnnplan.planner.execution.staging import Place
from bnnplan.planner.execution.workbench import Workbench

Lives = Callable[[Mapping[Place, int]], Blocks]
"""Makes blocks of memory of places and their bytes, in that order."""


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


def allocate(bench: Workbench, owners: Mapping[Place, str], lives: Lives) -> Buffers:
    """Allocate buffers for places.

    Tensors in a format of a backend's own, and those of backends without arenas, have memory of
    their own.

    Parameters
    ----------
    bench : Workbench
    owners : mapping of Place to str
        The device that each place is allocated for.
    lives : callable

    Raises
    ------
    DeviceError
        If a device has no memory left.
    """
    types, batch = bench.network.types, bench.batch
    sizes = {place: types[place[0]].nbytes(batch) for place in owners}
    groups: dict[Hashable, dict[Place, int]] = {}
    for place, size in sizes.items():
        groups.setdefault(_memory(bench, place, owners[place]), {})[place] = size
    at: dict[Place, Buffer] = {}
    taken = dict.fromkeys((place[1] for place in sizes), 0)
    for group in groups.values():
        devices = [bench.device(owners[place]) for place in group]
        backend = bench.backends[devices[0].name]
        layout = lay_out(lives(group), max(backend.alignment(device) for device in devices))
        shared = all(place[2] == types[place[0]].format for place in group)
        arena = backend.allocate_arena(devices[0], layout.total) if shared else None
        for place, device, offset in zip(group, devices, layout.offsets, strict=True):
            tensor, space, format = place
            if arena is None:
                at[place] = bench.backends[device.name].allocate(
                    device, types[tensor], batch, format
                )
                taken[space] += sizes[place]
            else:
                at[place] = arena.take(offset, types[tensor], batch)
        if arena is not None:
            taken[devices[0].space.name] += arena.nbytes
    held = {
        space: Held(taken[space], lives({p: s for p, s in sizes.items() if p[1] == space}).bound)
        for space in taken
    }
    return Buffers(at, held)


def _memory(bench: Workbench, place: Place, device: str) -> Hashable:
    """Equal for places that may share an arena."""
    tensor, space, format = place
    backend = type(bench.backends[device])
    is_shared = format == bench.network.types[tensor].format
    return space, is_shared, backend.allocate, backend.allocate_arena
