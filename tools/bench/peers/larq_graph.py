"""Writes a network as a file for larq-compute-engine.

Tensors are NHWC; a vector is an image of one pixel, and a dense layer a convolution of its whole
input. Numbers are float32. What follows a product and can be fused into it is: scale and shift,
and the decision for bits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from bnnplan.models import layers
from bnnplan.models.errors import UnsupportedError
from bnnplan.models.graph import Network, Node
from bnnplan.models.tensors import ElementType
from peers.larq_file import File
from peers.larq_products import After, binary_conv, deciding, float_conv, padding, quantized

PRODUCTS = (
    layers.BinaryConv2d,
    layers.BinaryWeightConv2d,
    layers.FloatConv2d,
    layers.BinaryDense,
    layers.BinaryWeightDense,
    layers.FloatDense,
)


def to_larq(
    network: Network,
    feeds: Mapping[str, np.ndarray],
    ours: Mapping[str, np.ndarray] | None = None,
) -> bytes:
    """The network as a file with its inputs as constants; bit outputs are ±1 as float32.

    Given our outputs, each output of the file is its largest difference from them. The
    interpreter's module was compiled for numpy 1: with numpy 2 it takes no array, and of those
    that it gives only the first element is right.

    Raises
    ------
    UnsupportedError
        If a layer has no form there; the message names it.
    """
    (batch,) = {len(array) for array in feeds.values()}
    writer = _Writer(network, batch)
    for name, array in feeds.items():
        image = array if array.ndim == 4 else array[:, np.newaxis, np.newaxis, :]
        writer.tensors[name] = writer.file.constant(image.astype(np.float32))
    for node in network.nodes:
        if node.name not in writer.done:
            try:
                writer.write(node)
            except UnsupportedError as error:
                raise UnsupportedError(f"layer {node.name!r}: {error}") from error
    outputs = [writer.numbers(name) for name in network.outputs]
    if ours is not None:
        outputs = [
            _largest_difference(writer.file, tensor, ours[name])
            for tensor, name in zip(outputs, network.outputs, strict=True)
        ]
    return writer.file.finish(outputs)


def _largest_difference(file: File, tensor: int, ours: np.ndarray) -> int:
    shape = file.shape(tensor)
    expected = file.constant(ours.reshape(shape).astype(np.float32))
    difference, distance = (file.tensor(shape, "FLOAT32") for _ in range(2))
    largest = file.tensor((1,) * len(shape), "FLOAT32")
    axes = file.constant(np.arange(len(shape), dtype=np.int32))
    file.builtin("SUB", [tensor, expected], difference, "SubOptions")
    file.builtin("ABS", [difference], distance, "AbsOptions")
    file.builtin("REDUCE_MAX", [distance, axes], largest, "ReducerOptions", keepDims=True)
    return largest


class _Writer:
    """Tensors of the file by ours, and the nodes that were fused into one before."""

    def __init__(self, network: Network, batch: int) -> None:
        self.network = network
        self.batch = batch
        self.file = File()
        self.tensors: dict[str, int] = {}
        self.done: set[str] = set()

    def write(self, node: Node) -> None:
        """Add one node, and what can be fused into it."""
        if isinstance(node.layer, PRODUCTS):
            _product(self, node)
            return
        write = _WRITERS.get(type(node.layer))
        if write is None:
            raise UnsupportedError(f"{node.layer.kind} has no form in larq")
        self.tensors[node.outputs[0]] = write(self, node)

    def shape(self, tensor: str) -> tuple[int, int, int, int]:
        """(N, H, W, C)."""
        *outer, channels = self.network.types[tensor].shape
        height, width = outer or (1, 1)
        return (self.batch, height, width, channels)

    def is_bit(self, tensor: str) -> bool:
        """Whether our tensor consists of bits."""
        return self.network.types[tensor].element is ElementType.BIT

    def numbers(self, tensor: str) -> int:
        """A tensor as float32; bits as ±1."""
        source = self.tensors[tensor]
        if not self.is_bit(tensor):
            return source
        made = self.file.tensor(self.shape(tensor), "FLOAT32")
        self.file.own(b"LceDequantize", [source], made)
        return made

    def only_reader(self, tensor: str) -> Node | None:
        """The node that alone reads a tensor, unless that is an output."""
        readers = self.network.consumers[tensor]
        alone = len(readers) == 1 and tensor not in self.network.outputs
        return readers[0] if alone else None


def _product(writer: _Writer, node: Node) -> None:
    """A product with its threshold, or with the scale and the decision that follow it."""
    layer = _as_convolution(writer, node)
    source, target = node.inputs[0], node.outputs[0]
    rule = getattr(layer, "threshold", None)
    sums_type = ElementType.INT32 if rule is None else ElementType.BIT
    scale, shift = np.ones(len(layer.weight)), np.zeros(len(layer.weight))
    reader = writer.only_reader(target) if sums_type is ElementType.INT32 else None
    if reader is not None and isinstance(reader.layer, layers.ScaleBias):
        scale, shift = reader.layer.scale.astype(np.float64), reader.layer.bias.astype(np.float64)
        writer.done.add(reader.name)
        target = reader.outputs[0]
        reader = None
    if reader is not None and isinstance(reader.layer, layers.Threshold):
        rule = reader.layer
        writer.done.add(reader.name)
        target = reader.outputs[0]
    if rule is not None:
        scale, shift = deciding(rule)
    after = After(scale, shift, to_bits=rule is not None)
    shape = writer.shape(node.outputs[0])
    if isinstance(layer, layers.BinaryConv2d):
        channels = layer.weight.shape[3]
        made = binary_conv(writer.file, writer.tensors[source], channels, layer, shape, after, rule)
    else:
        made = float_conv(writer.file, writer.numbers(source), layer, shape, after)
    writer.tensors[target] = made


def _as_convolution(writer: _Writer, node: Node) -> Any:
    """A dense layer as a convolution of the whole image that was flattened before it."""
    layer: Any = node.layer
    if not isinstance(layer, layers.BinaryDense | layers.BinaryWeightDense | layers.FloatDense):
        return layer
    _, height, width, _ = writer.file.shape(writer.tensors[node.inputs[0]])
    weight = layer.weight.reshape(len(layer.weight), height, width, -1)
    if isinstance(layer, layers.FloatDense):
        return layers.FloatConv2d(weight=weight, bias=layer.bias)
    kind = (
        layers.BinaryConv2d if isinstance(layer, layers.BinaryDense) else layers.BinaryWeightConv2d
    )
    return kind(weight=weight, threshold=layer.threshold)


def _threshold(writer: _Writer, node: Node) -> int:
    assert isinstance(node.layer, layers.Threshold)
    moved = _scaled(writer, writer.numbers(node.inputs[0]), *deciding(node.layer))
    return quantized(writer.file, moved)


def _sign(writer: _Writer, node: Node) -> int:
    assert isinstance(node.layer, layers.Sign)
    if node.layer.zero != 1:
        raise UnsupportedError("LceQuantize takes 0 for +1")
    return quantized(writer.file, writer.numbers(node.inputs[0]))


def _scale_bias(writer: _Writer, node: Node) -> int:
    assert isinstance(node.layer, layers.ScaleBias)
    layer = node.layer
    return _scaled(writer, writer.numbers(node.inputs[0]), layer.scale, layer.bias)


def _scaled(writer: _Writer, source: int, scale: np.ndarray, shift: np.ndarray) -> int:
    for kind, options, values in (("MUL", "MulOptions", scale), ("ADD", "AddOptions", shift)):
        if not np.array_equal(values, np.full_like(values, kind == "MUL")):
            made = writer.file.tensor(writer.file.shape(source), "FLOAT32")
            constant = writer.file.constant(values.astype(np.float32))
            writer.file.builtin(kind, [source, constant], made, options)
            source = made
    return source


def _clip(writer: _Writer, node: Node) -> int:
    assert isinstance(node.layer, layers.Clip)
    if (node.layer.low, node.layer.high) != (0.0, float("inf")):
        raise UnsupportedError("only ReLU of all Clips has a form in larq")
    source = writer.numbers(node.inputs[0])
    made = writer.file.tensor(writer.file.shape(source), "FLOAT32")
    writer.file.builtin("RELU", [source], made)
    return made


def _add(writer: _Writer, node: Node) -> int:
    a, b = (writer.numbers(tensor) for tensor in node.inputs)
    made = writer.file.tensor(writer.shape(node.outputs[0]), "FLOAT32")
    writer.file.builtin("ADD", [a, b], made, "AddOptions")
    return made


def _pool(writer: _Writer, node: Node) -> int:
    layer: Any = node.layer
    source = writer.numbers(node.inputs[0])
    kind = padding(layer, writer.file.shape(source))
    largest = isinstance(layer, layers.MaxPool2d)
    if kind is None or writer.is_bit(node.inputs[0]) or getattr(layer, "minimum", None) is not None:
        raise UnsupportedError("such a pooling has no form in larq")
    if not largest and any(layer.pads):
        raise UnsupportedError("a padded mean has no form in larq")
    made = writer.file.tensor(writer.shape(node.outputs[0]), "FLOAT32")
    writer.file.builtin(
        "MAX_POOL_2D" if largest else "AVERAGE_POOL_2D",
        [source],
        made,
        "Pool2DOptions",
        padding=kind,
        strideH=layer.strides[0],
        strideW=layer.strides[1],
        filterHeight=layer.kernel[0],
        filterWidth=layer.kernel[1],
    )
    return made


def _softmax(writer: _Writer, node: Node) -> int:
    assert isinstance(node.layer, layers.Softmax)
    if node.layer.log:
        raise UnsupportedError("a logarithm of softmax is not written")
    source = writer.numbers(node.inputs[0])
    made = writer.file.tensor(writer.file.shape(source), "FLOAT32")
    writer.file.builtin("SOFTMAX", [source], made, "SoftmaxOptions", beta=1.0)
    return made


def _flatten(writer: _Writer, node: Node) -> int:
    # Only dense layers read it, and those take the image.
    return writer.tensors[node.inputs[0]]


_WRITERS: dict[type[layers.Layer], Callable[[_Writer, Node], int]] = {
    layers.Threshold: _threshold,
    layers.Sign: _sign,
    layers.ScaleBias: _scale_bias,
    layers.Clip: _clip,
    layers.Add: _add,
    layers.MaxPool2d: _pool,
    layers.AveragePool2d: _pool,
    layers.Softmax: _softmax,
    layers.Flatten: _flatten,
}
