"""Buffers in ordinary memory, shared by every backend that computes on the host."""

from __future__ import annotations

import numpy as np
import psutil

from bnnplan.backends.interface import Buffer, Device, MemorySpace
from bnnplan.models.errors import InputError
from bnnplan.models.tensors import TensorType

HOST = "host"
ALIGNMENT = 64


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
    """

    def __init__(self, type: TensorType, batch: int, space: MemorySpace) -> None:
        super().__init__(type, batch, type.format, space)
        self.array = aligned_empty(type.array_shape(batch), type.element.dtype)


class HostMemory:
    """`allocate`, `upload` and `download` for backends whose devices compute in host memory."""

    def allocate(self, device: Device, type: TensorType, batch: int, format: str) -> HostBuffer:
        """Memory for a tensor; see :meth:`bnnplan.backends.interface.Backend.allocate`."""
        if format != type.format:
            raise InputError(f"device {device.name} keeps {type} as {type.format}, not {format}")
        return HostBuffer(type, batch, device.space)

    def upload(self, array: np.ndarray, buffer: Buffer) -> None:
        """Copy an array of the buffer's own shape and element type into it."""
        assert isinstance(buffer, HostBuffer)
        if array.shape != buffer.array.shape or array.dtype != buffer.array.dtype:
            raise InputError(
                f"array of shape {array.shape} and type {array.dtype} does not fit a buffer of "
                f"shape {buffer.array.shape} and type {buffer.array.dtype}"
            )
        np.copyto(buffer.array, array)

    def download(self, buffer: Buffer) -> np.ndarray:
        """A copy of the buffer's array."""
        assert isinstance(buffer, HostBuffer)
        return buffer.array.copy()
