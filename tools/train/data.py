"""Read the Fashion-MNIST files: gzip-compressed idx arrays of unsigned bytes."""

import gzip
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

DATA = Path("/usr/share/datasets/fashion-mnist")
"""Where Debian's package ``dataset-fashion-mnist`` puts the files."""

Bytes = NDArray[np.uint8]


def read_idx(path: Path) -> Bytes:
    """Read one gzip-compressed idx file of unsigned bytes.

    Parameters
    ----------
    path : Path
        The file, whose name ends in ``-ubyte.gz``.

    Returns
    -------
    ndarray of uint8
        The array, in the shape that the header of the file states.

    Raises
    ------
    ValueError
        If the file is no idx file of unsigned bytes.
    """
    with gzip.open(path, "rb") as file:
        content = file.read()
    zeros, kind, rank = content[:2], content[2], content[3]
    if zeros != b"\0\0" or kind != 0x08:
        raise ValueError(f"{path.name}: not an idx file of unsigned bytes")
    shape = np.frombuffer(content, dtype=">u4", count=rank, offset=4)
    return np.frombuffer(content, dtype=np.uint8, offset=4 + 4 * rank).reshape(tuple(shape))


def read_split(folder: Path, split: str) -> tuple[Bytes, Bytes]:
    """Read the images and the labels of one split.

    Parameters
    ----------
    folder : Path
        The folder that holds the four files.
    split : {"train", "t10k"}
        The 60,000 training images or the 10,000 test images.

    Returns
    -------
    images : ndarray of uint8, shape (N, 28, 28)
    labels : ndarray of uint8, shape (N,)
    """
    images = read_idx(folder / f"{split}-images-idx3-ubyte.gz")
    labels = read_idx(folder / f"{split}-labels-idx1-ubyte.gz")
    return images, labels
