"""Reads what a person feeds a network: arrays, images, or ``random``."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bnnplan.models.arrays import read_npy, read_npz
from bnnplan.models.errors import InputError
from bnnplan.models.feeds import check_feeds
from bnnplan.models.graph import Network
from bnnplan.models.tensors import ElementType, TensorType
from bnnplan.planner.cli.pictures import read_picture
from bnnplan.planner.profiling.oracle import random_feeds

RANDOM = "random"
UNNAMED = ("arr_0", "images")
"""What an array of a .npz may be called where the network has one input: numpy's own name for an
array without one, and the name that data sets have."""


def read_feeds(network: Network, text: str, *, batch: int, seed: int) -> dict[str, np.ndarray]:
    """Plain arrays for every input of a network, of one or more images, checked.

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
        If it does not fit the network, or holds NaN or infinity.
    """
    if text == RANDOM:
        return random_feeds(network, batch, seed)
    if not text:
        raise InputError("--input is empty; give a .npy, .npz or image file, or 'random'")
    path = Path(text)
    feeds = {
        name: _with_batch(array, network.inputs[name])
        for name, array in _arrays(network, path).items()
    }
    for name, array in feeds.items():
        _check_values(path, name, array, network.inputs[name])
    try:
        check_feeds(network, feeds)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    return feeds


def _arrays(network: Network, path: Path) -> dict[str, np.ndarray]:
    """The arrays of a file by the inputs that they feed."""
    if path.suffix == ".npz":
        return _named(network, path, read_npz(path))
    if len(network.inputs) != 1:
        names = ", ".join(network.inputs)
        raise InputError(f"{path}: the network has inputs {names}; give a .npz that names them")
    ((name, kind),) = network.inputs.items()
    return {name: read_npy(path) if path.suffix == ".npy" else read_picture(path, kind)}


def _named(network: Network, path: Path, found: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The arrays of a .npz file that feed a network; a single input may go unnamed."""
    if len(network.inputs) == 1:
        (only,) = network.inputs
        other = next((name for name in UNNAMED if name in found), None)
        if only not in found and other is not None:
            return {only: found[other]}
    if missing := [name for name in network.inputs if name not in found]:
        raise InputError(
            f"{path}: holds no array {missing[0]!r} of network {network.name!r}; it holds "
            f"{', '.join(found) or 'nothing'}"
        )
    return {name: found[name] for name in network.inputs}


def _with_batch(array: np.ndarray, kind: TensorType) -> np.ndarray:
    return array[None] if array.shape == kind.shape else array


def _check_values(path: Path, name: str, array: np.ndarray, kind: TensorType) -> None:
    """Refuse NaN and infinity; say how to save pixels that came in a wider type."""
    if array.dtype.kind not in "iuf":
        return
    if not np.isfinite(array).all():
        raise InputError(f"{path}: input {name!r} holds NaN or infinity; no result would mean much")
    wider = kind.element is ElementType.UINT8 and array.dtype != np.uint8
    if wider and array.shape[1:] == kind.shape and _are_bytes(array):
        raise InputError(
            f"{path}: input {name!r} must be of type uint8, not {array.dtype}; all values are "
            "whole and from 0 to 255: save it with .astype(numpy.uint8)"
        )


def _are_bytes(array: np.ndarray) -> bool:
    return bool(array.size and ((array >= 0) & (array <= 255) & (array == np.rint(array))).all())
