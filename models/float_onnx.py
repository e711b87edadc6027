"""Writes a network as plain float32 ONNX: what users of other engines would run.

It is the peer that plans are compared with. Bits become +1.0 and -1.0 and every layer becomes
the ordinary operator of its name, in NCHW, so that an engine can fuse as it does for any model.
A sign is the operator `Sign`, whose value at exactly 0 is 0; so this graph is for measuring, and
its outputs may differ where an accumulator is exactly 0.
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

OPSET = 17
IR_VERSION = 9
BATCH = "N"


def to_float_onnx(network: Network) -> onnx.ModelProto:
    """The network as a float32 ONNX model with a free batch axis.

    Inputs are float32 in NCHW, or (N, C) for vectors.

    Raises
    ------
    UnsupportedError
        If a layer has no plain float form here; the message names it.
    """
    writer = _Writer(network)
    for node in network.nodes:
        write = _WRITERS.get(type(node.layer))
        if write is None:
            raise UnsupportedError(
                f"layer {node.name!r} ({node.layer.kind}) has no plain float32 ONNX form"
            )
        write(writer, node)
    graph = helper.make_graph(
        writer.nodes,
        network.name,
        [_info(name, kind) for name, kind in network.inputs.items()],
        [_info(name, network.types[name]) for name in network.outputs],
        writer.constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
    model.ir_version = IR_VERSION
    return model


def _info(name: str, kind: TensorType) -> Any:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, [BATCH, *nchw(kind.shape)])


def nchw(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Shape of an image with the channels first; vectors stay as they are."""
    return shape if len(shape) == 1 else (shape[2], shape[0], shape[1])


class _Writer:
    def __init__(self, network: Network) -> None:
        self.network = network
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self._count = 0

    def name(self, stem: str) -> str:
        self._count += 1
        return f"{stem}.{self._count}"

    def constant(self, value: np.ndarray, stem: str) -> str:
        name = self.name(stem)
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def emit(self, kind: str, inputs: list[str], output: str | None = None, **settings: Any) -> str:
        target = output or self.name(kind)
        self.nodes.append(helper.make_node(kind, inputs, [target], **settings))
        return target

    def clipped(self, source: str, low: float, high: float, output: str | None = None) -> str:
        bounds = [self.constant(np.array(bound, np.float32), "bound") for bound in (low, high)]
        return self.emit("Clip", [source, *bounds], output)

    def rank(self, tensor: str) -> int:
        return len(self.network.types[tensor].shape)

    def channels(self, value: np.ndarray, tensor: str, stem: str) -> str:
        """Per-channel values that broadcast over a tensor."""
        shape = (1, -1) if self.rank(tensor) == 1 else (1, -1, 1, 1)
        return self.constant(value.astype(np.float32).reshape(shape), stem)


_Write = Callable[[_Writer, Node], None]


def _threshold(writer: _Writer, source: str, rule: layers.Threshold, tensor: str, out: str) -> None:
    # Half a step below an integer threshold no accumulator is 0, where Sign would give 0.
    half = 0.5 if rule.threshold.dtype == np.int32 else 0.0
    step = np.where(rule.flip, half, -half)
    at = writer.channels(rule.threshold.astype(np.float64) + step, tensor, "threshold")
    distance = writer.emit("Sub", [source, at])
    if rule.flip.any():
        direction = writer.channels(np.where(rule.flip, -1, 1), tensor, "direction")
        distance = writer.emit("Mul", [distance, direction])
    writer.emit("Sign", [distance], out)


