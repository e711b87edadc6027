"""One kernel launch of a layer: what runs, on which arguments, over how many work-items."""

from __future__ import annotations

import numpy as np
from attrs import frozen

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

    values: tuple[int, ...]


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
    dimensions : str
        The axis that each dimension of the launch runs over. Products of vectors take images as
        windows, so that a tile of several images shares its weights.
    """

    program: ProgramKey
    kernel: str
    arguments: tuple[Argument, ...]
    extents: tuple[int, int, int]
    dimensions: str = "ZYX"


Sizes = tuple[int, int, int]


def work_sizes(
    launch: Launch, axes: str, *, is_cpu: bool, units: int, group: int = GROUP_ITEMS
) -> tuple[Sizes, Sizes]:
    """Global and local sizes.

    An axis that is not parallel gets one work-item, whose loop does the whole axis.

    Parameters
    ----------
    launch : Launch
    axes : str
        Parallel axes, a subset of ``XYZ``.
    is_cpu : bool
        CPUs get one work-item a work-group and no more than keep them busy; GPUs get all there
        are, in groups of at most 64.
    units : int
        Compute units of the device.
    group : int
        Most work-items that the device allows in a group.
    """
    extents = dict(zip("XYZ", launch.extents, strict=True))
    items = {axis: extents[axis] if axis in axes else 1 for axis in "XYZ"}
    sizes = [items[axis] for axis in launch.dimensions]
    if is_cpu:
        room = ITEMS_PER_UNIT * units
        for place in reversed(range(len(sizes))):
            sizes[place] = min(sizes[place], room)
            room = max(1, room // sizes[place])
        return (sizes[0], sizes[1], sizes[2]), (1, 1, 1)
    room = 1 << min(group, GROUP_ITEMS).bit_length() - 1
    local = []
    for size in sizes:
        local.append(min(room, 1 << (size - 1).bit_length()))
        room //= local[-1]
    sizes = [-(-size // own) * own for size, own in zip(sizes, local, strict=True)]
    return (sizes[0], sizes[1], sizes[2]), (local[0], local[1], local[2])
