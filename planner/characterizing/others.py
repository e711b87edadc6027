"""Layers without products to be measured, by points of the unit cube."""

from __future__ import annotations

import numpy as np

from bnnplan.models.graph import BoundLayer
from bnnplan.models.layers import (
    Add,
    AveragePool2d,
    Clip,
    Concat,
    Flatten,
    Layer,
    MaxPool2d,
    MultiThreshold,
    PRelu,
    Quantize,
    ScaleBias,
    Softmax,
    Split,
    Threshold,
    Transpose,
)
from bnnplan.models.tensors import ElementType, TensorType
from bnnplan.planner.characterizing.points import Point

FEWEST, MOST = 3e3, 1.2e6
"""Elements of an image."""
SUMS = [(ElementType.INT32, 0.5), (ElementType.FLOAT32, 0.5)]
FLOATS = [(ElementType.FLOAT32, 1.0)]
LARGEST_SIDE = 256


def _tensor(
    point: Point,
    elements: list[tuple[ElementType, float]],
    *,
    least_channels: int = 8,
    least_side: int = 1,
    most: float = MOST,
) -> TensorType:
    element = point.one_of(elements)
    size = point.between(FEWEST, most)
    channels = point.one_of([(0, 0.9), (3, 0.1)]) or point.channels(least_channels, 512)
    height, width = point.side(size / channels, least_side, LARGEST_SIDE)
    return TensorType((height, width, channels), element)


def threshold(point: Point) -> BoundLayer:
    """Numbers to bits."""
    kinds = [(ElementType.INT32, 0.45), (ElementType.FLOAT32, 0.45), (ElementType.UINT8, 0.1)]
    source = _tensor(point, kinds)
    is_float = source.element is ElementType.FLOAT32
    limits = np.zeros(source.channels, np.float32 if is_float else np.int32)
    return BoundLayer(Threshold(limits, np.arange(source.channels) % 3 == 0), (source,))


def scale_bias(point: Point) -> BoundLayer:
    """A scale and a bias per channel."""
    kinds = [(ElementType.FLOAT32, 0.5), (ElementType.INT32, 0.3), (ElementType.UINT8, 0.2)]
    source = _tensor(point, kinds)
    ones = np.ones(source.channels, np.float32)
    return BoundLayer(ScaleBias(ones, ones), (source,))


def add(point: Point) -> BoundLayer:
    """Two tensors."""
    source = _tensor(point, SUMS)
    return BoundLayer(Add(), (source, source))


def clip(point: Point) -> BoundLayer:
    """Between two bounds."""
    return BoundLayer(Clip(-0.5, 0.5), (_tensor(point, FLOATS),))


def prelu(point: Point) -> BoundLayer:
    """A slope per channel."""
    source = _tensor(point, FLOATS)
    return BoundLayer(PRelu(np.full(source.channels, 0.25, np.float32)), (source,))


def quantize(point: Point) -> BoundLayer:
    """To a grid."""
    source = _tensor(point, FLOATS)
    scale = np.full(source.channels, 0.125, np.float32)
    return BoundLayer(Quantize(scale, np.zeros_like(scale), -128, 127), (source,))


def multi_threshold(point: Point) -> BoundLayer:
    """How many thresholds are reached."""
    source = _tensor(point, SUMS, most=3e5)
    steps = point.one_of([(3, 0.5), (7, 0.3), (15, 0.2)])
    limits = np.tile(np.linspace(-1, 1, steps, dtype=np.float32), (source.channels, 1))
    return BoundLayer(MultiThreshold(limits, scale=1.0, bias=0.0), (source,))


def softmax(point: Point) -> BoundLayer:
    """Over the channels of vectors."""
    channels = point.between(10, 4000)
    return BoundLayer(Softmax(), (TensorType((channels,), ElementType.FLOAT32),))


def _windows(point: Point) -> tuple[int, int, int]:
    """Kernel, stride and pad as networks pool."""
    return point.one_of([((2, 2, 0), 0.45), ((3, 2, 1), 0.25), ((2, 1, 0), 0.2), ((3, 1, 1), 0.1)])


def bit_pool(point: Point) -> BoundLayer:
    """Largest bit of each window."""
    kernel, stride, pad = _windows(point)
    source = _tensor(point, [(ElementType.BIT, 1.0)], least_channels=16, least_side=4)
    return BoundLayer(
        MaxPool2d((kernel, kernel), strides=(stride, stride), pads=(pad,) * 4), (source,)
    )


def max_pool(point: Point) -> BoundLayer:
    """Largest number of each window."""
    kernel, stride, pad = _windows(point)
    kinds = [*SUMS, (ElementType.UINT8, 0.1)]
    source = _tensor(point, kinds, least_side=4)
    return BoundLayer(
        MaxPool2d((kernel, kernel), strides=(stride, stride), pads=(pad,) * 4), (source,)
    )


def average_pool(point: Point) -> BoundLayer:
    """Mean of each window, or of a whole image."""
    kernel, stride, pad = _windows(point)
    whole = point.one_of([(False, 0.6), (True, 0.4)])
    source = _tensor(point, SUMS, least_side=4, most=5e5)
    if whole:
        height, width, _ = source.shape
        layer = AveragePool2d((height, width), strides=(height, width))
        return BoundLayer(layer, (source,))
    return BoundLayer(
        AveragePool2d((kernel, kernel), strides=(stride, stride), pads=(pad,) * 4), (source,)
    )


def flatten(point: Point) -> BoundLayer:
    """An image to a vector."""
    kinds = [(ElementType.BIT, 0.6), (ElementType.FLOAT32, 0.4)]
    return BoundLayer(Flatten(), (_tensor(point, kinds, most=1e5),))


def concat(point: Point) -> BoundLayer:
    """Along the channels."""
    source = _tensor(point, [(ElementType.BIT, 0.3), *SUMS], most=5e5)
    return BoundLayer(Concat(), (source, source))


def split(point: Point) -> BoundLayer:
    """Along the channels, into halves."""
    source = _tensor(point, [(ElementType.BIT, 0.3), *SUMS], most=5e5)
    channels = max(1, source.channels // 2)
    doubled = TensorType((*source.shape[:2], 2 * channels), source.element)
    layer: Layer = Split((channels, channels))
    return BoundLayer(layer, (doubled,))


def transpose(point: Point) -> BoundLayer:
    """Axes permuted."""
    axes = point.one_of([((2, 0, 1), 0.5), ((1, 2, 0), 0.5)])
    return BoundLayer(Transpose(axes), (_tensor(point, FLOATS, most=2e5),))
