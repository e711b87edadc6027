"""Sizes of windows as the kernels take them: the `window` structure of ``common.cl``."""

from __future__ import annotations

from bnnplan.backends.opencl.launch import Struct
from bnnplan.models.tensors import TensorType


def image_shape(type: TensorType) -> tuple[int, int, int]:
    """Rows, columns and channels; a vector is an image of one pixel."""
    return type.shape if len(type.shape) == 3 else (1, 1, *type.shape)  # type: ignore[return-value]


def window(
    batch: int,
    source: tuple[int, int, int],
    target: tuple[int, int, int],
    kernel: tuple[int, int] = (1, 1),
    strides: tuple[int, int] = (1, 1),
    pads: tuple[int, ...] = (0, 0),
    dilations: tuple[int, int] = (1, 1),
    groups: int = 1,
) -> Struct:
    """The structure; of the pads only top and left matter, as the target's shape is given."""
    return Struct(
        (batch, *source, *target, *kernel, *strides, pads[0], pads[1], *dilations, groups)
    )
