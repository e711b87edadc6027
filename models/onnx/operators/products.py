"""Conv, Gemm, MatMul and XnorPopcountMatMul, in the network's order of axes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from attrs import evolve

from bnnplan.models.errors import NetworkError, UnsupportedError
from bnnplan.models.onnx.building import Builder
from bnnplan.models.onnx.multiplying import Window, multiply
from bnnplan.models.onnx.operators.arguments import (
    NCHW,
    NHWC,
    Handler,
    Value,
    constant,
    optional,
    pair,
    traced,
    window_pads,
)
from bnnplan.models.onnx.reading import Operation
from bnnplan.models.onnx.traced import ATOMS, Traced


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
    declared = pair(operation, "kernel_shape", taps)
    if declared != taps:
        raise NetworkError(f"kernel_shape {declared}, but the weights are of kernels {taps}")
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
        source = builder.arranged(source, NHWC)
        return multiply(builder, source, weight[:, None, None], bias, Window(), NHWC)
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
