"""Native kernels of bits: products, thresholds, pooling, reshaping."""

from __future__ import annotations

import numpy as np

from bnnplan.backends.cpu.native import (
    ELEMENTS,
    LOOKUPS,
    CData,
    create,
    execution,
    ffi,
    lib,
    pointer,
)
from bnnplan.backends.cpu.table import prepares
from bnnplan.backends.interface import Configuration
from bnnplan.models.graph import BoundLayer
from bnnplan.models.layers import (
    BinaryConv2d,
    BinaryDense,
    BinaryProduct,
    BinaryWeightConv2d,
    BinaryWeightDense,
    Flatten,
    MaxPool2d,
    Reshape,
    Sign,
    Threshold,
)
from bnnplan.models.tensors import ElementType, TensorType

SMALLEST_POSITIVE = np.float32(1.401298464324817e-45)
"""x < this is x <= 0."""


def _fusion(layer: BinaryProduct) -> tuple[CData, list[CData]]:
    """What a layer carries, and the arrays that this points to: to be kept as long as it."""
    fused = ffi.new("bnn_fusion *")
    kept: list[CData] = []
    if layer.threshold is not None:
        kept = [pointer(layer.threshold.threshold), pointer(layer.threshold.flip)]
        fused.thresholds, fused.flips = kept
    if layer.scale_bias is not None:
        kept = [pointer(layer.scale_bias.scale), pointer(layer.scale_bias.bias)]
        fused.scales, fused.biases = kept
    if isinstance(layer, BinaryConv2d | BinaryWeightConv2d) and layer.pool is not None:
        kept.append(pointer(layer.pool.minimum))
        fused.pool = (*layer.pool.kernel, *layer.pool.strides, kept[-1])
    return fused, kept


def _shape(bound: BoundLayer, **fields: object) -> CData:
    height, width, channels = bound.inputs[0].shape
    shape = {"batch": bound.batch, "height": height, "width": width, "channels": channels}
    one = {"dilation_height": 1, "dilation_width": 1, "groups": 1}
    return ffi.new("bnn_convolution *", {**shape, **one, **fields})


def _window(kernel: tuple[int, ...], strides: tuple[int, ...], pads: tuple[int, ...]) -> dict:
    names = (
        *("kernel_height", "kernel_width", "stride_height", "stride_width"),
        *("pad_top", "pad_left", "pad_bottom", "pad_right"),
    )
    return dict(zip(names, (*kernel, *strides, *pads), strict=True))


def _convolution(bound: BoundLayer, layer: BinaryConv2d | BinaryWeightConv2d) -> CData:
    return _shape(
        bound,
        filters=layer.weight.shape[0],
        dilation_height=layer.dilations[0],
        dilation_width=layer.dilations[1],
        groups=layer.groups,
        **_window(layer.kernel, layer.strides, layer.pads),
    )


def _pixel(bound: BoundLayer, layer: BinaryDense | BinaryWeightDense) -> CData:
    """A dense layer as a convolution: a row of images of one pixel side by side."""
    filters, channels = layer.weight.shape
    image = TensorType((1, 1, channels), bound.inputs[0].element)
    window = _window((1, 1), (1, 1), (0, 0, 0, 0))
    return _shape(BoundLayer(layer, (image,), bound.batch), filters=filters, **window)


def product_variants(bound: BoundLayer, isa: str) -> list[str]:
    """The kernel variants of a layer that are worth measuring with an instruction set.

    Looking up takes pairs of neighbouring outputs; for single ones, counting is as fast with half
    the memory.
    """
    layer = bound.layer
    if isa not in LOOKUPS or bound.inputs[0].element is not ElementType.BIT:
        return [isa]
    if isinstance(layer, BinaryConv2d):
        shape, neighbours = _convolution(bound, layer), layer.sums(bound.inputs).shape[1]
    elif isinstance(layer, BinaryDense):
        shape, neighbours = _pixel(bound, layer), bound.batch
    else:
        return [isa]
    is_offered = neighbours > 1 and lib.bnn_lookup_fits(shape)
    return [isa, LOOKUPS[isa]] if is_offered else [isa]


@prepares(BinaryConv2d, bits=True)
def binary_conv(bound: BoundLayer, configuration: Configuration) -> CData:
    """Bits × ±1 weights in a sliding window."""
    layer = bound.layer
    assert isinstance(layer, BinaryConv2d)
    fused, _kept = _fusion(layer)
    return create(
        lib.bnn_binary_conv_create,
        _convolution(bound, layer),
        layer.pad_value,
        pointer(layer.weight),
        fused,
        execution(configuration),
    )


