"""Memory that is held several times: the window of the caller, and the rings between stages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from bnnplan.backends.host import HOST, HostBuffer, aligned_empty
from bnnplan.backends.interface import ALIGNMENT, Buffer, DeviceError, MemorySpace
from bnnplan.models.graph import Network
from bnnplan.models.tensors import TensorType
from bnnplan.planner.execution.staging import Place
from bnnplan.planner.execution.workbench import Workbench


class Slots:
    """A tensor, so many times.

    Parameters
    ----------
    buffers : iterable of Buffer
        One a slot.
    nbytes : int
        Of all together, by default as in the shared format.
    """

    def __init__(self, buffers: Iterable[Buffer], nbytes: int | None = None) -> None:
        self.buffers = tuple(buffers)
        self.nbytes = sum(one.nbytes for one in self.buffers) if nbytes is None else nbytes


class HostSlots(Slots):
    """Slots in one block of ordinary memory.

    Parameters
    ----------
    type : TensorType
    batch : int
    count : int
    space : MemorySpace

    Attributes
    ----------
    arrays : ndarray, shape (count, *type.array_shape(batch))
        All slots in the shared format.
    base, stride : int
        Address of the first slot, and bytes from slot to slot.
    """

    def __init__(self, type: TensorType, batch: int, count: int, space: MemorySpace) -> None:
        size = type.nbytes(batch)
        self.stride = -(-size // ALIGNMENT) * ALIGNMENT
        block = aligned_empty((count, self.stride), np.dtype(np.uint8))
        super().__init__(
            (HostBuffer(type, batch, space, row[:size]) for row in block), block.nbytes
        )
        self.base = int(block.ctypes.data)
        shape, dtype = type.array_shape(batch), type.element.dtype
        inner = np.empty(shape, dtype).strides
        self.arrays: np.ndarray = np.ndarray(
            (count, *shape), dtype, block, strides=(self.stride, *inner)
        )


Window = Mapping[str, HostSlots]
"""By name of network input or output."""


def open_window(network: Network, batch: int, count: int) -> dict[str, HostSlots]:
    """Slots for every network input and output; an output that is an input has no others.

    Raises
    ------
    DeviceError
        If there is no memory for so many.
    """
    space = MemorySpace(HOST)
    try:
        return {
            name: HostSlots(network.types[name], batch, count, space)
            for name in (*network.inputs, *network.outputs)
        }
    except MemoryError:
        raise DeviceError(
            f"no memory for a window of {count:,} batches; choose a smaller one"
        ) from None


def take_ring(bench: Workbench, place: Place, device: str, count: int) -> Slots:
    """Memory for a place that is held `count` times.

    Raises
    ------
    DeviceError
        If the device has no memory left.
    """
    tensor, space, format = place
    type = bench.network.types[tensor]
    if space == HOST and format == type.format:
        return HostSlots(type, bench.batch, count, bench.device(device).space)
    backend = bench.backends[device]
    return Slots(
        backend.allocate(bench.device(device), type, bench.batch, format) for _ in range(count)
    )
