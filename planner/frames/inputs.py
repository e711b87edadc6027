"""Reads what a person feeds a network: arrays, images, or ``random``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from bnnplan.models.arrays import read_npy, read_npz
from bnnplan.models.errors import InputError
from bnnplan.models.feeds import check_feeds, check_form
from bnnplan.models.graph import Network
from bnnplan.models.tensors import ElementType, TensorType
from bnnplan.planner.frames.pictures import read_picture
from bnnplan.planner.profiling.oracle import random_feeds

RANDOM = "random"
UNNAMED = ("arr_0", "images")
"""What an array of a .npz may be called where the network has one input: numpy's own name for an
array without one, and the name that data sets have."""
ADVICE = "; all values are whole and from 0 to 255: save it with .astype(numpy.uint8)"

Tell = Callable[[str], None]


def read_feeds(
    network: Network, text: str, *, batch: int, seed: int, tell: Tell | None = None
) -> dict[str, np.ndarray]:
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
    tell : callable, optional
        Takes a line where an image had to be squeezed.

    Raises
    ------
    FileError
        If the file cannot be read.
    InputError
        If it does not fit the network, or holds NaN or infinity.
    """
    if text == RANDOM:
        return random_feeds(network, batch, seed)
    path = path_of(text)
    feeds = read_arrays(network, path, tell=tell)
    try:
        check_finite(network, feeds)
        check_feeds(network, feeds)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    return feeds


def path_of(text: str) -> Path:
    """The file or folder that ``--input`` names."""
    if not text:
        raise InputError("--input is empty; give a .npy, .npz or image file, or 'random'")
    return Path(text)


def read_arrays(
    network: Network, path: Path, *, mapped: bool = False, tell: Tell | None = None
) -> dict[str, np.ndarray]:
    """Arrays of a file for every input of a network; their form fits, their values are not read.

    Parameters
    ----------
    network : Network
    path : Path
    mapped : bool
        Leave the array of a .npy in its file.
    tell : callable, optional

    Raises
    ------
    FileError
        If the file cannot be read.
    InputError
        If shapes, element types or numbers of images do not fit the network.
    """
    feeds = {
        name: with_batch(array, network.inputs[name])
        for name, array in _arrays(network, path, mapped, tell).items()
    }
    try:
        check_form(network, feeds)
    except InputError as error:
        advice = any(_could_be_bytes(feeds[name], kind) for name, kind in network.inputs.items())
        raise InputError(f"{path}: {error}{ADVICE if advice else ''}") from error
    return feeds


def check_finite(network: Network, feeds: Mapping[str, np.ndarray]) -> None:
    """Raise InputError where an input holds NaN or infinity."""
    for name, kind in network.inputs.items():
        if kind.element is ElementType.FLOAT32 and not np.isfinite(feeds[name]).all():
            raise InputError(f"input {name!r} holds NaN or infinity; no result would mean much")


def _arrays(network: Network, path: Path, mapped: bool, tell: Tell | None) -> dict[str, np.ndarray]:
    """The arrays of a file by the inputs that they feed."""
    if path.suffix == ".npz":
        return _named(network, path, read_npz(path))
    name, kind = only_input(network, path)
    if path.suffix == ".npy":
        return {name: read_npy(path, mapped=mapped)}
    return {name: read_picture(path, kind, tell=tell)}


def only_input(network: Network, source: object) -> tuple[str, TensorType]:
    """The input that a source without names feeds; InputError where there are several."""
    if len(network.inputs) != 1:
        names = ", ".join(network.inputs)
        raise InputError(f"{source}: the network has inputs {names}; give a .npz that names them")
    ((name, kind),) = network.inputs.items()
    return name, kind


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


def with_batch(array: np.ndarray, kind: TensorType) -> np.ndarray:
    """One or many images with an axis for their number; anything else as it is."""
    return array[None] if array.shape == kind.shape else array


def _could_be_bytes(array: np.ndarray, kind: TensorType) -> bool:
    """Whether an input of pixels was given them in a wider type."""
    if kind.element is not ElementType.UINT8 or array.dtype == np.uint8:
        return False
    if array.dtype.kind not in "iuf" or array.shape[1:] != kind.shape:
        return False
    return bool(array.size and ((array >= 0) & (array <= 255) & (array == np.rint(array))).all())
