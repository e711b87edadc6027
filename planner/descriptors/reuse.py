"""How many bytes a program touches between two uses of the same ones, which caches had to hold.

These are the reuse distances of Mattson, Gecsei, Slutz and Traiger, "Evaluation techniques for
storage hierarchies", IBM Systems Journal 9, 1970, counted over whole tensors.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from attrs import frozen

from bnnplan.models.graph import BoundLayer, Network, Node
from bnnplan.models.layers import BinaryWeightConv2d, BinaryWeightDense


@frozen
class Distances:
    """What a program has touched since it last used what a layer uses now, in bytes.

    Parameters
    ----------
    again : float
        Since the run before: of weights. Infinite where nothing stays in any cache.
    inputs : tuple of float
        Since each input was written or read; of inputs that are not listed, as of the run before.
    output : float
        Since the memory was used that outputs are written to.
    """

    again: float = math.inf
    inputs: tuple[float, ...] = ()
    output: float = math.inf

    def input(self, place: int) -> float:
        """Since one input was written or read."""
        return self.inputs[place] if place < len(self.inputs) else self.again


def touched_bytes(network: Network, batch: int) -> int:
    """Bytes of all weights, and of the most activations that are alive at one time.

    Activations take turns in memory, inputs and results of the network keep their own.

    Parameters
    ----------
    network : Network
        With its layers in the order in which they run.
    batch : int
        Images computed at once.
    """
    last = {tensor: step for step, node in enumerate(network.nodes) for tensor in node.inputs}
    sizes = {tensor: kind.nbytes(batch) for tensor, kind in network.types.items()}
    kept = {*network.inputs, *network.outputs}
    alive = most = sum(sizes[tensor] for tensor in network.inputs)
    for step, node in enumerate(network.nodes):
        alive += sum(sizes[tensor] for tensor in node.outputs)
        most = max(most, alive)
        ended = {t for t in (*node.inputs, *node.outputs) if last.get(t, step) == step}
        alive -= sum(sizes[tensor] for tensor in ended - kept)
    return most + sum(_weights_of(network, batch).values())


def reuse_distances(network: Network, batch: int) -> Mapping[str, Distances]:
    """How far the uses of what each layer of a network uses lie apart, by name of layer.

    Inputs of the network were last used a run ago, and so was what its results are written to;
    other outputs take the place of what has just been used for the last time.

    Parameters
    ----------
    network : Network
        With its layers in the order in which they run.
    batch : int
        Images computed at once.
    """
    sizes = {tensor: kind.nbytes(batch) for tensor, kind in network.types.items()}
    again, weights = touched_bytes(network, batch), _weights_of(network, batch)
    used: dict[str, int] = {}
    found = {}
    for step, node in enumerate(network.nodes):
        mine = sum(sizes[tensor] for tensor in {*node.inputs, *node.outputs})
        inputs = []
        for tensor in node.inputs:
            since = network.nodes[used[tensor] + 1 : step] if tensor in used else None
            between = again if since is None else mine + _touched_by(since, sizes, weights)
            inputs.append(float(min(again, between)))
        is_result = not {*node.outputs}.isdisjoint(network.outputs)
        output = again if is_result else min(again, mine)
        found[node.name] = Distances(float(again), tuple(inputs), float(output))
        used |= dict.fromkeys((*node.inputs, *node.outputs), step)
    return found


def _touched_by(nodes: Sequence[Node], sizes: Mapping[str, int], weights: Mapping[str, int]) -> int:
    tensors = {tensor for node in nodes for tensor in (*node.inputs, *node.outputs)}
    return sum(sizes[tensor] for tensor in tensors) + sum(weights[node.name] for node in nodes)


def _weights_of(network: Network, batch: int) -> Mapping[str, int]:
    """Bytes of the weights of each layer as they lie in memory, by its name.

    Bits are packed beside bits; beside numbers each is as wide as they are.
    """
    return {node.name: _weight_bytes(network.bind(node, batch)) for node in network.nodes}


def _weight_bytes(bound: BoundLayer) -> int:
    if isinstance(bound.layer, BinaryWeightConv2d | BinaryWeightDense):
        return bound.layer.weight.size * bound.inputs[0].element.dtype.itemsize
    return bound.layer.weight_bits() // 8
