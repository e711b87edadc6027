"""Reads what a person feeds a network: arrays, images, or ``random``."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np

from bnnplan.models.errors import FileError, InputError
from bnnplan.models.graph import Network
from bnnplan.models.tensors import ElementType, TensorType
from bnnplan.planner.profiling.oracle import random_feeds

RANDOM = "random"
BROKEN_ARCHIVE = (zipfile.BadZipFile, zlib.error, NotImplementedError)


def read_feeds(network: Network, text: str, *, batch: int, seed: int) -> dict[str, np.ndarray]:
    """Plain arrays for every input of a network, of one or more images.

    Parameters
    ----------
    network : Network
    text : str
        ``random``, or a .npy, .npz or image file. A .npz names the inputs; anything else feeds
        the only input.
    batch : int
        How many random images.
    seed : int

    Raises
    ------
    FileError
        If the file cannot be read.
    InputError
        If it does not fit the network.
    """
    if text == RANDOM:
        return random_feeds(network, batch, seed)
    path = Path(text)
    if path.suffix == ".npz":
        arrays = _npz(path)
        return {
            name: _with_batch(arrays[name], kind)
            for name, kind in network.inputs.items()
            if name in arrays
        }
    if len(network.inputs) != 1:
        names = ", ".join(network.inputs)
        raise InputError(f"{path}: the network has inputs {names}; give a .npz that names them")
    ((name, kind),) = network.inputs.items()
    array = _npy(path) if path.suffix == ".npy" else _image(path, kind)
    return {name: _with_batch(array, kind)}


def _with_batch(array: np.ndarray, kind: TensorType) -> np.ndarray:
    return array[None] if array.shape == kind.shape else array


def _npy(path: Path) -> np.ndarray:
    try:
        loaded: np.ndarray = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError, MemoryError) as error:
        raise FileError(f"{path}: cannot be read as a .npy array: {error}") from error
    if not isinstance(loaded, np.ndarray):
        raise FileError(f"{path}: holds several arrays; name it .npz")
    return loaded


def _npz(path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            found = dict(archive)
    except (OSError, ValueError, EOFError, MemoryError, *BROKEN_ARCHIVE) as error:
        raise FileError(f"{path}: cannot be read as .npz arrays: {error}") from error
    for name, array in found.items():
        if not isinstance(array, np.ndarray):
            raise FileError(f"{path}: {name} is no array")
    return found


def _image(path: Path, kind: TensorType) -> np.ndarray:
    """An image file, resized to the input's height and width; pixels 0 to 255."""
    from PIL import Image

    if len(kind.shape) != 3 or kind.channels not in (1, 3):
        raise InputError(f"{path}: an image cannot feed an input of {kind}; give a .npy array")
    if kind.element not in (ElementType.UINT8, ElementType.FLOAT32):
        raise InputError(f"{path}: an image cannot feed {kind.element} elements")
    height, width, channels = kind.shape
    try:
        with Image.open(path) as image:
            plain = image.convert("L" if channels == 1 else "RGB").resize((width, height))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise FileError(f"{path}: cannot be read as an image: {error}") from error
    pixels = np.asarray(plain, np.uint8).reshape(1, height, width, channels)
    return pixels.astype(kind.element.dtype)
