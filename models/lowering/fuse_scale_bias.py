"""Fuse a scale and bias into the product that it alone reads, so that floats come out of it.

To be run when thresholds have been folded: a decision that reads these floats cannot be folded into
the product any more.
"""

from __future__ import annotations

import attrs

from bnnplan.models.graph import Network, Node
from bnnplan.models.layers import BinaryProduct, ScaleBias
from bnnplan.models.lowering.rewriting import everywhere, private_producer, substitute


def fuse_scales(network: Network) -> Network:
    """Fuse every ScaleBias of sums into its product."""
    return everywhere(network, _fuse)


def _fuse(network: Network, node: Node) -> Network | None:
    if not isinstance(node.layer, ScaleBias):
        return None
    product = private_producer(network, node)
    if product is None or not isinstance(product.layer, BinaryProduct) or product.layer.fused:
        return None
    fused = attrs.evolve(
        product, layer=attrs.evolve(product.layer, scale_bias=node.layer), outputs=node.outputs
    )
    return substitute(network, [product, node], [fused])
