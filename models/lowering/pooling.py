"""Move maximum pooling behind the decision, so that it works on bits.

A rising decision commutes with the maximum; a falling one, in a flipped channel, turns it into
the minimum. Taps outside the input are left out on both sides, so padding changes nothing.
"""

from __future__ import annotations

import attrs
import numpy as np

from bnnplan.models.graph import Network, Node
from bnnplan.models.layers import MaxPool2d, Sign, Threshold
from bnnplan.models.lowering.rewriting import everywhere, private_producer, substitute, swapped


def pool_bits(network: Network) -> Network:
    """Swap every MaxPool2d with the Sign or Threshold that alone reads it."""
    return everywhere(network, _swap)


def _swap(network: Network, node: Node) -> Network | None:
    if not isinstance(node.layer, Sign | Threshold):
        return None
    pool = private_producer(network, node)
    if pool is None or not isinstance(pool.layer, MaxPool2d):
        return None
    minimum = pool.layer.minimum
    if isinstance(node.layer, Threshold):
        minimum = node.layer.flip if minimum is None else minimum ^ node.layer.flip
    kept = minimum if minimum is not None and np.any(minimum) else None
    on_bits = attrs.evolve(pool.layer, minimum=kept)
    return substitute(network, [pool, node], swapped(pool, node, node.layer, on_bits))