@prepares(BinaryDense, bits=True)
def binary_dense(bound: BoundLayer, configuration: Configuration) -> CData:
    """Bits × ±1 weights."""
    layer = bound.layer
    assert isinstance(layer, BinaryDense)
    fused, _kept = _fusion(layer)
    filters, channels = layer.weight.shape
    return create(
        lib.bnn_binary_dense_create,
        bound.batch,
        channels,
        filters,
        pointer(layer.weight),
        fused,
        execution(configuration),
    )


@prepares(BinaryWeightConv2d, numbers=True)
def binary_weight_conv(bound: BoundLayer, configuration: Configuration) -> CData:
    """Numbers × ±1 weights in a sliding window."""
    layer = bound.layer
    assert isinstance(layer, BinaryWeightConv2d)
    fused, _kept = _fusion(layer)
    return create(
        lib.bnn_input_conv_create,
        _convolution(bound, layer),
        ELEMENTS[bound.inputs[0].element],
        pointer(layer.weight),
        fused,
        execution(configuration),
    )


@prepares(BinaryWeightDense, numbers=True)
def binary_weight_dense(bound: BoundLayer, configuration: Configuration) -> CData:
    """Numbers × ±1 weights: a window as wide as a whole row of images side by side."""
    layer = bound.layer
    assert isinstance(layer, BinaryWeightDense)
    fused, _kept = _fusion(layer)
    return create(
        lib.bnn_input_conv_create,
        _pixel(bound, layer),
        ELEMENTS[bound.inputs[0].element],
        pointer(layer.weight),
        fused,
        execution(configuration),
    )


def _threshold(
    bound: BoundLayer, configuration: Configuration, limits: np.ndarray, flips: np.ndarray
) -> CData:
    source = bound.inputs[0]
    return create(
        lib.bnn_threshold_create,
        bound.batch * source.elements // source.channels,
        source.channels,
        ELEMENTS[source.element],
        pointer(limits),
        pointer(flips),
        execution(configuration),
    )


@prepares(Threshold, numbers=True)
def threshold(bound: BoundLayer, configuration: Configuration) -> CData:
    """Numbers to bits, a threshold a channel."""
    layer = bound.layer
    assert isinstance(layer, Threshold)
    return _threshold(bound, configuration, layer.threshold, layer.flip)


@prepares(Sign, numbers=True)
def sign(bound: BoundLayer, configuration: Configuration) -> CData:
    """Numbers to bits: thresholds of 0, or of the next number if 0 is to give -1."""
    layer = bound.layer
    assert isinstance(layer, Sign)
    source = bound.inputs[0]
    is_float = source.element is ElementType.FLOAT32
    above_zero = SMALLEST_POSITIVE if is_float else 1
    limit = 0 if layer.zero == 1 else above_zero
    dtype = np.float32 if is_float else np.int32
    limits = np.full(source.channels, limit, dtype)
    return _threshold(bound, configuration, limits, np.zeros(source.channels, np.bool_))


@prepares(MaxPool2d, bits=True)
def bit_pool(bound: BoundLayer, configuration: Configuration) -> CData:
    """Largest or smallest bit of each window."""
    layer = bound.layer
    assert isinstance(layer, MaxPool2d)
    return create(
        lib.bnn_bit_pool_create,
        _shape(bound, **_window(layer.kernel, layer.strides, layer.pads)),
        pointer(layer.minimum),
        execution(configuration),
    )


@prepares(Flatten, Reshape, bits=True)
def bit_reshape(bound: BoundLayer, configuration: Configuration) -> CData:
    """The same bits in pixels of another number of channels."""
    source, target = bound.inputs[0], bound.outputs[0]
    return create(
        lib.bnn_bit_reshape_create,
        bound.batch,
        source.elements // source.channels,
        source.channels,
        target.elements // target.channels,
        target.channels,
        execution(configuration),
    )


@prepares(Flatten, Reshape, numbers=True)
def number_reshape(bound: BoundLayer, configuration: Configuration) -> CData:
    """Dense numbers keep their order: a copy."""
    nbytes = bound.inputs[0].nbytes(bound.batch)
    return create(lib.bnn_copy_create, nbytes, execution(configuration))
