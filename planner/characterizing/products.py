"""Layers with products to be measured, by points of the unit cube."""

from __future__ import annotations

from typing import Any

import numpy as np

from bnnplan.models.graph import BoundLayer
from bnnplan.models.layers import (
    BinaryConv2d,
    BinaryDense,
    BinaryWeightConv2d,
    BinaryWeightDense,
    FloatConv2d,
    FloatDense,
    Layer,
    MaxPool2d,
    ScaleBias,
    Threshold,
)
from bnnplan.models.tensors import ElementType, TensorType
from bnnplan.planner.characterizing.points import Point

KERNELS = [(3, 0.5), (1, 0.2), (5, 0.12), (7, 0.08), (2, 0.05), (4, 0.05)]
BATCHES = [(1, 0.75), (2, 0.1), (4, 0.1), (8, 0.05)]
FUSIONS = [("bits", 0.4), ("pool", 0.2), ("sums", 0.25), ("scale", 0.15)]
VECTOR_FUSIONS = [("bits", 0.5), ("sums", 0.25), ("scale", 0.25)]
LARGEST_SIDE = 112


def _signs(shape: tuple[int, ...]) -> np.ndarray:
    """Weights ±1: times do not depend on which."""
    bits = np.random.default_rng(0).integers(0, 2, shape, np.int8)
    return np.int8(1) - np.int8(2) * bits


def _numbers(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)


def _fused(fusion: str, filters: int, element: type) -> dict[str, Any]:
    """What follows a product, by field of its layer."""
    if fusion == "scale":
        scale = ScaleBias(np.ones(filters, np.float32), np.zeros(filters, np.float32))
        return {"scale_bias": scale}
    if fusion == "sums":
        return {}
    flips = np.arange(filters) % 3 == 0
    found: dict[str, Any] = {"threshold": Threshold(np.zeros(filters, element), flips)}
    if fusion == "pool":
        found["pool"] = MaxPool2d((2, 2), strides=(2, 2))
    return found


