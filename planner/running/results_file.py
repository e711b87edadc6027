"""Writes the results of a pipeline into a file as they come, whole or not at all."""

from __future__ import annotations

import contextlib
import math
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np

from bnnplan.models.errors import InputError
from bnnplan.models.feeds import plain_dtype
from bnnplan.models.files import atomically, writing
from bnnplan.models.graph import Network
from bnnplan.models.tensors import TensorType
from bnnplan.planner.execution.pipelines.frames import Result


class ResultsFile:
    """Rows of every output of a network, one a frame; made by :func:`results_file`."""

    def __init__(self, path: Path, columns: Mapping[str, _Column]) -> None:
        self.path = path
        self.count = 0
        self._columns = columns

    def add(self, result: Result) -> None:
        """Write the next frame's result.

        Raises
        ------
        FileError
            If the disk is full.
        """
        with writing(self.path):
            for name, column in self._columns.items():
                column.add(result[name] if isinstance(result, Mapping) else result)
        self.count += 1


@contextlib.contextmanager
def results_file(path: Path, network: Network) -> Iterator[ResultsFile]:
    """A file for results: .npy for networks with one output, .npz with all outputs by name.

    It takes its name when the context ends without an exception.

    Raises
    ------
    InputError
        If the name ends otherwise.
    FileError
        If it cannot be written.
    """
    require_results_name(path, network)
    kinds = {name: network.types[name] for name in network.outputs}
    with contextlib.ExitStack() as stack:
        whole = stack.enter_context(atomically(path))
        streams: dict[str, IO[bytes]] = dict.fromkeys(kinds, whole)
        if path.suffix == ".npz":
            with writing(path):
                streams = {name: stack.enter_context(tempfile.TemporaryFile()) for name in kinds}
        with writing(path):
            columns = {name: _Column(streams[name], kind) for name, kind in kinds.items()}
        results = ResultsFile(path, columns)
        yield results
        with writing(path):
            for column in columns.values():
                column.end(results.count)
            if path.suffix == ".npz":
                _zip(whole, streams)


def require_results_name(path: Path, network: Network) -> None:
    """Raise InputError unless a file of this name can hold the network's results."""
    if path.suffix != ".npz" and (path.suffix != ".npy" or len(network.outputs) > 1):
        several = f"; {network.name!r} has {len(network.outputs)} outputs: .npz"
        raise InputError(
            f"{path}: results are written as .npy (one output) or .npz"
            f"{several if len(network.outputs) > 1 else ''}"
        )


class _Column:
    """A .npy file that grows; how long it is, is known at its end."""

    def __init__(self, stream: IO[bytes], kind: TensorType) -> None:
        self._stream = stream
        self._shape = kind.shape
        self._dtype = plain_dtype(kind)
        self._head(0)
        self._start = stream.tell()

    def _head(self, count: int) -> None:
        """The header, in which numpy leaves room for more rows."""
        head: dict[str, Any] = {
            "descr": np.lib.format.dtype_to_descr(self._dtype),
            "fortran_order": False,
            "shape": (count, *self._shape),
        }
        np.lib.format.write_array_header_1_0(self._stream, head)

    def add(self, row: np.ndarray) -> None:
        self._stream.write(np.ascontiguousarray(row, self._dtype).tobytes())

    def end(self, count: int) -> None:
        # Ctrl-C may have come in the middle of a row, or of the outputs of a frame.
        row = math.prod(self._shape) * self._dtype.itemsize
        self._stream.truncate(self._start + count * row)
        self._stream.seek(0)
        self._head(count)


def _zip(whole: IO[bytes], streams: Mapping[str, IO[bytes]]) -> None:
    """Put files into an archive as numpy.savez does."""
    with zipfile.ZipFile(whole, "w", allowZip64=True) as archive:
        for name, stream in streams.items():
            stream.seek(0)
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                shutil.copyfileobj(stream, member)
