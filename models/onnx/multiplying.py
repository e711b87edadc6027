"""The product of a tensor and weights, as the most binary layer that is exact."""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import evolve, frozen

from bnnplan.models.errors import NetworkError, UnsupportedError
from bnnplan.models.layers import (
    BinaryConv2d,
    BinaryDense,
    BinaryWeightConv2d,
    BinaryWeightDense,
    FloatConv2d,
    FloatDense,
    Layer,
)
from bnnplan.models.layers.products import MAX_INTEGER_TAPS
from bnnplan.models.onnx.building import Builder
from bnnplan.models.onnx.traced import Affine, Traced, identity, image
from bnnplan.models.tensors import ElementType

SAME_MAGNITUDE = 1e-6
"""Largest relative difference of magnitudes that still counts as ±1 times one scale."""


@frozen(eq=False)
class Window:
    """Geometry of a convolution, with what its padding reads in the ONNX graph's numbers."""

    strides: tuple[int, int] = (1, 1)
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)
    dilations: tuple[int, int] = (1, 1)
    groups: int = 1
    pad_value: float = 0.0

    @property
    def settings(self) -> dict[str, Any]:
        """As keyword arguments of a convolution layer."""
        return {
            "strides": self.strides,
            "pads": self.pads,
            "dilations": self.dilations,
            "groups": self.groups,
        }


def signs_and_scales(weight: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Split weights (O, ...) into ±1 and one positive scale per output channel, if they are that.

    Returns
    -------
    (signs, scales), or None
    """
    flat = np.abs(weight.reshape(len(weight), -1))
    low, high = flat.min(axis=1), flat.max(axis=1)
    if not (np.isfinite(high).all() and (low > 0).all()):
        return None
    if (high - low > SAME_MAGNITUDE * high).any():
        return None
    return np.sign(weight), high


def _per_tap(values: np.ndarray, weight: np.ndarray, groups: int) -> np.ndarray:
    """Numbers per input channel, broadcast to the shape of the weights (O, ..., I / groups)."""
    by_group = values.reshape(groups, -1)
    each = np.repeat(by_group, len(weight) // groups, axis=0)
    return each.reshape(len(weight), *[1] * (weight.ndim - 2), -1)


def _absorbed_pad(source: Traced, weight: np.ndarray, window: Window) -> float | None:
    """What padding reads in the network's elements, if the affine map can move behind the sums.

    It can where all channels have one magnitude of scale, the elements keep integer sums safe,
    and the padding is one value that the layer can read.
    """
    scale, bias = source.affine.scale, source.affine.bias
    element = source.type.element
    taps = int(np.prod(weight.shape[1:]))
    if (np.abs(scale) != np.abs(scale[0])).any() or scale[0] == 0 or element is ElementType.INT32:
        return None
    if element in MAX_INTEGER_TAPS and taps > MAX_INTEGER_TAPS[element]:
        return None
    if not any(window.pads):
        return 0.0
    reads = np.unique((window.pad_value - bias) / scale)
    allowed = (0.0, 1.0, -1.0) if element is ElementType.BIT else (0.0,)
    return float(reads[0]) if reads.size == 1 and reads[0] in allowed else None


def multiply(
    builder: Builder,
    source: Traced,
    weight: np.ndarray,
    bias: np.ndarray,
    window: Window | None,
    axes: tuple[str, ...],
) -> Traced:
    """Emit the product of a tensor and weights as the most binary layer that is exact.

    Parameters
    ----------
    builder : Builder
    source : Traced
        An image for a convolution, a vector for a dense layer; no pending padding.
    weight : ndarray of float64, shape (O, KH, KW, I / groups) or (O, I)
        Inputs in the network's order.
    bias : ndarray of float64, shape (O,)
    window : Window or None
        None for a dense layer.
    axes : tuple of str
        ONNX axes of the result.
    """
    geometry = window or Window()
    if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
        raise NetworkError("weights or biases are not finite")
    if any(geometry.pads) and not np.isfinite(geometry.pad_value):
        raise UnsupportedError(f"padding with {geometry.pad_value} before a convolution")
    settings = window.settings if window else {}
    binary = signs_and_scales(weight)
    inner = tuple(range(1, weight.ndim))
    reads = None if binary is None else _absorbed_pad(source, weight, geometry)
    if binary is not None and reads is not None:
        signs, scales = binary
        affine = source.affine
        offsets = (signs * _per_tap(affine.bias, weight, geometry.groups)).sum(axis=inner)
        flipped = signs * _per_tap(np.sign(affine.scale), weight, geometry.groups)
        pending = Affine(scales * np.abs(affine.scale[0]), scales * offsets + bias)
        layer = _binary_layer(source, flipped, settings, int(reads))
        source = evolve(source, affine=identity(affine.scale.size))
    else:
        shift = geometry.pad_value if any(geometry.pads) else 0.0
        source = builder.floats(source.then(1, -shift) if shift else source)
        bias = bias + shift * weight.sum(axis=inner)
        if binary is not None:
            layer = _binary_layer(source, binary[0], settings, 0)
            pending = Affine(binary[1], bias)
        else:
            kind: Any = FloatConv2d if window else FloatDense
            layer = kind(weight, bias if bias.any() else None, **settings)
            pending = identity(len(weight))
    ((name, type),) = builder.emit(layer, [source])
    return evolve(image(name, type, axes), affine=pending)


def _binary_layer(
    source: Traced, signs: np.ndarray, settings: dict[str, Any], pad_value: int
) -> Layer:
    kinds = {
        (True, True): BinaryConv2d,
        (True, False): BinaryDense,
        (False, True): BinaryWeightConv2d,
        (False, False): BinaryWeightDense,
    }
    kind: Any = kinds[source.is_bit, bool(settings)]
    padding = {"pad_value": pad_value} if kind is BinaryConv2d else {}
    return kind(signs, **settings, **padding)
