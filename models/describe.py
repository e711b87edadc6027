"""What a network consists of, layer by layer: plain data for tables and JSON."""

from __future__ import annotations

import enum

from attrs import frozen

from bnnplan.models.graph import Network, Node
from bnnplan.models.layers import Flatten, Reshape, Softmax
from bnnplan.models.tensors import WORD_BITS, ElementType


@frozen
class LayerRow:
    """One layer.

    Parameters
    ----------
    name, kind : str
    binary : bool
        Whether it multiplies bits by bits.
    fused : tuple of str
        Kinds of the layers that it carries, such as the threshold that makes bits of its sums.
    inputs, outputs : tuple of str
        Shapes without the batch axis, and elements, such as ``28×28×64 bit``.
    macs : int
        Multiply-accumulates for one image.
    weights : int
        Number of weights and parameters.
    weight_bits : int
        Bits that they carry: ±1 weights one each, floats 32.
    weight_bytes : int
        The same in whole bytes.
    activation_bytes : int
        All outputs for one image, bits packed into 64-bit words.
    """

    name: str
    kind: str
    binary: bool
    fused: tuple[str, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    macs: int
    weights: int
    weight_bits: int
    weight_bytes: int
    activation_bytes: int


@frozen
class Totals:
    """Sums over all layers.

    Parameters
    ----------
    layers, binary_layers : int
    macs, binary_macs : int
        For one image.
    weights, weight_bits, weight_bytes : int
    float_bytes : int
        The same weights as 32-bit floats.
    activation_bytes : int
        All tensors that layers make, for one image.
    largest_activation : int
        Bytes of the largest of them.
    """

    layers: int
    binary_layers: int
    macs: int
    binary_macs: int
    weights: int
    weight_bits: int
    weight_bytes: int
    float_bytes: int
    activation_bytes: int
    largest_activation: int


@frozen
class Description:
    """A network in rows and totals."""

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    classes: tuple[str, ...]
    notes: tuple[str, ...]
    rows: tuple[LayerRow, ...]
    totals: Totals


def describe(network: Network) -> Description:
    """Rows and totals of a network, in the order in which its layers run."""
    rows = tuple(_row(network, node) for node in network.nodes)
    weights = sum(row.weights for row in rows)
    made = [network.types[name].nbytes() for node in network.nodes for name in node.outputs]
    totals = Totals(
        layers=len(rows),
        binary_layers=sum(row.binary for row in rows),
        macs=sum(row.macs for row in rows),
        binary_macs=sum(row.macs for row in rows if row.binary),
        weights=weights,
        weight_bits=sum(row.weight_bits for row in rows),
        weight_bytes=sum(row.weight_bytes for row in rows),
        float_bytes=4 * weights,
        activation_bytes=sum(made),
        largest_activation=max(made, default=0),
    )
    return Description(
        network.name,
        _texts(network, tuple(network.inputs)),
        _texts(network, network.outputs),
        network.classes,
        network.notes,
        rows,
        totals,
    )


class Answer(enum.StrEnum):
    """What the numbers of an output are."""

    PROBABILITIES = "probabilities"
    LOG_PROBABILITIES = "log-probabilities"
    LOGITS = "logits"


def answer(network: Network, output: str) -> Answer:
    """What the layer that makes an output says of its numbers, whatever its shape."""
    node = network.producers.get(output)
    while node is not None and isinstance(node.layer, Flatten | Reshape):
        node = network.producers.get(node.inputs[0])
    if node is None or not isinstance(node.layer, Softmax):
        return Answer.LOGITS
    return Answer.LOG_PROBABILITIES if node.layer.log else Answer.PROBABILITIES


def pads_bits(network: Network) -> bool:
    """Whether some tensor of bits fills its 64-bit words partly only."""
    return any(
        kind.element is ElementType.BIT and kind.channels % WORD_BITS
        for kind in network.types.values()
    )


def _row(network: Network, node: Node) -> LayerRow:
    layer = node.layer
    bits = layer.weight_bits()
    return LayerRow(
        name=node.name,
        kind=layer.kind,
        binary=layer.is_binary,
        fused=tuple(inner.kind for inner in layer.fused),
        inputs=_texts(network, node.inputs),
        outputs=_texts(network, node.outputs),
        macs=layer.macs(tuple(network.types[name] for name in node.inputs)),
        weights=sum(array.size for array in layer.arrays().values()),
        weight_bits=bits,
        weight_bytes=-(-bits // 8),
        activation_bytes=sum(network.types[name].nbytes() for name in node.outputs),
    )


def _texts(network: Network, names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(str(network.types[name]) for name in names)
