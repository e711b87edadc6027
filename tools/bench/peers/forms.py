"""The forms of a network that engines get: lowered as far as each can use."""

from __future__ import annotations

import attrs
import numpy as np

from bnnplan.models.graph import Network, Node
from bnnplan.models.layers import BatchNorm, BinaryProduct, Layer, Sign, Threshold
from bnnplan.models.lowering import PASSES, Pass, run_passes
from bnnplan.models.tensors import ElementType


def lowered_without(network: Network, left_out: tuple[Pass, ...] = ()) -> Network:
    """A network as it was trained, lowered; nothing but thresholds is fused.

    Parameters
    ----------
    network : Network
    left_out : tuple of callable
        Passes of lowering that are no use to an engine.
    """
    return run_passes(network, [run for run in PASSES if run not in left_out])


def with_norms(network: Network) -> Network:
    """Fused integer thresholds as batch norms and signs: floats as they were before lowering.

    Engines fold a batch norm into the convolution before it, and a threshold into nothing.
    """
    nodes: list[Node] = []
    for node in network.nodes:
        layer = node.layer
        if not isinstance(layer, BinaryProduct) or len(layer.fused) != 1:
            nodes.append(node)
            continue
        rule = layer.threshold
        if rule is None or rule.threshold.dtype != np.int32:
            nodes.append(node)
            continue
        direction = np.where(rule.flip, -1.0, 1.0)
        zeros, ones = np.zeros_like(direction), np.ones_like(direction)
        # Half a step between integers, so that no sum becomes 0, of which Sign would make 0.
        shift = 0.5 - direction * rule.threshold
        norm = BatchNorm(direction, shift, zeros, ones, 0.0)
        sums, moved = f"{node.name}.sums", f"{node.name}.moved"
        nodes += [
            Node(node.name, attrs.evolve(layer, threshold=None), node.inputs, [sums]),
            Node(f"{node.name}.norm", norm, [sums], [moved]),
            Node(f"{node.name}.sign", Sign(), [moved], node.outputs),
        ]
    return network.replace(nodes)


def decides_floats(network: Network) -> bool:
    """Whether bits are made of float32 numbers.

    Engines round those differently, and where one is nearly 0 a bit, and with it everything
    behind it, comes out another way.
    """
    return any(
        _makes_bits(node.layer) and network.types[node.inputs[0]].element is ElementType.FLOAT32
        for node in network.nodes
    )


def _makes_bits(layer: Layer) -> bool:
    if isinstance(layer, BinaryProduct):
        return layer.threshold is not None
    return isinstance(layer, Sign | Threshold)
