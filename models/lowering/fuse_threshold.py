"""Fuse a threshold or sign into the product that it alone reads, so that bits come out of it."""

from __future__ import annotations

import attrs

from bnnplan.models.graph import Network, Node
from bnnplan.models.layers import BinaryProduct, Sign, Threshold
from bnnplan.models.lowering.bounds import bounds
from bnnplan.models.lowering.rewriting import everywhere, private_producer, substitute
from bnnplan.models.lowering.thresholds import threshold_of


def fuse_thresholds(network: Network) -> Network:
    """Fuse every Threshold, and every Sign as the threshold it is, into its product."""
    return everywhere(network, _fuse)


def _fuse(network: Network, node: Node) -> Network | None:
    if not isinstance(node.layer, Sign | Threshold):
        return None
    product = private_producer(network, node)
    if product is None or not isinstance(product.layer, BinaryProduct) or product.layer.fused:
        return None
    threshold: Threshold | None
    if isinstance(node.layer, Threshold):
        threshold = node.layer
    else:
        sums = product.outputs[0]
        threshold = threshold_of([], node.layer, network.types[sums], bounds(network)[sums])
    if threshold is None:
        return None
    fused = attrs.evolve(
        product, layer=attrs.evolve(product.layer, threshold=threshold), outputs=node.outputs
    )
    return substitute(network, [product, node], [fused])
