"""Writes a network as an OpenVINO model whose binary layers are BinaryConvolutions.

Numbers are float32, NCHW; a vector is an image of one pixel, and a dense layer a convolution of
its whole input, so that a flattening costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import openvino
from openvino import opset1, opset13

from bnnplan.models import layers
from bnnplan.models.errors import UnsupportedError
from bnnplan.models.graph import Network, Node
from bnnplan.models.tensors import ElementType, TensorType
from peers.openvino_layers import SIMPLE
from peers.openvino_writer import Undecided, Writer, per_channel, undecided

JUST_BELOW_ZERO = -np.finfo(np.float32).tiny
"""Limit of a sign that takes 0 for +1: nothing between is a normal number."""


def to_openvino(network: Network, batch: int) -> Any:
    """The network as an `openvino.Model` of a fixed batch; bit outputs are ±1.

    Raises
    ------
    UnsupportedError
        If a layer has no form here; the message names it.
    """
    writer = Writer(network)
    inputs = []
    for name, kind in network.inputs.items():
        if kind.element is ElementType.BIT:
            raise UnsupportedError("a network that is fed bits has no OpenVINO form")
        parameter = opset13.parameter([batch, *nchw(kind)], np.float32, name=name)
        inputs.append(parameter)
        writer.values[name] = parameter
    for node in network.nodes:
        write = _WRITERS.get(type(node.layer))
        if write is None:
            raise UnsupportedError(f"layer {node.name!r} ({node.layer.kind}) has no OpenVINO form")
        write(writer, node)
    outputs = [opset13.result(writer.numbers(name)) for name in network.outputs]
    return openvino.Model(outputs, inputs, network.name)


def nchw(kind: TensorType) -> tuple[int, int, int]:
    """Channels, height and width; a vector is one pixel."""
    if len(kind.shape) == 1:
        return (kind.channels, 1, 1)
    height, width, channels = kind.shape
    return (channels, height, width)


def _threshold(writer: Writer, node: Node) -> None:
    assert isinstance(node.layer, layers.Threshold)
    value = writer.numbers(node.inputs[0])
    writer.undecided[node.outputs[0]] = undecided(value, node.layer)


def _sign(writer: Writer, node: Node) -> None:
    assert isinstance(node.layer, layers.Sign)
    channels = writer.network.types[node.inputs[0]].channels
    limit = np.full(channels, JUST_BELOW_ZERO if node.layer.zero == 1 else 0.0)
    value = writer.numbers(node.inputs[0])
    writer.undecided[node.outputs[0]] = Undecided(value, limit, np.zeros(channels, bool))


def _finish(writer: Writer, node: Node, sums: Any) -> None:
    rule = getattr(node.layer, "threshold", None)
    if rule is None:
        writer.values[node.outputs[0]] = sums
    else:
        writer.undecided[node.outputs[0]] = undecided(sums, rule)


def _packed(weight: np.ndarray) -> Any:
    """±1 weights (O, C, KH, KW) as a constant of bits, LSB first, 1 for +1."""
    tensor = openvino.Tensor(openvino.Type.u1, openvino.Shape(weight.shape))
    tensor.data[:] = np.packbits(weight.ravel() > 0, bitorder="little").reshape(tensor.data.shape)
    return openvino.op.Constant(tensor)


def _binary(value: Any, weight: np.ndarray, layer: Any = None) -> Any:
    top, left, bottom, right = layer.pads if layer else (0, 0, 0, 0)
    return opset1.binary_convolution(
        value,
        _packed(weight),
        list(layer.strides if layer else (1, 1)),
        [top, left],
        [bottom, right],
        list(layer.dilations if layer else (1, 1)),
        "xnor-popcount",
        float(layer.pad_value if layer else 0),
    )


def _binary_conv(writer: Writer, node: Node) -> None:
    layer = node.layer
    assert isinstance(layer, layers.BinaryConv2d)
    if layer.groups != 1:
        raise UnsupportedError(f"layer {node.name!r}: BinaryConvolution has no groups")
    if node.inputs[0] in writer.pixels:
        raise UnsupportedError(f"layer {node.name!r}: a convolution of a flattened tensor")
    value = writer.bits(node.inputs[0])
    _finish(writer, node, _binary(value, layer.weight.transpose(0, 3, 1, 2), layer))


def _dense_weight(writer: Writer, node: Node) -> np.ndarray:
    """Weights (O, I) as a convolution over all pixels of the input, (O, C, H, W)."""
    layer: Any = node.layer
    height, width = writer.window(node.inputs[0])
    weight: np.ndarray = layer.weight
    return weight.reshape(len(weight), height, width, -1).transpose(0, 3, 1, 2)


def _binary_dense(writer: Writer, node: Node) -> None:
    value = writer.bits(node.inputs[0])
    _finish(writer, node, _binary(value, _dense_weight(writer, node)))


def _float_conv(writer: Writer, node: Node) -> None:
    layer: Any = node.layer
    top, left, bottom, right = layer.pads
    weight = layer.weight.astype(np.float32).transpose(0, 3, 1, 2)
    geometry = (list(layer.strides), [top, left], [bottom, right], list(layer.dilations))
    value = writer.numbers(node.inputs[0])
    if layer.groups == 1:
        sums = opset13.convolution(value, np.ascontiguousarray(weight), *geometry)
    else:
        grouped = weight.reshape(layer.groups, -1, *weight.shape[1:])
        sums = opset13.group_convolution(value, np.ascontiguousarray(grouped), *geometry)
    _finish(writer, node, _biased(sums, layer))


def _float_dense(writer: Writer, node: Node) -> None:
    layer: Any = node.layer
    tensor = node.inputs[0]
    value = writer.values[tensor]
    filters = len(layer.weight)
    if writer.window(tensor) == (1, 1):
        batch = value.get_output_shape(0)[0]
        rows = opset13.reshape(value, opset13.constant([batch, -1]), False)
        weight = opset13.constant(layer.weight.astype(np.float32))
        product = opset13.matmul(rows, weight, False, True)
        sums = opset13.reshape(product, opset13.constant([batch, filters, 1, 1]), False)
    else:
        weight = np.ascontiguousarray(_dense_weight(writer, node).astype(np.float32))
        sums = opset13.convolution(value, weight, [1, 1], [0, 0], [0, 0], [1, 1])
    _finish(writer, node, _biased(sums, layer))


def _biased(sums: Any, layer: Any) -> Any:
    bias = getattr(layer, "bias", None)
    return sums if bias is None else opset13.add(sums, per_channel(bias))


_WRITERS: dict[type[layers.Layer], Callable[[Writer, Node], None]] = {
    layers.BinaryConv2d: _binary_conv,
    layers.BinaryDense: _binary_dense,
    layers.BinaryWeightConv2d: _float_conv,
    layers.FloatConv2d: _float_conv,
    layers.BinaryWeightDense: _float_dense,
    layers.FloatDense: _float_dense,
    layers.Threshold: _threshold,
    layers.Sign: _sign,
    **SIMPLE,
}
