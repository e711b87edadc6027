"""Take signs before a change of shape rather than after it, next to what they can fuse with."""

from __future__ import annotations

from bnnplan.models.graph import Network, Node
from bnnplan.models.layers import Flatten, Reshape, Sign, Threshold, Transpose
from bnnplan.models.lowering.early_flattens import is_better_flat, is_flattening
from bnnplan.models.lowering.rewriting import everywhere, private_producer, substitute, swapped


def move_signs_forward(network: Network) -> Network:
    """Swap every Sign with a Flatten, Reshape or Transpose that it alone reads.

    A Threshold follows where the change of shape leaves its channels alone. Both stay behind a
    Flatten that makes their bits lie densely.
    """
    return everywhere(network, _swap)


def _swap(network: Network, node: Node) -> Network | None:
    if not isinstance(node.layer, Sign | Threshold):
        return None
    upper = private_producer(network, node)
    if upper is None or not isinstance(upper.layer, Flatten | Reshape | Transpose):
        return None
    if is_flattening(network, upper) and is_better_flat(network, upper.inputs[0]):
        return None
    if isinstance(node.layer, Threshold):
        before, after = network.types[upper.inputs[0]], network.types[node.inputs[0]]
        if isinstance(upper.layer, Transpose) or before.channels != after.channels:
            return None
    return substitute(network, [upper, node], swapped(upper, node, node.layer, upper.layer))
