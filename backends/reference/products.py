"""Convolutions and dense layers in numpy."""

from __future__ import annotations

import numpy as np

from bnnplan.backends.reference.elementwise import scale_bias, threshold
from bnnplan.backends.reference.shapes import max_pool2d
from bnnplan.backends.reference.windows import taps
from bnnplan.models.layers import (
    BinaryConv2d,
    BinaryDense,
    BinaryProduct,
    BinaryWeightConv2d,
    BinaryWeightDense,
    FloatConv2d,
    FloatDense,
)
from bnnplan.models.layers.base import windows

PIECE = 1 << 18
"""Products that BLAS does in the thread that calls it: where others use the cores too, waiting for
the threads of BLAS takes longer than the products."""
Convolution = BinaryConv2d | BinaryWeightConv2d | FloatConv2d


def binary_conv2d(layer: BinaryConv2d, signs: np.ndarray) -> np.ndarray:
    """Sums, or what is fused makes of them; a padding of ±1 becomes part of the input."""
    if layer.pad_value == 0:
        return _pooled(layer, _finish(layer, _convolve(layer, signs, layer.pads)))
    top, left, bottom, right = layer.pads
    around = ((0, 0), (top, bottom), (left, right), (0, 0))
    padded = np.pad(signs, around, constant_values=layer.pad_value)
    return _pooled(layer, _finish(layer, _convolve(layer, padded, (0, 0, 0, 0))))


def binary_weight_conv2d(layer: BinaryWeightConv2d, values: np.ndarray) -> np.ndarray:
    """Sums, or what is fused makes of them."""
    return _pooled(layer, _finish(layer, _convolve(layer, values, layer.pads)))


def float_conv2d(layer: FloatConv2d, values: np.ndarray) -> np.ndarray:
    """Sums that start from the bias."""
    return _convolve(layer, values, layer.pads, layer.bias)


def binary_dense(layer: BinaryDense | BinaryWeightDense, values: np.ndarray) -> np.ndarray:
    """Sums, or what is fused makes of them."""
    return _finish(layer, _multiply(layer.weight, values))


def float_dense(layer: FloatDense, values: np.ndarray) -> np.ndarray:
    """Sums that start from the bias."""
    return _multiply(layer.weight, values, layer.bias)


def _finish(layer: BinaryProduct, sums: np.ndarray) -> np.ndarray:
    if layer.threshold is not None:
        return threshold(layer.threshold, sums)
    return sums if layer.scale_bias is None else scale_bias(layer.scale_bias, sums)


def _pooled(layer: BinaryConv2d | BinaryWeightConv2d, values: np.ndarray) -> np.ndarray:
    return values if layer.pool is None else max_pool2d(layer.pool, values)


def _multiply(weight: np.ndarray, values: np.ndarray, bias: np.ndarray | None = None) -> np.ndarray:
    if values.dtype != np.float32:
        exact = _exact(values, weight.shape[1])
        return (values.astype(exact) @ weight.T.astype(exact)).astype(np.int32)
    sums = np.zeros((len(values), len(weight)), np.float32)
    if bias is not None:
        sums += bias
    for image, start in zip(values, sums, strict=True):
        # accumulate adds strictly from left to right, unlike sum and matrix products.
        terms = np.column_stack([start, image * weight.astype(np.float32)])
        start[:] = np.add.accumulate(terms, axis=1)[:, -1]
    return sums


def _exact(values: np.ndarray, terms: int) -> type[np.floating]:
    """What holds every sum of so many of the integers, and of their negatives, in any order.

    float64 does for 2^22 integers of 32 bits; BLAS is much faster with it than numpy with integers,
    and with float32 twice as fast again.
    """
    largest = max(-int(values.min(initial=0)), int(values.max(initial=0)))
    return np.float32 if largest * terms <= 1 << np.finfo(np.float32).nmant else np.float64


def _convolve(
    layer: Convolution,
    values: np.ndarray,
    pads: tuple[int, int, int, int],
    bias: np.ndarray | None = None,
) -> np.ndarray:
    batch, *extent, channels = values.shape
    filters, groups = len(layer.weight), layer.groups
    height, width = windows(
        (*extent, channels), layer.kernel, layer.strides, pads, layer.dilations, layer.kind
    )
    is_float = values.dtype == np.float32
    accumulate = _in_order if is_float else _in_any_order
    exact = np.float32 if is_float else _exact(values, layer.weight[0].size)
    sums = np.zeros((batch, height, width, groups, filters // groups), exact)
    if bias is not None:
        sums += bias.reshape(sums.shape[-2:])
    grouped = values.reshape(batch, *extent, groups, channels // groups).astype(exact)
    weight = layer.weight.reshape(groups, filters // groups, *layer.weight.shape[1:]).astype(exact)
    for row, column, (oy, ox), (iy, ix) in taps(
        (extent[0], extent[1]), (height, width), layer.kernel, layer.strides, pads, layer.dilations
    ):
        accumulate(sums[:, oy, ox], grouped[:, iy, ix], weight[:, :, row, column])
    kind = np.float32 if is_float else np.int32
    return sums.reshape(batch, height, width, filters).astype(kind)


def _in_order(sums: np.ndarray, values: np.ndarray, weight: np.ndarray) -> None:
    """Add to sums (N, H, W, G, O) the products of values (N, H, W, G, I) and weight (G, O, I).

    Floats add up channel by channel.
    """
    for channel in range(values.shape[-1]):
        sums += values[..., channel, np.newaxis] * weight[..., channel]


def _in_any_order(sums: np.ndarray, values: np.ndarray, weight: np.ndarray) -> None:
    """The same where every order gives the same, as matrix products of rows of pixels."""
    width, groups, channels = values.shape[-3:]
    step = max(1, PIECE // (width * channels))
    for group in range(groups):
        for first in range(0, weight.shape[1], step):
            part = slice(first, first + step)
            sums[..., group, part] += values[..., group, :] @ weight[group, part].T
