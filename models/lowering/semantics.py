"""Exact semantics of the layers that can be folded into a threshold, for searching them.

One line of numpy a layer, in float32. The `reference` backend states the same on its own; the
tests of lowering hold the two against each other.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bnnplan.models.layers import (
    BatchNorm,
    Clip,
    Layer,
    MultiThreshold,
    PRelu,
    Quantize,
    Rounding,
    ScaleBias,
    Sign,
    Threshold,
)

_ROUND: dict[Rounding, Callable[[np.ndarray], np.ndarray]] = {
    Rounding.NEAREST_EVEN: np.rint,
    Rounding.FLOOR: np.floor,
    Rounding.CEIL: np.ceil,
    Rounding.TO_ZERO: np.trunc,
}


def is_monotone(layer: Layer) -> bool:
    """Whether the layer is known to rise, or to fall, along the whole line in every channel.

    Rounded operations are monotone because rounding is.
    """
    match layer:
        case BatchNorm() | ScaleBias() | Clip() | MultiThreshold():
            return True
        case PRelu():
            return bool((layer.slope >= 0).all())
        case Quantize():
            return bool(np.isfinite(layer.scale).all() and np.isfinite(layer.zero).all())
    return False


def apply(layer: Layer, x: np.ndarray) -> np.ndarray:
    """What a monotone layer makes of numbers, shape (..., C), as float32."""
    match layer:
        case BatchNorm():
            return apply(layer.scale_bias(), x)
        case ScaleBias():
            return x.astype(np.float32) * layer.scale + layer.bias
        case Clip():
            return np.minimum(np.maximum(x, np.float32(layer.low)), np.float32(layer.high))
        case PRelu():
            return np.where(x >= 0, x, x * layer.slope)
        case Quantize():
            whole = _ROUND[layer.rounding](x / layer.scale + layer.zero)
            kept = np.minimum(np.maximum(whole, np.float32(layer.low)), np.float32(layer.high))
            return (kept - layer.zero) * layer.scale
        case MultiThreshold():
            reached = x.astype(np.float32)[..., np.newaxis] >= layer.thresholds
            count = reached.sum(axis=-1).astype(np.float32)
            return np.float32(layer.scale) * count + np.float32(layer.bias)
    raise AssertionError(f"{layer.kind} is no monotone layer")


def is_negative(decision: Sign | Threshold, x: np.ndarray) -> np.ndarray:
    """Where a Sign or Threshold gives -1, for numbers of shape (..., C)."""
    if isinstance(decision, Sign):
        return x < 0 if decision.zero > 0 else x <= 0
    return np.where(decision.flip, x > decision.threshold, x < decision.threshold)
