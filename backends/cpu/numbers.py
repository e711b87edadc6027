"""Native kernels of everything but products of bits: numbers, and moving numbers and bits."""

from __future__ import annotations

from typing import Any

import numpy as np

from bnnplan.backends.cpu.native import ELEMENTS, CData, create, execution, ffi, lib, pointer
from bnnplan.backends.cpu.table import prepares
from bnnplan.backends.interface import Configuration
from bnnplan.models.graph import BoundLayer
from bnnplan.models.layers import (
    Add,
    AveragePool2d,
    BatchNorm,
    Clip,
    Concat,
    FloatConv2d,
    FloatDense,
    MaxPool2d,
    MultiThreshold,
    PRelu,
    Quantize,
    Rounding,
    ScaleBias,
    Softmax,
    Split,
    Transpose,
)
from bnnplan.models.tensors import TensorType

ROUNDINGS = {
    Rounding.NEAREST_EVEN: lib.BNN_NEAREST_EVEN,
    Rounding.FLOOR: lib.BNN_FLOOR,
    Rounding.CEIL: lib.BNN_CEIL,
    Rounding.TO_ZERO: lib.BNN_TO_ZERO,
}


def _tensor(type: TensorType, batch: int) -> CData:
    pixels = type.elements // type.channels
    return ffi.new("bnn_tensor_spec *", (batch, pixels, type.channels))


def _element(bound: BoundLayer) -> int:
    return ELEMENTS[bound.inputs[0].element]


def _elementwise(
    function: Any, bound: BoundLayer, configuration: Configuration, *arguments: object
) -> CData:
    tensor = _tensor(bound.inputs[0], bound.batch)
    return create(function, tensor, *arguments, execution(configuration))


def _window(bound: BoundLayer, layer: FloatConv2d | MaxPool2d | AveragePool2d) -> CData:
    dilations = layer.dilations if isinstance(layer, FloatConv2d) else (1, 1)
    sizes = (layer.kernel, layer.strides, dilations, layer.pads)
    return ffi.new("bnn_window_spec *", (bound.batch, *bound.inputs[0].shape, *sizes))


@prepares(BatchNorm, ScaleBias, bits=True, numbers=True)
def scale_bias(bound: BoundLayer, configuration: Configuration) -> CData:
    """A scale and a bias per channel."""
    layer = bound.layer
    if isinstance(layer, BatchNorm):
        layer = layer.scale_bias()
    assert isinstance(layer, ScaleBias)
    parameters = pointer(layer.scale), pointer(layer.bias)
    function = lib.bnn_scale_bias_create
    return _elementwise(function, bound, configuration, _element(bound), *parameters)


@prepares(PRelu, numbers=True)
def prelu(bound: BoundLayer, configuration: Configuration) -> CData:
    """A slope per channel for what is negative."""
    layer = bound.layer
    assert isinstance(layer, PRelu)
    return _elementwise(lib.bnn_prelu_create, bound, configuration, pointer(layer.slope))


@prepares(Clip, numbers=True)
def clip(bound: BoundLayer, configuration: Configuration) -> CData:
    """Between two bounds."""
    layer = bound.layer
    assert isinstance(layer, Clip)
    return _elementwise(lib.bnn_clip_create, bound, configuration, layer.low, layer.high)


@prepares(Quantize, numbers=True)
def quantize(bound: BoundLayer, configuration: Configuration) -> CData:
    """To a grid."""
    layer = bound.layer
    assert isinstance(layer, Quantize)
    parameters = pointer(layer.scale), pointer(layer.zero), layer.low, layer.high
    rounding = ROUNDINGS[layer.rounding]
    return _elementwise(lib.bnn_quantize_create, bound, configuration, *parameters, rounding)