def _convolution(writer: _Writer, node: Node) -> None:
    layer: Any = node.layer
    source, out = node.inputs[0], node.outputs[0]
    weight = writer.constant(layer.weight.astype(np.float32).transpose(0, 3, 1, 2), "weight")
    top, left, bottom, right = layer.pads
    pads = [top, left, bottom, right]
    if getattr(layer, "pad_value", 0) and any(pads):
        around = np.array([0, 0, top, left, 0, 0, bottom, right], np.int64)
        value = writer.constant(np.array(layer.pad_value, np.float32), "pad_value")
        source = writer.emit("Pad", [source, writer.constant(around, "pads"), value])
        pads = [0, 0, 0, 0]
    bias = getattr(layer, "bias", None)
    inputs = [source, weight] + ([writer.constant(bias, "bias")] if bias is not None else [])
    sums = writer.emit(
        "Conv",
        inputs,
        None if layer.fused else out,
        strides=list(layer.strides),
        pads=pads,
        dilations=list(layer.dilations),
        group=layer.groups,
        kernel_shape=list(layer.kernel),
    )
    _fused(writer, layer, sums, out)


def _dense(writer: _Writer, node: Node) -> None:
    layer: Any = node.layer
    out = node.outputs[0]
    bias = getattr(layer, "bias", None)
    inputs = [node.inputs[0], writer.constant(layer.weight.astype(np.float32), "weight")]
    if bias is not None:
        inputs.append(writer.constant(bias, "bias"))
    sums = writer.emit("Gemm", inputs, None if layer.fused else out, transB=1)
    _fused(writer, layer, sums, out)


def _fused(writer: _Writer, product: layers.Layer, sums: str, out: str) -> None:
    """What a product carries; the last of it makes the product's output."""
    source = sums
    for place, layer in enumerate(product.fused, 1):
        target = out if place == len(product.fused) else writer.name(layer.kind)
        match layer:
            case layers.Threshold():
                _threshold(writer, source, layer, out, target)
            case layers.MaxPool2d():
                _max_pool(writer, source, layer, out, target)
            case layers.ScaleBias():
                _scale_bias(writer, source, layer, out, target)
        source = target


def _alone(write: Callable[[_Writer, str, Any, str, str], None]) -> _Write:
    """A layer that may also be fused, in a node of its own."""
    return lambda writer, node: write(
        writer, node.inputs[0], node.layer, node.inputs[0], node.outputs[0]
    )


def _batch_norm(writer: _Writer, node: Node) -> None:
    layer = node.layer
    assert isinstance(layer, layers.BatchNorm)
    values = (layer.gamma, layer.beta, layer.mean, layer.variance)
    inputs = [node.inputs[0], *(writer.constant(value, "statistics") for value in values)]
    writer.emit("BatchNormalization", inputs, node.outputs[0], epsilon=layer.epsilon)


def _scale_bias(
    writer: _Writer, source: str, layer: layers.ScaleBias, tensor: str, out: str
) -> None:
    scaled = writer.emit("Mul", [source, writer.channels(layer.scale, tensor, "scale")])
    writer.emit("Add", [scaled, writer.channels(layer.bias, tensor, "bias")], out)


def _max_pool(writer: _Writer, source: str, layer: layers.MaxPool2d, tensor: str, out: str) -> None:
    settings: dict[str, Any] = {
        "kernel_shape": list(layer.kernel),
        "strides": list(layer.strides),
        "pads": list(layer.pads),
    }
    if layer.minimum is None:
        writer.emit("MaxPool", [source], out, **settings)
        return
    direction = writer.channels(np.where(layer.minimum, -1, 1), tensor, "direction")
    pooled = writer.emit("MaxPool", [writer.emit("Mul", [source, direction])], **settings)
    writer.emit("Mul", [pooled, direction], out)


def _average_pool(writer: _Writer, node: Node) -> None:
    layer = node.layer
    assert isinstance(layer, layers.AveragePool2d)
    writer.emit(
        "AveragePool",
        [node.inputs[0]],
        node.outputs[0],
        kernel_shape=list(layer.kernel),
        strides=list(layer.strides),
        pads=list(layer.pads),
        count_include_pad=int(layer.count_pads),
    )


def _clip(writer: _Writer, node: Node) -> None:
    layer = node.layer
    assert isinstance(layer, layers.Clip)
    if (layer.low, layer.high) == (0.0, float("inf")):
        writer.emit("Relu", [node.inputs[0]], node.outputs[0])
        return
    writer.clipped(node.inputs[0], layer.low, layer.high, node.outputs[0])


