"""Fuse a pooling of bits into the convolution that it alone reads.

The larger tensor between them is then never made: a backend pools the bits of a few rows where it
computes them.
"""

from __future__ import annotations

import attrs

from bnnplan.models.graph import Network, Node
from bnnplan.models.layers import BinaryConv2d, BinaryWeightConv2d, MaxPool2d
from bnnplan.models.lowering.rewriting import everywhere, private_producer, substitute


def fuse_pools(network: Network) -> Network:
    """Fuse every MaxPool2d of bits, whose windows lie side by side, into its convolution."""
    return everywhere(network, _fuse)


def _fuse(network: Network, node: Node) -> Network | None:
    pool = node.layer
    if not isinstance(pool, MaxPool2d) or not pool.is_side_by_side:
        return None
    maker = private_producer(network, node)
    if maker is None or not isinstance(maker.layer, BinaryConv2d | BinaryWeightConv2d):
        return None
    if maker.layer.threshold is None or maker.layer.pool is not None:
        return None
    fused = attrs.evolve(maker, layer=attrs.evolve(maker.layer, pool=pool), outputs=node.outputs)
    return substitute(network, [maker, node], [fused])
