"""Conv, Gemm, MatMul and XnorPopcountMatMul: what is binary is decided here."""

from __future__ import annotations

from collections.abc import Sequence
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
from bnnplan.models.onnx.operators.arguments import (
    NCHW,
    Handler,
    Value,
    constant,
    optional,
    pair,
    traced,
    window_pads,
)
from bnnplan.models.onnx.reading import Operation
from bnnplan.models.onnx.traced import ATOMS, Affine, Traced, identity, image
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
    if source.is_bit:
        return (
            BinaryConv2d(signs, pad_value=pad_value, **settings) if settings else BinaryDense(signs)
        )
    return BinaryWeightConv2d(signs, **settings) if settings else BinaryWeightDense(signs)


def _filter_biases(given: np.ndarray | None, filters: int) -> np.ndarray:
    if given is None:
        return np.zeros(filters)
    if given.size not in (1, filters) or given.shape[-1:] not in ((), (1,), (filters,)):
        raise NetworkError(f"biases of shape {given.shape} for {filters} filters")
    return np.broadcast_to(given.reshape(-1).astype(np.float64), (filters,))


def _convolution(builder: Builder, operation: Operation, inputs: Sequence[Value]) -> list[Traced]:
    source, weight = traced(inputs, 0), constant(inputs, 1).astype(np.float64)
    if weight.ndim != 4:
        raise UnsupportedError(f"weights of shape {weight.shape}: only 2-D images are supported")
    source = builder.arranged(source, NCHW)
    taps, strides = weight.shape[2:], pair(operation, "strides")
    dilations = pair(operation, "dilations")
    groups = int(operation.attributes.get("group", 1))
    channels = source.type.channels
    if groups < 1 or weight.shape[1] * groups != channels or weight.shape[0] % groups:
        raise NetworkError(
            f"weights of shape {weight.shape} in {groups} groups do not fit {channels} channels"
        )
    extents = source.extent("H"), source.extent("W")
    pads = window_pads(operation, extents, taps, strides, dilations)
    value = 0.0
    if source.padding is not None:
        value = source.padding.value
        if any(pads) and value != 0:
            raise UnsupportedError(f"padding with 0 around padding with {value:g}")
        around = source.padding.pads
        pads = tuple(a + b for a, b in zip(pads, around, strict=True))  # type: ignore[assignment]
        source = evolve(source, padding=None)
    return [
        multiply(
            builder,
            source,
            weight.transpose(0, 2, 3, 1),
            _filter_biases(optional(inputs, 2), len(weight)),
            Window(strides, pads, dilations, groups, value),
            NCHW,
        )
    ]


def _dense(builder: Builder, source: Traced, weight: np.ndarray, bias: np.ndarray) -> Traced:
    """A product over the last ONNX axis; weight (O, I) in the ONNX graph's order of inputs."""
    weight = weight.astype(np.float64)
    inputs = source.extent(source.axes[-1])
    if source.axes[0] != "N" or len(source.axes) < 2 or weight.shape[1] != inputs:
        raise NetworkError(
            f"weights {weight.shape[1]}×{weight.shape[0]} do not fit {builder.shown(source)}"
        )
    if len(source.axes) > 2:
        if len(source.axes) != 4:
            raise UnsupportedError(f"a product over the last axis of {builder.shown(source)}")
        last = ("N", "H", "W", "C")
        source = builder.arranged(source, last)
        return multiply(builder, source, weight[:, None, None], bias, Window(), last)
    source = builder.vector(source)
    atoms = source.axes[1]
    extents = dict(zip(ATOMS, source.extents, strict=True))
    split = weight.reshape(len(weight), *(extents[atom] for atom in atoms))
    ordered = sorted(atoms, key=ATOMS.index)
    split = split.transpose(0, *(1 + atoms.index(atom) for atom in ordered))
    return multiply(builder, source, split.reshape(weight.shape), bias, None, ("N", "C"))


def _gemm(builder: Builder, operation: Operation, inputs: Sequence[Value]) -> list[Traced]:
    given = operation.attributes
    if given.get("transA", 0):
        raise UnsupportedError("transA")
    source, weight = traced(inputs, 0), constant(inputs, 1)
    if weight.ndim != 2:
        raise NetworkError(f"weights must have 2 axes, not shape {weight.shape}")
    weight = weight if given.get("transB", 0) else weight.T
    bias = _filter_biases(optional(inputs, 2), len(weight)) * given.get("beta", 1.0)
    return [_dense(builder, source, weight * given.get("alpha", 1.0), bias)]


def _matrix_weight(inputs: Sequence[Value]) -> np.ndarray:
    weight = constant(inputs, 1)
    if weight.ndim != 2:
        raise UnsupportedError(f"weights of shape {weight.shape}; 2 axes are supported")
    return weight.T


def _matmul(builder: Builder, operation: Operation, inputs: Sequence[Value]) -> list[Traced]:
    weight = _matrix_weight(inputs)
    return [_dense(builder, traced(inputs, 0), weight, np.zeros(len(weight)))]


def _xnor_popcount(builder: Builder, operation: Operation, inputs: Sequence[Value]) -> list[Traced]:
    """FINN: bits are the numbers 0 and 1, the result is the number of equal ones, (K + dot) / 2."""
    weight = 2.0 * _matrix_weight(inputs) - 1
    source = builder.then(traced(inputs, 0), 2.0, -1.0)
    dot = _dense(builder, source, weight, np.zeros(len(weight)))
    return [dot.then(0.5, weight.shape[1] / 2)]


PRODUCTS: dict[str, Handler] = {
    "Conv": _convolution,
    "Gemm": _gemm,
    "MatMul": _matmul,
    "XnorPopcountMatMul": _xnor_popcount,
}
