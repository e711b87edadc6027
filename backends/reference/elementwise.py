"""Layers that treat every element alone, in numpy."""

from __future__ import annotations

import numpy as np

from bnnplan.models.layers import (
    Add,
    BatchNorm,
    Clip,
    MultiThreshold,
    PRelu,
    Quantize,
    Rounding,
    ScaleBias,
    Sign,
    Softmax,
    Threshold,
)

ROUND = {
    Rounding.NEAREST_EVEN: np.rint,
    Rounding.FLOOR: np.floor,
    Rounding.CEIL: np.ceil,
    Rounding.TO_ZERO: np.trunc,
}


def _signs(negative: np.ndarray) -> np.ndarray:
    return np.where(negative, np.int8(-1), np.int8(1))


def threshold(layer: Threshold, values: np.ndarray) -> np.ndarray:
    """±1 by a threshold and a direction per channel."""
    below, above = values < layer.threshold, values > layer.threshold
    return _signs(np.where(layer.flip, above, below))


def sign(layer: Sign, values: np.ndarray) -> np.ndarray:
    """±1; `zero` decides for 0."""
    return _signs((values < 0) | ((values == 0) & (layer.zero < 0)))


def scale_bias(layer: ScaleBias, values: np.ndarray) -> np.ndarray:
    """One float32 product, one float32 sum."""
    return values.astype(np.float32) * layer.scale + layer.bias


def batch_norm(layer: BatchNorm, values: np.ndarray) -> np.ndarray:
    """As one scale and bias per channel."""
    return scale_bias(layer.scale_bias(), values)


def prelu(layer: PRelu, values: np.ndarray) -> np.ndarray:
    """Slope where negative."""
    return np.where(values >= 0, values, values * layer.slope)


def clip(layer: Clip, values: np.ndarray) -> np.ndarray:
    """Between low and high."""
    return np.minimum(np.maximum(values, np.float32(layer.low)), np.float32(layer.high))


def quantize(layer: Quantize, values: np.ndarray) -> np.ndarray:
    """QONNX's `Quant`, every operation in float32."""
    grid = ROUND[layer.rounding](values / layer.scale + layer.zero)
    bounded = np.minimum(np.maximum(grid, np.float32(layer.low)), np.float32(layer.high))
    return (bounded - layer.zero) * layer.scale


def multi_threshold(layer: MultiThreshold, values: np.ndarray) -> np.ndarray:
    """Thresholds reached, scaled and shifted in float32."""
    reached = np.zeros(values.shape, np.float32)
    for step in layer.thresholds.T:
        reached += values.astype(np.float32) >= step
    return np.float32(layer.scale) * reached + np.float32(layer.bias)


def softmax(layer: Softmax, values: np.ndarray) -> np.ndarray:
    """In float64, rounded once."""
    shifted = values.astype(np.float64) - values.max(axis=-1, keepdims=True)
    logarithm = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return (logarithm if layer.log else np.exp(logarithm)).astype(np.float32)


def add(layer: Add, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Element by element."""
    return first + second
