"""Frames from a stream that can be read once: plain bytes, or .npy records, back to back."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from bnnplan.models.errors import InputError
from bnnplan.models.feeds import check_form, plain_dtype
from bnnplan.models.graph import Network
from bnnplan.planner.frames.inputs import only_input, with_batch

MAGIC = b"\x93NUMPY"
"""How a .npy record begins."""
FILES = {
    b"\x89PNG\r\n\x1a\n": "a PNG image",
    b"\xff\xd8\xff\xe0": "a JPEG image",
    b"\xff\xd8\xff\xe1": "a JPEG image",
    b"PK\x03\x04": "a .npz file or other archive",
}
"""How files begin whose bytes are no elements."""
MOST_AT_ONCE = 1 << 20


def stream_frames(network: Network, stream: BinaryIO, name: str) -> Iterator[np.ndarray]:
    """Frames of a network's only input, as they come.

    A stream that begins like a .npy file consists of such files, each of one or many images; any
    other of plain elements, C order, in this machine's order of bytes.

    Parameters
    ----------
    network : Network
    stream : binary file
    name : str
        As messages call it.

    Raises
    ------
    InputError
        If the stream is empty, is an image or archive, ends in the middle of a frame, or holds
        what does not fit the network: with the number of the frame.
    """
    reader = _Reader(stream, name)
    start = reader.peek(max(map(len, FILES)))
    if not start:
        raise InputError(f"{name}: holds no frames")
    for magic, what in FILES.items():
        if start.startswith(magic):
            raise InputError(
                f"{name}: is {what}, not plain elements or .npy files; name the file as the input"
            )
    if start.startswith(MAGIC):
        return _records(network, reader)
    _, kind = only_input(network, name)
    return _plain(reader, kind.shape, plain_dtype(kind))


class _Reader:
    """Reads so many bytes, however few the stream gives at once; counts the frames."""

    def __init__(self, stream: BinaryIO, name: str) -> None:
        self.name = name
        self.number = 0
        self._stream = stream
        self._ahead = bytearray()

    def peek(self, count: int) -> bytes:
        """The next bytes, which stay to be read; fewer at the end."""
        while len(self._ahead) < count:
            # Never more memory at once than there may be data, whatever a header says.
            more = self._stream.read(min(count - len(self._ahead), MOST_AT_ONCE))
            if not more:
                break
            self._ahead += more
        return bytes(self._ahead[:count])

    def read(self, count: int = 0) -> bytes:
        """The next bytes; fewer at the end."""
        found = self.peek(count)
        del self._ahead[: len(found)]
        return found

    def array(self, shape: tuple[int, ...], dtype: np.dtype, order: str = "C") -> np.ndarray:
        """The next elements; InputError where the stream ends before them."""
        nbytes = math.prod(shape) * dtype.itemsize
        data = self.read(nbytes)
        if len(data) < nbytes:
            raise self.fault(f"cut off after {len(data):,} of {nbytes:,} bytes")
        return np.frombuffer(data, dtype).reshape(shape, order="F" if order == "F" else "C")

    def fault(self, what: object) -> InputError:
        """An error at the current frame."""
        return InputError(f"{self.name}: frame {self.number}: {what}")


def _plain(reader: _Reader, shape: tuple[int, ...], dtype: np.dtype) -> Iterator[np.ndarray]:
    while reader.peek(1):
        yield reader.array(shape, dtype)
        reader.number += 1


def _records(network: Network, reader: _Reader) -> Iterator[np.ndarray]:
    """The images of .npy records; only records in Fortran's order are held as a whole."""
    name, kind = only_input(network, reader.name)
    while reader.peek(1):
        shape, is_fortran, dtype = _header(reader)
        try:
            # Has the form of the record, and no memory.
            form = with_batch(np.broadcast_to(np.empty((), dtype), shape), kind)
            check_form(network, {name: form})
        except (InputError, ValueError) as error:
            raise reader.fault(error) from error
        whole = with_batch(reader.array(shape, dtype, "F"), kind) if is_fortran else None
        for index in range(len(form)):
            yield reader.array(kind.shape, dtype) if whole is None else whole[index]
            reader.number += 1


def _header(reader: _Reader) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, whether it is in Fortran's order, and element type of the next record."""
    try:
        version = np.lib.format.read_magic(reader)
        if version == (1, 0):
            return np.lib.format.read_array_header_1_0(reader)
        if version == (2, 0):
            return np.lib.format.read_array_header_2_0(reader)
    except ValueError as error:
        raise reader.fault(f"not a .npy record, as numpy.save writes: {error}") from error
    raise reader.fault(f"version {version} of .npy records is not of plain numbers")
