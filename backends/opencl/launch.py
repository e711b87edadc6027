"""One kernel launch of a layer: what runs, on which arguments, over how many work-items."""

from __future__ import annotations

import math

import numpy as np
from attrs import field, frozen

from bnnplan.backends.opencl.session import ProgramKey

ITEMS_PER_UNIT = 16
"""Work-items for each compute unit of a CPU: enough to balance the load, few enough that
starting them costs nothing. The kernels' loops do the rest."""

GROUP_ITEMS = 64
"""Work-items in a work-group of a GPU."""


@frozen
class Input:
    """Argument: the buffer of an input."""

    index: int = 0


@frozen
class Output:
    """Argument: the buffer of an output."""

    index: int = 0


@frozen
class Struct:
    """Argument: 32-bit integers by value."""

    values: tuple[int, ...] = field(converter=tuple)


Argument = Input | Output | Struct | np.ndarray | np.generic
"""Arrays are uploaded once; scalars and structures are passed by value."""


@frozen(eq=False)
class Launch:
    """A launch, before it is bound to buffers.

    Parameters
    ----------
    program : ProgramKey
    kernel : str
        Name of the function.
    arguments : tuple of Argument
    extents : (images, windows, neurons)
        Units of work along X, Y and Z.
    """

    program: ProgramKey
    kernel: str
    arguments: tuple[Argument, ...] = field(converter=tuple)
    extents: tuple[int, int, int]


Sizes = tuple[int, int, int]


def work_sizes(
    axes: str, extents: tuple[int, int, int], *, is_cpu: bool, units: int
) -> tuple[Sizes, Sizes]:
    """Global and local sizes, neurons first.

    An axis that is not parallel gets one work-item, whose loop does the whole axis.

    Parameters
    ----------
    axes : str
        Parallel axes, a subset of ``XYZ``.
    extents : (images, windows, neurons)
    is_cpu : bool
        CPUs get one work-item a work-group and no more than keep them busy; GPUs get all there
        are, in groups of at most 64.
    units : int
        Compute units of the device.
    """
    items = [extent if axis in axes else 1 for axis, extent in zip("XYZ", extents, strict=True)]
    if is_cpu:
        room = ITEMS_PER_UNIT * units
        for place, count in enumerate(items):
            items[place] = min(count, room)
            room = max(1, room // items[place])
        return (items[2], items[1], items[0]), (1, 1, 1)
    room = GROUP_ITEMS
    local = []
    for count in reversed(items):
        local.append(min(room, 1 << math.ceil(math.log2(count))))
        room //= local[-1]
    grid = [-(-count // size) * size for count, size in zip(reversed(items), local, strict=True)]
    return (grid[0], grid[1], grid[2]), (local[0], local[1], local[2])
