"""Layers that move, select or pool elements, in numpy."""

from __future__ import annotations

import numpy as np

from bnnplan.backends.reference.windows import taps
from bnnplan.models.layers import (
    AveragePool2d,
    Concat,
    Flatten,
    MaxPool2d,
    Reshape,
    Split,
    Transpose,
)
from bnnplan.models.layers.base import windows


def _pooled_shape(layer: MaxPool2d | AveragePool2d, values: np.ndarray) -> tuple[int, int]:
    return windows(values.shape[1:], layer.kernel, layer.strides, layer.pads, (1, 1), layer.kind)


def _range(dtype: np.dtype) -> tuple[int, int]:
    limits = np.iinfo(dtype)
    return limits.min, limits.max


def max_pool2d(layer: MaxPool2d, values: np.ndarray) -> np.ndarray:
    """The largest tap inside the input, or the smallest in channels marked `minimum`."""
    batch, *extent, channels = values.shape
    height, width = _pooled_shape(layer, values)
    is_float = values.dtype == np.float32
    low, high = (-np.inf, np.inf) if is_float else _range(values.dtype)
    largest = np.full((batch, height, width, channels), low, values.dtype)
    least = np.full((batch, height, width, channels), high, values.dtype)
    for _, _, (oy, ox), (iy, ix) in taps(
        (extent[0], extent[1]), (height, width), layer.kernel, layer.strides, layer.pads
    ):
        largest[:, oy, ox] = np.maximum(largest[:, oy, ox], values[:, iy, ix])
        least[:, oy, ox] = np.minimum(least[:, oy, ox], values[:, iy, ix])
    return largest if layer.minimum is None else np.where(layer.minimum, least, largest)


def average_pool2d(layer: AveragePool2d, values: np.ndarray) -> np.ndarray:
    """Float32 sums over the window, row by row, divided once."""
    batch, *extent, channels = values.shape
    height, width = _pooled_shape(layer, values)
    sums = np.zeros((batch, height, width, channels), np.float32)
    counts = np.zeros((height, width, 1), np.float32)
    for _, _, (oy, ox), (iy, ix) in taps(
        (extent[0], extent[1]), (height, width), layer.kernel, layer.strides, layer.pads
    ):
        sums[:, oy, ox] += values[:, iy, ix].astype(np.float32)
        counts[oy, ox] += 1
    if layer.count_pads:
        return sums / np.float32(layer.kernel[0] * layer.kernel[1])
    return sums / counts


def concat(layer: Concat, *values: np.ndarray) -> np.ndarray:
    """Along the channels."""
    return np.concatenate(values, axis=-1)


def split(layer: Split, values: np.ndarray) -> list[np.ndarray]:
    """Along the channels."""
    return np.split(values, np.cumsum(layer.sizes)[:-1], axis=-1)


def reshape(layer: Reshape, values: np.ndarray) -> np.ndarray:
    """Same elements, same order."""
    return values.reshape(len(values), *layer.shape)


def flatten(layer: Flatten, values: np.ndarray) -> np.ndarray:
    """Same elements, same order."""
    return values.reshape(len(values), -1)


def transpose(layer: Transpose, values: np.ndarray) -> np.ndarray:
    """Axes permuted, the batch axis stays."""
    return values.transpose(0, *(axis + 1 for axis in layer.axes))
