"""Remove layers that no output depends on."""

from __future__ import annotations

from bnnplan.models.graph import Network


def remove_dead_layers(network: Network) -> Network:
    """Keep only what the outputs are computed from."""
    needed = set(network.outputs)
    kept = []
    for node in reversed(network.nodes):
        if needed.intersection(node.outputs):
            kept.append(node)
            needed.update(node.inputs)
    if len(kept) == len(network.nodes):
        return network
    return network.replace(reversed(kept))
