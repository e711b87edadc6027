"""Labelled images from files: idx as MNIST and Fashion-MNIST come in, or .npz."""

from __future__ import annotations

import gzip
import math
import os
import zlib
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
from attrs import frozen

from bnnplan.models.arrays import read_npz
from bnnplan.models.errors import FileError, InputError

SPLITS = {"test": ("t10k", "test"), "train": ("train",)}
_UNSIGNED_BYTE = 0x08
_MOST_BYTES = 2**31


@frozen(eq=False)
class Dataset:
    """Images with their labels.

    Parameters
    ----------
    images : ndarray of uint8, shape (N, H, W, C)
    labels : ndarray of int64, shape (N,)
    """

    images: np.ndarray
    labels: np.ndarray


def load_dataset(
    path: str | os.PathLike[str], *, split: str = "test", limit: int | None = None
) -> Dataset:
    """Read images and labels.

    Parameters
    ----------
    path : path
        A folder with idx files (``t10k-images-idx3-ubyte``, ``train-labels-idx1-ubyte`` and the
        like, with .gz or without), or an .npz file with the arrays ``images`` (N, H, W[, C]) of
        uint8 and ``labels`` (N,).
    split : {"test", "train"}
        Which files of a folder.
    limit : int, optional
        Only the first so many images.

    Raises
    ------
    FileError
        For files that are missing, truncated, or do not belong together.
    InputError
        For an unknown split, or a limit below 1.
    """
    if split not in SPLITS:
        raise InputError(f"no split {split!r}; known: {', '.join(SPLITS)}")
    if limit is not None and limit < 1:
        raise InputError(f"limit must be at least 1, not {limit}")
    place = Path(path)
    if place.is_dir():
        images_file, labels_file = (_find(place, split, kind) for kind in ("images", "labels"))
        images, labels = _read_idx(images_file, (3, 4)), _read_idx(labels_file, (1,))
    elif place.is_file():
        images, labels = _read_npz(place)
    else:
        raise FileError(f"no data set at {path}: neither a folder nor a file")
    if images.ndim == 3:
        images = images[..., np.newaxis]
    if images.dtype != np.uint8 or images.ndim != 4:
        raise FileError(
            f"{path}: images must be uint8 of shape (N, H, W, C), not {images.dtype} of shape "
            f"{images.shape}"
        )
    if labels.dtype.kind not in "iu" or labels.shape != images.shape[:1]:
        raise FileError(
            f"{path}: labels must be {len(images)} whole numbers, one an image, not "
            f"{labels.dtype} of shape {labels.shape}"
        )
    if images.size == 0:
        raise FileError(f"{path}: holds no images")
    return Dataset(np.ascontiguousarray(images[:limit]), labels[:limit].astype(np.int64))


def _find(folder: Path, split: str, kind: str) -> Path:
    rank = "idx3" if kind == "images" else "idx1"
    names = [
        f"{prefix}-{kind}{joint}{rank}-ubyte{ending}"
        for prefix in SPLITS[split]
        for joint in "-."
        for ending in ("", ".gz")
    ]
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise FileError(f"{folder}: no {split} {kind}; looked for {names[0]}[.gz]")


def _read_idx(path: Path, ranks: tuple[int, ...]) -> np.ndarray:
    """An array of unsigned bytes in Yann LeCun's idx format."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as opened:
            stream = cast(BinaryIO, opened)
            magic = stream.read(4)
            if len(magic) < 4 or magic[:3] != bytes((0, 0, _UNSIGNED_BYTE)):
                raise FileError(f"{path}: not an idx file of unsigned bytes")
            rank = magic[3]
            if rank not in ranks:
                raise FileError(f"{path}: has {rank} axes, not {' or '.join(map(str, ranks))}")
            extents = stream.read(4 * rank)
            shape = [int.from_bytes(extents[at : at + 4], "big") for at in range(0, 4 * rank, 4)]
            size = math.prod(shape)
            if len(extents) < 4 * rank or size > _MOST_BYTES:
                raise FileError(f"{path}: truncated or hostile header, shape {shape}")
            data = stream.read(size + 1)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise FileError(f"{path}: cannot be read: {error}") from error
    if len(data) != size:
        found = f"only {len(data)}" if len(data) < size else "more"
        raise FileError(f"{path}: the header says {size} bytes of data, but there are {found}")
    return np.frombuffer(data, np.uint8).reshape(shape)


def _read_npz(path: Path) -> tuple[np.ndarray, np.ndarray]:
    found = read_npz(path)
    if not {"images", "labels"} <= set(found):
        listed = ", ".join(found) or "nothing"
        raise FileError(f"{path}: must hold the arrays images and labels; it holds {listed}")
    return found["images"], found["labels"]
