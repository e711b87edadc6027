"""Tensors in an OpenCL device's memory, in the shared formats."""

from __future__ import annotations

from typing import Any

import numpy as np

from bnnplan.backends.interface import Arena, Buffer, Device, DeviceError
from bnnplan.backends.opencl.session import Session
from bnnplan.models.errors import InputError
from bnnplan.models.tensors import TensorType


class ClBuffer(Buffer):
    """A tensor on one device.

    Parameters
    ----------
    device : Device
    session : Session
        Of the device.
    type : TensorType
    batch : int
    handle : pyopencl.Buffer, optional
        Memory of exactly the tensor's bytes; its own by default.
    """

    def __init__(
        self, device: Device, session: Session, type: TensorType, batch: int, handle: Any = None
    ) -> None:
        super().__init__(type, batch, type.format, device.space)
        self.session = session
        limit = session.handle.max_mem_alloc_size
        if self.nbytes > limit:
            raise DeviceError(
                f"device {device.name} cannot hold {type} of {batch} images in one piece: "
                f"{self.nbytes} bytes, it allows {limit}; use a smaller batch"
            )
        self.handle: Any = _memory(session, self.nbytes) if handle is None else handle

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array in the shared format."""
        return self.type.array_shape(self.batch)

    def write(self, array: np.ndarray) -> None:
        """Copy an array of the buffer's own shape and element type; complete on return."""
        dtype = self.type.element.dtype
        if array.shape != self.shape or array.dtype != dtype:
            raise InputError(
                f"array of shape {array.shape} and type {array.dtype} does not fit a buffer of "
                f"shape {self.shape} and type {dtype}"
            )
        session = self.session
        with session.errors("failed while data was copied to it"):
            session.cl.enqueue_copy(session.queue, self.handle, np.ascontiguousarray(array))

    def read(self) -> np.ndarray:
        """A host array with the contents."""
        array = np.empty(self.shape, self.type.element.dtype)
        session = self.session
        with session.errors("failed while data was copied from it"):
            session.cl.enqueue_copy(session.queue, array, self.handle)
        return array


class ClArena(Arena):
    """One piece of a device's memory, whose sub-buffers are the tensors.

    Parameters
    ----------
    device : Device
    session : Session
        Of the device.
    nbytes : int
    """

    def __init__(self, device: Device, session: Session, nbytes: int) -> None:
        super().__init__(nbytes)
        self.device = device
        self.session = session
        self.handle = _memory(session, nbytes)

    def take(self, offset: int, type: TensorType, batch: int) -> ClBuffer:
        """A sub-buffer."""
        with self.session.errors("cannot cut a tensor out of its memory"):
            handle = self.handle.get_sub_region(offset, type.nbytes(batch))
        return ClBuffer(self.device, self.session, type, batch, handle)


def _memory(session: Session, nbytes: int) -> Any:
    with session.errors(f"has no memory for {nbytes} bytes"):
        return session.cl.Buffer(session.context, session.cl.mem_flags.READ_WRITE, nbytes)
