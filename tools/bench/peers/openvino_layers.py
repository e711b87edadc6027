"""Layers without products, and without decisions, as OpenVINO has them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from openvino import opset1, opset13

from bnnplan.models import layers
from bnnplan.models.graph import Node
from bnnplan.models.tensors import ElementType
from peers.openvino_writer import Undecided, Writer, per_channel


def _scale_bias(writer: Writer, node: Node) -> None:
    layer = node.layer
    if isinstance(layer, layers.BatchNorm):
        layer = layer.scale_bias()
    assert isinstance(layer, layers.ScaleBias)
    scaled = opset13.multiply(writer.numbers(node.inputs[0]), per_channel(layer.scale))
    writer.values[node.outputs[0]] = opset13.add(scaled, per_channel(layer.bias))


def _max_pool(writer: Writer, node: Node) -> None:
    layer, tensor, target = node.layer, node.inputs[0], node.outputs[0]
    assert isinstance(layer, layers.MaxPool2d)
    made = writer.undecided.get(tensor)
    smallest = np.zeros(writer.network.types[tensor].channels, bool)
    if layer.minimum is not None:
        smallest = layer.minimum
    if made is None:
        writer.values[target] = _pooled(writer.numbers(tensor), layer, smallest)
    else:
        # The bit of the largest number is the largest bit; the smallest where it is flipped.
        value = _pooled(made.value, layer, smallest ^ made.flip)
        writer.undecided[target] = Undecided(value, made.limit, made.flip)


def _pooled(value: Any, layer: layers.MaxPool2d, smallest: np.ndarray) -> Any:
    """The largest of each window, or, by negating twice, the smallest."""
    top, left, bottom, right = layer.pads
    around = ([top, left], [bottom, right])
    direction = per_channel(np.where(smallest, -1, 1))
    if smallest.any():
        value = opset13.multiply(value, direction)
    value = opset1.max_pool(value, list(layer.strides), *around, list(layer.kernel))
    return opset13.multiply(value, direction) if smallest.any() else value


def _average_pool(writer: Writer, node: Node) -> None:
    layer = node.layer
    assert isinstance(layer, layers.AveragePool2d)
    top, left, bottom, right = layer.pads
    writer.values[node.outputs[0]] = opset1.avg_pool(
        writer.numbers(node.inputs[0]),
        list(layer.strides),
        [top, left],
        [bottom, right],
        list(layer.kernel),
        not layer.count_pads,
    )


def _clip(writer: Writer, node: Node) -> None:
    layer = node.layer
    assert isinstance(layer, layers.Clip)
    value = writer.numbers(node.inputs[0])
    rectified = (layer.low, layer.high) == (0.0, float("inf"))
    made = opset13.relu(value) if rectified else opset13.clamp(value, layer.low, layer.high)
    writer.values[node.outputs[0]] = made


def _prelu(writer: Writer, node: Node) -> None:
    assert isinstance(node.layer, layers.PRelu)
    value = writer.numbers(node.inputs[0])
    writer.values[node.outputs[0]] = opset13.prelu(value, per_channel(node.layer.slope))


def _add(writer: Writer, node: Node) -> None:
    a, b = (writer.numbers(tensor) for tensor in node.inputs)
    writer.values[node.outputs[0]] = opset13.add(a, b)


def _concat(writer: Writer, node: Node) -> None:
    joined = opset13.concat([writer.numbers(tensor) for tensor in node.inputs], 1)
    _give(writer, node.outputs[0], joined)


def _split(writer: Writer, node: Node) -> None:
    assert isinstance(node.layer, layers.Split)
    value = writer.numbers(node.inputs[0])
    axis, sizes = opset13.constant(1), opset13.constant(list(node.layer.sizes))
    made = opset13.variadic_split(value, axis, sizes)
    for index, tensor in enumerate(node.outputs):
        _give(writer, tensor, made.output(index))


def _give(writer: Writer, tensor: str, value: Any) -> None:
    """Numbers that were moved; ±1 that stand for bits are decided anew by their reader."""
    kind = writer.network.types[tensor]
    if kind.element is ElementType.BIT:
        zeros = np.zeros(kind.channels)
        writer.undecided[tensor] = Undecided(value, zeros, zeros.astype(bool))
    else:
        writer.values[tensor] = value


def _flatten(writer: Writer, node: Node) -> None:
    source, target = node.inputs[0], node.outputs[0]
    for kept in (writer.values, writer.undecided):
        if source in kept:
            kept[target] = kept[source]
    shape = writer.network.types[source].shape
    if len(shape) == 3 and shape[:2] != (1, 1):
        writer.pixels[target] = (shape[0], shape[1])


def _softmax(writer: Writer, node: Node) -> None:
    assert isinstance(node.layer, layers.Softmax)
    write = opset13.log_softmax if node.layer.log else opset13.softmax
    writer.values[node.outputs[0]] = write(writer.numbers(node.inputs[0]), 1)


SIMPLE: dict[type[layers.Layer], Callable[[Writer, Node], None]] = {
    layers.BatchNorm: _scale_bias,
    layers.ScaleBias: _scale_bias,
    layers.PRelu: _prelu,
    layers.Clip: _clip,
    layers.Softmax: _softmax,
    layers.Add: _add,
    layers.Concat: _concat,
    layers.Split: _split,
    layers.MaxPool2d: _max_pool,
    layers.AveragePool2d: _average_pool,
    layers.Flatten: _flatten,
}
