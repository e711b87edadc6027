"""Writes a network as ONNX with 8-bit products: unsigned activations, signed ±1 weights.

A bit is 2 for +1 and 0 for -1, with zero point 1, so that padding by the zero point adds nothing.
A threshold is the bias of a QLinearConv: its output, at least 2 where the sum reaches the
threshold and 0 elsewhere, is clipped to 2. (Signed activations would be six times slower on
AVX2.) A vector is an image of one pixel, and a dense layer that decides a convolution of its whole
input. What has no 8-bit form, such as sums of layers, is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from bnnplan.models import layers
from bnnplan.models.errors import UnsupportedError
from bnnplan.models.graph import Network, Node
from bnnplan.models.tensors import ElementType, TensorType

OPSET = 18
IR_VERSION = 9


def to_int8_onnx(network: Network, batch: int) -> onnx.ModelProto:
    """The network as an ONNX model of a fixed batch; bit outputs are {0, 2}.

    Raises
    ------
    UnsupportedError
        If a layer has no 8-bit form here; the message names it.
    """
    writer = _Writer(network)
    for node in network.nodes:
        write = _WRITERS.get(type(node.layer))
        if write is None:
            raise UnsupportedError(
                f"layer {node.name!r} ({node.layer.kind}) has no 8-bit form in onnxruntime"
            )
        write(writer, node)
    graph = helper.make_graph(
        writer.nodes,
        network.name,
        [_info(name, kind, batch) for name, kind in network.inputs.items()],
        [_info(name, network.types[name], batch) for name in network.outputs],
        writer.constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
    model.ir_version = IR_VERSION
    return model


def _info(name: str, kind: TensorType, batch: int) -> Any:
    types = {
        ElementType.BIT: TensorProto.UINT8,
        ElementType.UINT8: TensorProto.UINT8,
        ElementType.INT32: TensorProto.INT32,
        ElementType.FLOAT32: TensorProto.FLOAT,
    }
    if kind.element not in types:
        raise UnsupportedError(f"tensor {name!r} of {kind.element} has no 8-bit form")
    *outer, channels = kind.shape
    shape = [batch, channels, *(outer or (1, 1))]
    return helper.make_tensor_value_info(name, types[kind.element], shape)


class _Writer:
    def __init__(self, network: Network) -> None:
        self.network = network
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.pixels: dict[str, tuple[int, int]] = {}
        self._count = 0

    def constant(self, value: Any, dtype: type) -> str:
        self._count += 1
        array: np.ndarray = np.ascontiguousarray(np.asarray(value).astype(dtype))
        self.constants.append(numpy_helper.from_array(array, f"constant{self._count}"))
        return f"constant{self._count}"

    def emit(self, kind: str, inputs: list[str], output: str = "", **settings: Any) -> str:
        self._count += 1
        target = output or f"{kind}{self._count}"
        self.nodes.append(helper.make_node(kind, inputs, [target], **settings))
        return target

    def is_bit(self, tensor: str) -> bool:
        return self.network.types[tensor].element is ElementType.BIT


def _sign(writer: _Writer, node: Node) -> None:
    if writer.network.types[node.inputs[0]].element is not ElementType.FLOAT32:
        raise UnsupportedError(f"layer {node.name!r}: a sign of sums has no 8-bit form")
    above = writer.emit(
        "Add", [writer.emit("Sign", [node.inputs[0]]), writer.constant(1, np.float32)]
    )
    writer.emit("Cast", [above], node.outputs[0], to=TensorProto.UINT8)


def _binary_conv(writer: _Writer, node: Node) -> None:
    layer: Any = node.layer
    _product(writer, node, layer.weight.transpose(0, 3, 1, 2), layer)


def _dense(writer: _Writer, node: Node) -> None:
    layer: Any = node.layer
    height, width = writer.pixels.get(node.inputs[0], (1, 1))
    weight = layer.weight.reshape(len(layer.weight), height, width, -1).transpose(0, 3, 1, 2)
    if layer.threshold is None and (height, width) == (1, 1):
        _matrix_product(writer, node, layer.weight)
    else:
        _product(writer, node, weight, None)


def _matrix_product(writer: _Writer, node: Node, weight: np.ndarray) -> None:
    rows = writer.emit("Flatten", [node.inputs[0]], axis=1)
    zero = writer.constant(1 if writer.is_bit(node.inputs[0]) else 0, np.uint8)
    columns = writer.constant(weight.T, np.int8)
    product = writer.emit("MatMulInteger", [rows, columns, zero])
    axes = writer.constant([2, 3], np.int64)
    writer.emit("Unsqueeze", [product, axes], node.outputs[0])


def _product(writer: _Writer, node: Node, weight: np.ndarray, geometry: Any) -> None:
    """One convolution; the geometry of a dense layer is None."""
    source, target = node.inputs[0], node.outputs[0]
    if writer.network.types[source].element not in (ElementType.BIT, ElementType.UINT8):
        raise UnsupportedError(f"layer {node.name!r} reads no 8-bit numbers")
    settings: dict[str, Any] = {"kernel_shape": list(weight.shape[2:])}
    if geometry is not None:
        settings |= {
            "strides": list(geometry.strides),
            "pads": list(geometry.pads),
            "dilations": list(geometry.dilations),
            "group": geometry.groups,
        }
    if getattr(geometry, "pad_value", 0) and any(geometry.pads):
        top, left, bottom, right = settings.pop("pads")
        around = writer.constant([0, 0, top, left, 0, 0, bottom, right], np.int64)
        value = writer.constant(1 + geometry.pad_value, np.uint8)
        source = writer.emit("Pad", [source, around, value])
    zero = writer.constant(1 if writer.is_bit(node.inputs[0]) else 0, np.uint8)
    rule = getattr(node.layer, "threshold", None)
    if rule is None:
        writer.emit(
            "ConvInteger", [source, writer.constant(weight, np.int8), zero], target, **settings
        )
        return
    direction = np.where(rule.flip, -1, 1)
    most = 255 * int(np.prod(weight.shape[1:])) + 1
    bias = 1 - direction * np.clip(rule.threshold.astype(np.int64), -most, most)
    one, half = writer.constant(1, np.float32), writer.constant(0.5, np.float32)
    turned = writer.constant(weight * direction[:, None, None, None], np.int8)
    none, lowest = writer.constant(0, np.int8), writer.constant(0, np.uint8)
    inputs = [source, one, zero, turned, one, none, half, lowest, writer.constant(bias, np.int32)]
    reached = writer.emit("QLinearConv", inputs, **settings)
    writer.emit("Clip", [reached, "", writer.constant(2, np.uint8)], target)


def _max_pool(writer: _Writer, node: Node) -> None:
    layer = node.layer
    assert isinstance(layer, layers.MaxPool2d)
    source, target = node.inputs[0], node.outputs[0]
    if not writer.is_bit(source):
        raise UnsupportedError(f"layer {node.name!r}: pooling of sums has no 8-bit form")
    settings: dict[str, Any] = {
        "kernel_shape": list(layer.kernel),
        "strides": list(layer.strides),
        "pads": list(layer.pads),
    }
    if layer.minimum is None:
        writer.emit("MaxPool", [source], target, **settings)
        return
    turned = writer.constant(np.where(layer.minimum, 2, 0).reshape(1, -1, 1, 1), np.uint8)
    pooled = writer.emit("MaxPool", [writer.emit("BitwiseXor", [source, turned])], **settings)
    writer.emit("BitwiseXor", [pooled, turned], target)


def _flatten(writer: _Writer, node: Node) -> None:
    shape = writer.network.types[node.inputs[0]].shape
    if len(shape) == 3:
        writer.pixels[node.outputs[0]] = (shape[0], shape[1])
    writer.emit("Identity", [node.inputs[0]], node.outputs[0])


def _scale_bias(writer: _Writer, node: Node) -> None:
    layer = node.layer
    assert isinstance(layer, layers.ScaleBias)
    if writer.is_bit(node.inputs[0]) or node.inputs[0] in writer.pixels:
        raise UnsupportedError(f"layer {node.name!r} scales bits")
    numbers = writer.emit("Cast", [node.inputs[0]], to=TensorProto.FLOAT)
    scale, bias = (
        writer.constant(values.reshape(1, -1, 1, 1), np.float32)
        for values in (layer.scale, layer.bias)
    )
    writer.emit("Add", [writer.emit("Mul", [numbers, scale]), bias], node.outputs[0])


_WRITERS: dict[type[layers.Layer], Callable[[_Writer, Node], None]] = {
    layers.Sign: _sign,
    layers.BinaryConv2d: _binary_conv,
    layers.BinaryWeightConv2d: _binary_conv,
    layers.BinaryDense: _dense,
    layers.BinaryWeightDense: _dense,
    layers.MaxPool2d: _max_pool,
    layers.Flatten: _flatten,
    layers.ScaleBias: _scale_bias,
}
