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
        # float64 holds these sums exactly, in any order.
        return (values.astype(np.float64) @ weight.T.astype(np.float64)).astype(np.int32)
    sums = np.zeros((len(values), len(weight)), np.float32)
    if bias is not None:
        sums += bias
    for image, start in zip(values, sums, strict=True):
        # accumulate adds strictly from left to right, unlike sum and matrix products.
        terms = np.column_stack([start, image * weight.astype(np.float32)])
        start[:] = np.add.accumulate(terms, axis=1)[:, -1]
    return sums


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
    sums = _start((batch, height, width, groups, filters // groups), values, bias)
    grouped = values.reshape(batch, *extent, groups, channels // groups)
    weight = layer.weight.reshape(groups, filters // groups, *layer.weight.shape[1:])
    for row, column, (oy, ox), (iy, ix) in taps(
        (extent[0], extent[1]), (height, width), layer.kernel, layer.strides, pads, layer.dilations
    ):
        _accumulate(sums[:, oy, ox], grouped[:, iy, ix], weight[:, :, row, column])
    return _result(sums, values).reshape(batch, height, width, filters)


def _start(shape: tuple[int, ...], values: np.ndarray, bias: np.ndarray | None) -> np.ndarray:
    """Accumulators (N, H, W, G, O / G): float32 for float inputs, exact integers for others."""
    is_float = values.dtype == np.float32
    sums = np.zeros(shape, np.float32 if is_float else np.int64)
    if bias is not None:
        sums += bias.reshape(shape[-2:])
    return sums


def _accumulate(sums: np.ndarray, values: np.ndarray, weight: np.ndarray) -> None:
    """Add to sums (N, H, W, G, O) the products of values (N, H, W, G, I) and weight (G, O, I)."""
    if values.dtype == np.float32:
        columns = weight.astype(np.float32)
        for channel in range(values.shape[-1]):
            sums += values[..., channel, np.newaxis] * columns[..., channel]
        return
    # float64 holds every sum of 2^22 products of 32-bit integers and ±1 exactly, in any order,
    # and BLAS is much faster than numpy's integer product.
    by_group = np.moveaxis(values, -2, 0).astype(np.float64)
    batch, height, width, groups, filters = sums.shape
    rows = by_group.reshape(groups, batch * height * width, -1)
    products = rows @ weight.transpose(0, 2, 1).astype(np.float64)
    shaped = products.reshape(groups, batch, height, width, filters)
    sums += np.moveaxis(shaped, 0, -2).astype(np.int64)


def _result(sums: np.ndarray, values: np.ndarray) -> np.ndarray:
    return sums if values.dtype == np.float32 else sums.astype(np.int32)
