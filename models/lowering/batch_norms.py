"""Fold the four arrays of a batch normalisation to the scale and bias that it is defined by."""

from __future__ import annotations

from bnnplan.models.graph import Network, Node
from bnnplan.models.layers import BatchNorm
from bnnplan.models.lowering.rewriting import everywhere, substitute, with_layer


def fold_batch_norms(network: Network) -> Network:
    """Replace every BatchNorm that is left by its ScaleBias."""
    return everywhere(network, _fold)


def _fold(network: Network, node: Node) -> Network | None:
    if not isinstance(node.layer, BatchNorm):
        return None
    return substitute(network, [node], [with_layer(node, node.layer.scale_bias())])