@prepares(MultiThreshold, numbers=True)
def multi_threshold(bound: BoundLayer, configuration: Configuration) -> CData:
    """How many thresholds are reached."""
    layer = bound.layer
    assert isinstance(layer, MultiThreshold)
    return _elementwise(
        lib.bnn_multi_threshold_create,
        bound,
        configuration,
        _element(bound),
        pointer(layer.thresholds),
        layer.thresholds.shape[1],
        layer.scale,
        layer.bias,
    )


@prepares(Softmax, numbers=True)
def softmax(bound: BoundLayer, configuration: Configuration) -> CData:
    """Over the channels."""
    layer = bound.layer
    assert isinstance(layer, Softmax)
    return _elementwise(lib.bnn_softmax_create, bound, configuration, layer.log)


@prepares(Add, numbers=True)
def add(bound: BoundLayer, configuration: Configuration) -> CData:
    """Two tensors."""
    return _elementwise(lib.bnn_add_create, bound, configuration, _element(bound))


@prepares(MaxPool2d, numbers=True)
def max_pool(bound: BoundLayer, configuration: Configuration) -> CData:
    """Largest or smallest number of each window."""
    layer = bound.layer
    assert isinstance(layer, MaxPool2d)
    window, minimum = _window(bound, layer), pointer(layer.minimum)
    function = lib.bnn_number_max_pool_create
    return create(function, window, _element(bound), minimum, execution(configuration))


@prepares(AveragePool2d, numbers=True)
def average_pool(bound: BoundLayer, configuration: Configuration) -> CData:
    """Mean of each window."""
    layer = bound.layer
    assert isinstance(layer, AveragePool2d)
    window, function = _window(bound, layer), lib.bnn_average_pool_create
    return create(function, window, _element(bound), layer.count_pads, execution(configuration))


def _channels(types: tuple[TensorType, ...]) -> tuple[CData, int]:
    sizes = np.array([type.channels for type in types], np.int64)
    return pointer(sizes), len(sizes)


@prepares(Concat, bits=True, numbers=True)
def concat(bound: BoundLayer, configuration: Configuration) -> CData:
    """Along the channels."""
    joined = _tensor(bound.outputs[0], bound.batch)
    parts = _channels(bound.inputs)
    return create(lib.bnn_concat_create, joined, _element(bound), *parts, execution(configuration))


@prepares(Split, bits=True, numbers=True)
def split(bound: BoundLayer, configuration: Configuration) -> CData:
    """Along the channels."""
    joined = _tensor(bound.inputs[0], bound.batch)
    parts = _channels(bound.outputs)
    return create(lib.bnn_split_create, joined, _element(bound), *parts, execution(configuration))


@prepares(Transpose, bits=True, numbers=True)
def transpose(bound: BoundLayer, configuration: Configuration) -> CData:
    """Axes permuted."""
    layer = bound.layer
    assert isinstance(layer, Transpose)
    spec = ffi.new("bnn_transpose_spec *", (bound.batch, bound.inputs[0].shape, layer.axes))
    return create(lib.bnn_transpose_create, spec, _element(bound), execution(configuration))


@prepares(FloatConv2d, numbers=True)
def float_conv(bound: BoundLayer, configuration: Configuration) -> CData:
    """Numbers × numbers in a sliding window."""
    layer = bound.layer
    assert isinstance(layer, FloatConv2d)
    return create(
        lib.bnn_float_conv_create,
        _window(bound, layer),
        len(layer.weight),
        layer.groups,
        pointer(layer.weight),
        pointer(layer.bias),
        execution(configuration),
    )


@prepares(FloatDense, numbers=True)
def float_dense(bound: BoundLayer, configuration: Configuration) -> CData:
    """Numbers × numbers."""
    layer = bound.layer
    assert isinstance(layer, FloatDense)
    outputs, inputs = layer.weight.shape
    spec = ffi.new("bnn_float_dense_spec *", (bound.batch, inputs, outputs))
    parameters = pointer(layer.weight), pointer(layer.bias)
    return create(lib.bnn_float_dense_create, spec, *parameters, execution(configuration))
