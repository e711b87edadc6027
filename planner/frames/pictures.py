"""Reads image files as the pixels that a network takes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bnnplan.models.errors import FileError, InputError
from bnnplan.models.tensors import ElementType, TensorType

if TYPE_CHECKING:
    from PIL import Image

SIXTEEN_BITS = "I;16"
"""Mode of Pillow's images of 16-bit grey, whatever the order of bytes that follows."""
NO_RANGE = ("I", "F")
"""Modes of numbers that do not say what is white."""
SQUEEZED = 1.02
"""Ratio of aspect ratios from which on a person is told that an image is squeezed."""


def read_picture(
    path: Path, kind: TensorType, *, tell: Callable[[str], None] | None = None
) -> np.ndarray:
    """An image file, resized to an input's height and width; pixels 0 to 255.

    Parameters
    ----------
    path : Path
    kind : TensorType
        Of the input: an image of 1 or 3 channels, uint8 or float32.
    tell : callable, optional
        Takes a line where the image is squeezed.

    Returns
    -------
    ndarray, shape (1, *kind.shape)

    Raises
    ------
    FileError
        If the file cannot be read.
    InputError
        If the input takes no images, or the pixels have no known range.
    """
    from PIL import Image

    if len(kind.shape) != 3 or kind.channels not in (1, 3):
        raise InputError(f"{path}: an image cannot feed an input of {kind}; give a .npy array")
    if kind.element not in (ElementType.UINT8, ElementType.FLOAT32):
        raise InputError(f"{path}: an image cannot feed {kind.element} elements")
    height, width, channels = kind.shape
    try:
        with Image.open(path) as image:
            size = image.size
            plain = _in_bytes(image, path).convert("L" if channels == 1 else "RGB")
            resized = plain.resize((width, height))
    except FileNotFoundError:
        raise FileError(f"{path}: cannot be read: No such file or directory") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise FileError(f"{path}: cannot be read as an image: {reason}") from error
    ratio = size[0] * height / (size[1] * width)
    if tell is not None and max(ratio, 1 / ratio) > SQUEEZED:
        tell(f"note: {path}: squeezed from {size[0]}×{size[1]} to {width}×{height} pixels")
    pixels = np.asarray(resized, np.uint8).reshape(1, height, width, channels)
    return pixels.astype(kind.element.dtype)


def picture_files(folder: Path) -> list[Path]:
    """The files of a folder that are images by the ends of their names, in the names' order.

    Raises
    ------
    FileError
        If the folder cannot be read.
    """
    from PIL import Image

    known = Image.registered_extensions()
    try:
        entries = sorted(folder.iterdir(), key=lambda path: path.name)
    except OSError as error:
        raise FileError(f"cannot read {folder}: {error.strerror}") from error
    return [
        path
        for path in entries
        if path.suffix.lower() in known and not path.name.startswith(".") and path.is_file()
    ]


def _in_bytes(image: Image.Image, path: Path) -> Image.Image:
    """The image with 8 bits a channel; Pillow itself would cut wider pixels off at 255."""
    from PIL import Image

    if image.mode in NO_RANGE:
        raise InputError(
            f"{path}: its pixels (mode {image.mode}) have no known range; save it with 8 or 16 bits"
        )
    if not image.mode.startswith(SIXTEEN_BITS):
        return image
    wide = np.asarray(image).astype(np.float64)
    return Image.fromarray(np.rint(wide / 257).astype(np.uint8))