_ROUND = {
    layers.Rounding.NEAREST_EVEN: "Round",
    layers.Rounding.FLOOR: "Floor",
    layers.Rounding.CEIL: "Ceil",
}


def _quantize(writer: _Writer, node: Node) -> None:
    layer, tensor = node.layer, node.inputs[0]
    assert isinstance(layer, layers.Quantize)
    scale, zero = (
        writer.channels(value, tensor, stem)
        for value, stem in ((layer.scale, "scale"), (layer.zero, "zero"))
    )
    grid = writer.emit("Add", [writer.emit("Div", [tensor, scale]), zero])
    if layer.rounding in _ROUND:
        whole = writer.emit(_ROUND[layer.rounding], [grid])
    else:
        size = writer.emit("Floor", [writer.emit("Abs", [grid])])
        whole = writer.emit("Mul", [writer.emit("Sign", [grid]), size])
    kept = writer.clipped(whole, layer.low, layer.high)
    writer.emit("Mul", [writer.emit("Sub", [kept, zero]), scale], node.outputs[0])


def _prelu(writer: _Writer, node: Node) -> None:
    assert isinstance(node.layer, layers.PRelu)
    tensor = node.inputs[0]
    shape = (-1,) if writer.rank(tensor) == 1 else (-1, 1, 1)
    slope = writer.constant(node.layer.slope.reshape(shape), "slope")
    writer.emit("PRelu", [tensor, slope], node.outputs[0])


def _softmax(writer: _Writer, node: Node) -> None:
    assert isinstance(node.layer, layers.Softmax)
    kind = "LogSoftmax" if node.layer.log else "Softmax"
    writer.emit(kind, [node.inputs[0]], node.outputs[0], axis=1)


def _flatten(writer: _Writer, node: Node) -> None:
    source = node.inputs[0]
    shape = writer.network.types[source].shape
    # Elements are ordered row, column, channel; a single pixel needs no reordering.
    if len(shape) == 3 and shape[:2] != (1, 1):
        source = writer.emit("Transpose", [source], perm=[0, 2, 3, 1])
    writer.emit("Flatten", [source], node.outputs[0], axis=1)


def _split(writer: _Writer, node: Node) -> None:
    assert isinstance(node.layer, layers.Split)
    sizes = writer.constant(np.array(node.layer.sizes, np.int64), "sizes")
    made = helper.make_node("Split", [node.inputs[0], sizes], list(node.outputs), axis=1)
    writer.nodes.append(made)


def _plain(kind: str, **settings: Any) -> Callable[[_Writer, Node], None]:
    def write(writer: _Writer, node: Node) -> None:
        writer.emit(kind, list(node.inputs), node.outputs[0], **settings)

    return write


_WRITERS: dict[type[layers.Layer], _Write] = {
    layers.BinaryConv2d: _convolution,
    layers.BinaryWeightConv2d: _convolution,
    layers.FloatConv2d: _convolution,
    layers.BinaryDense: _dense,
    layers.BinaryWeightDense: _dense,
    layers.FloatDense: _dense,
    layers.Threshold: _alone(_threshold),
    layers.Sign: _plain("Sign"),
    layers.BatchNorm: _batch_norm,
    layers.ScaleBias: _alone(_scale_bias),
    layers.PRelu: _prelu,
    layers.Clip: _clip,
    layers.Quantize: _quantize,
    layers.Softmax: _softmax,
    layers.Add: _plain("Add"),
    layers.Concat: _plain("Concat", axis=1),
    layers.Split: _split,
    layers.MaxPool2d: _alone(_max_pool),
    layers.AveragePool2d: _average_pool,
    layers.Flatten: _flatten,
}


def to_float_feed(array: np.ndarray, kind: TensorType) -> np.ndarray:
    """Plain elements as the float32 NCHW array that the model takes."""
    if kind.element is ElementType.BIT:
        raise UnsupportedError("a network that is fed bits has no float32 peer")
    moved = array if len(kind.shape) == 1 else array.transpose(0, 3, 1, 2)
    return np.ascontiguousarray(moved, np.float32)
