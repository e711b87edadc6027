"""Buffers in ordinary memory, shared by every backend that computes on the host."""

from __future__ import annotations

import numpy as np
import psutil

from bnnplan.backends.interface import ALIGNMENT, Arena, Buffer, Device, DeviceError, MemorySpace
from bnnplan.models.errors import InputError
from bnnplan.models.tensors import TensorType

HOST = "host"


def host_space() -> MemorySpace:
    """Ordinary memory: the space of every device that computes in it."""
    return MemorySpace(HOST, int(psutil.virtual_memory().total))


def aligned_empty(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """An uninitialised array that starts on a cache line."""
    nbytes = int(np.prod(shape)) * dtype.itemsize
    raw = np.empty(nbytes + ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    return raw[start : start + nbytes].view(dtype).reshape(shape)


class HostBuffer(Buffer):
    """A numpy array in the shared format of its type.

    Parameters
    ----------
    type : TensorType
    batch : int
    space : MemorySpace
    block : ndarray of uint8, optional
        Memory of exactly the tensor's bytes, on a cache line; its own by default.
    """

    def __init__(
        self, type: TensorType, batch: int, space: MemorySpace, block: np.ndarray | None = None
    ) -> None:
        super().__init__(type, batch, type.format, space)
        if block is None:
            block = aligned_empty((self.nbytes,), np.dtype(np.uint8))
        self.array = block.view(type.element.dtype).reshape(type.array_shape(batch))


class HostArena(Arena):
    """One numpy array whose parts are the buffers.

    Attributes
    ----------
    block : ndarray of uint8
        On a cache line.
    """

    def __init__(self, nbytes: int, space: MemorySpace) -> None:
        super().__init__(nbytes)
        self.space = space
        self.block = aligned_empty((nbytes,), np.dtype(np.uint8))

    def take(self, offset: int, type: TensorType, batch: int) -> HostBuffer:
        """A view of the block."""
        block = self.block[offset : offset + type.nbytes(batch)]
        return HostBuffer(type, batch, self.space, block)


class HostMemory:
    """Memory of backends whose devices compute on the host: allocating, uploading, downloading."""

    def allocate(self, device: Device, type: TensorType, batch: int, format: str) -> HostBuffer:
        """Memory for a tensor; see :meth:`bnnplan.backends.interface.Backend.allocate`."""
        if format != type.format:
            raise InputError(f"device {device.name} keeps {type} as {type.format}, not {format}")
        return HostBuffer(type, batch, device.space)

    def allocate_arena(self, device: Device, nbytes: int) -> Arena | None:
        """One array; see :meth:`bnnplan.backends.interface.Backend.allocate_arena`."""
        try:
            return HostArena(nbytes, device.space)
        except MemoryError as error:
            raise DeviceError(
                f"device {device.name} has no {nbytes} bytes for activations; use a smaller batch"
            ) from error

    def upload(self, array: np.ndarray, buffer: Buffer) -> None:
        """Copy an array of the buffer's own shape and element type into it."""
        assert isinstance(buffer, HostBuffer)
        target = buffer.array
        if array.shape != target.shape or array.dtype != target.dtype:
            raise InputError(
                f"array of shape {array.shape} and type {array.dtype} does not fit a buffer of "
                f"shape {target.shape} and type {target.dtype}"
            )
        target[...] = array  # np.copyto takes twice as long for the arrays of small networks

    def download(self, buffer: Buffer) -> np.ndarray:
        """A copy of the buffer's array."""
        assert isinstance(buffer, HostBuffer)
        return buffer.array.copy()