def _window(point: Point, kernel: int, stride: int) -> dict[str, Any]:
    pad = point.one_of([(kernel // 2, 0.75), (0, 0.25)])
    return {"strides": (stride, stride), "pads": (pad, pad, pad, pad)}


def _image(point: Point, work: float, kernel: int, stride: int) -> tuple[int, int]:
    """Sides of an input whose outputs are about so many."""
    return point.side(work * stride * stride, max(kernel, 2) + stride, LARGEST_SIDE * stride)


def binary_conv(point: Point) -> BoundLayer:
    """Bits × ±1 in windows: of under a million to some hundred million products."""
    channels, filters = point.channels(16, 640), point.channels(12, 640)
    kernel = point.one_of(KERNELS)
    stride = point.one_of([(1, 0.8), (2, 0.2)])
    batch = point.one_of(BATCHES)
    products = point.between(6e5, 9e8) / batch
    height, width = _image(point, products / (channels * filters * kernel**2), kernel, stride)
    window = _window(point, kernel, stride)
    fusion = point.one_of(FUSIONS)
    weight = _signs((filters, kernel, kernel, channels))
    layer = BinaryConv2d(weight=weight, **window, **_fused(fusion, filters, np.int32))
    return BoundLayer(layer, (TensorType((height, width, channels), ElementType.BIT),), batch)


def grouped_conv(point: Point) -> BoundLayer:
    """Bits × ±1 in windows of groups of channels."""
    groups = point.one_of([(2, 1.0), (4, 1.0), (8, 1.0)])
    channels, filters = (groups * point.channels(16, 128) for _ in range(2))
    kernel = point.one_of([(3, 0.8), (1, 0.2)])
    products = point.between(4e6, 4e8)
    work = products * groups / (channels * filters * kernel**2)
    height, width = _image(point, work, kernel, 1)
    fusion = point.one_of(FUSIONS)
    layer = BinaryConv2d(
        weight=_signs((filters, kernel, kernel, channels // groups)),
        pads=(kernel // 2,) * 4,
        groups=groups,
        **_fused(fusion, filters, np.int32),
    )
    return BoundLayer(layer, (TensorType((height, width, channels), ElementType.BIT),))


def binary_depthwise(point: Point) -> BoundLayer:
    """Bits × ±1, each channel with its own window."""
    channels = max(2, point.channels(16, 512))
    kernel = point.one_of([(3, 0.8), (5, 0.2)])
    stride = point.one_of([(1, 0.8), (2, 0.2)])
    height, width = _image(point, point.often_large(2e4, 4e6) / channels, kernel, stride)
    window, fusion = _window(point, kernel, stride), point.one_of(FUSIONS)
    layer = BinaryConv2d(
        weight=_signs((channels, kernel, kernel, 1)),
        groups=channels,
        **window,
        **_fused(fusion, channels, np.int32),
    )
    return BoundLayer(layer, (TensorType((height, width, channels), ElementType.BIT),))


def binary_dense(point: Point) -> BoundLayer:
    """Bits × ±1 of whole vectors."""
    products = point.often_large(5e2, 3.2e7)
    channels = min(point.channels(64, 16384), max(64, round(products / 10)))
    filters = min(max(round(products / channels), 10), 4096)
    batch = point.one_of(BATCHES)
    fusion = point.one_of(VECTOR_FUSIONS)
    layer = BinaryDense(_signs((filters, channels)), **_fused(fusion, filters, np.int32))
    return BoundLayer(layer, (TensorType((channels,), ElementType.BIT),), batch)


def byte_conv(point: Point) -> BoundLayer:
    """Bytes × ±1 in windows."""
    return _input_conv(point, point.one_of([(ElementType.UINT8, 0.8), (ElementType.INT8, 0.2)]))


def number_conv(point: Point) -> BoundLayer:
    """int32 or float32 × ±1 in windows."""
    return _input_conv(point, point.one_of([(ElementType.FLOAT32, 0.7), (ElementType.INT32, 0.3)]))


def _input_conv(point: Point, element: ElementType) -> BoundLayer:
    channels = point.one_of([(3, 0.5), (1, 0.25), (2, 0.05), (4, 0.05), (16, 0.1), (64, 0.05)])
    filters = point.channels(16, 256)
    kernel = point.one_of([(3, 0.55), (5, 0.15), (7, 0.2), (1, 0.1)])
    stride = point.one_of([(1, 0.6), (2, 0.25), (4, 0.15)])
    work = point.between(2e5, 1.2e8) / (channels * filters * kernel**2)
    height, width = _image(point, work, kernel, stride)
    fusion = point.one_of(FUSIONS)
    kind = np.float32 if element is ElementType.FLOAT32 else np.int32
    layer = BinaryWeightConv2d(
        weight=_signs((filters, kernel, kernel, channels)),
        **_window(point, kernel, stride),
        **_fused(fusion, filters, kind),
    )
    return BoundLayer(layer, (TensorType((height, width, channels), element),))


def number_dense(point: Point) -> BoundLayer:
    """Numbers × ±1 of whole vectors."""
    element = point.one_of(
        [(ElementType.UINT8, 0.4), (ElementType.FLOAT32, 0.4), (ElementType.INT32, 0.2)]
    )
    products = point.often_large(3e4, 1.6e7)
    channels = point.channels(64, 4096)
    filters = min(max(round(products / channels), 10), 4096)
    batch, fusion = point.one_of(BATCHES), point.one_of(VECTOR_FUSIONS)
    kind = np.float32 if element is ElementType.FLOAT32 else np.int32
    layer = BinaryWeightDense(_signs((filters, channels)), **_fused(fusion, filters, kind))
    return BoundLayer(layer, (TensorType((channels,), element),), batch)


def float_conv(point: Point) -> BoundLayer:
    """Numbers × numbers in windows."""
    channels = point.one_of([(3, 0.25), (0, 0.75)]) or point.channels(8, 512)
    filters = point.channels(8, 512)
    kernel = point.one_of([(1, 0.4), (3, 0.4), (5, 0.1), (7, 0.1)])
    stride = point.one_of([(1, 0.75), (2, 0.25)])
    work = point.between(3e5, 3e7) / (channels * filters * kernel**2)
    height, width = _image(point, work, kernel, stride)
    layer = FloatConv2d(
        weight=_numbers((filters, kernel, kernel, channels)), **_window(point, kernel, stride)
    )
    return BoundLayer(layer, (TensorType((height, width, channels), ElementType.FLOAT32),))


def float_depthwise(point: Point) -> BoundLayer:
    """Numbers × numbers, each channel with its own window."""
    channels = max(2, point.channels(8, 512))
    kernel = point.one_of([(3, 0.8), (5, 0.2)])
    stride = point.one_of([(1, 0.6), (2, 0.4)])
    height, width = _image(point, point.often_large(4e3, 8e5) / channels, kernel, stride)
    layer = FloatConv2d(
        weight=_numbers((channels, kernel, kernel, 1)),
        groups=channels,
        **_window(point, kernel, stride),
    )
    return BoundLayer(layer, (TensorType((height, width, channels), ElementType.FLOAT32),))


def float_dense(point: Point) -> BoundLayer:
    """Numbers × numbers of whole vectors."""
    products = point.often_large(5e2, 1e7)
    channels = point.channels(32, 4096)
    filters = min(max(round(products / channels), 10), 2048)
    batch = point.one_of(BATCHES)
    layer: Layer = FloatDense(_numbers((filters, channels)))
    return BoundLayer(layer, (TensorType((channels,), ElementType.FLOAT32),), batch)
