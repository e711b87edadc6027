"""Reads numpy's files, .npy and .npz, trusting nothing in them."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np

from bnnplan.models.errors import FileError

_BROKEN = (OSError, ValueError, EOFError, MemoryError, NotImplementedError, zlib.error)
_NPY, _ZIP = b"\x93NUMPY", b"PK"


def read_npy(path: Path, *, mapped: bool = False) -> np.ndarray:
    """The array of a .npy file; if mapped, it stays in the file, and is read where it is used.

    Raises
    ------
    FileError
        If the file cannot be read, or is something else.
    """
    start = _start(path)
    if start.startswith(_ZIP):
        raise FileError(f"{path}: holds several arrays; name it .npz")
    if start != _NPY:
        raise FileError(f"{path}: cannot be read: it is no .npy file, as numpy.save writes")
    try:
        loaded: np.ndarray = np.load(path, allow_pickle=False, mmap_mode="r" if mapped else None)
    except _BROKEN as error:
        raise FileError(f"{path}: cannot be read as a .npy array: {_reason(error)}") from error
    return loaded


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a .npz file by name.

    Raises
    ------
    FileError
        If the file cannot be read, or is something else.
    """
    if not _start(path).startswith(_ZIP):
        raise FileError(f"{path}: not a whole .npz file, as numpy.savez writes")
    try:
        with np.load(path, allow_pickle=False) as archive:
            found = dict(archive)
    except (*_BROKEN, zipfile.BadZipFile) as error:
        raise FileError(f"{path}: not a whole .npz file: {_reason(error)}") from error
    for name, array in found.items():
        if not isinstance(array, np.ndarray):
            raise FileError(f"{path}: {name} is no array")
    return found


def _start(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(len(_NPY))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise FileError(f"{path}: cannot be read: {reason}") from error


def _reason(error: Exception) -> str:
    """What is wrong, in words for who wrote the file; numpy advises to trust it."""
    text = str(error)
    return "it holds Python objects; save plain numbers" if "pickle" in text else text
