"""What the passes share: looking around in a network, and replacing nodes."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import attrs

from bnnplan.models.graph import Network, Node
from bnnplan.models.layers import Layer

Rewrite = Callable[[Network, Node], Network | None]
"""Rewrites the network around a node, or answers None if there is nothing to do there."""


def everywhere(network: Network, rewrite: Rewrite) -> Network:
    """Rewrite around every node until nothing is left to do."""
    changed = True
    while changed:
        changed = False
        nodes = _by_name(network)
        for name in list(nodes):
            node = nodes.get(name)
            after = node and rewrite(network, node)
            if after:
                network, changed, nodes = after, True, _by_name(after)
    return network


def _by_name(network: Network) -> dict[str, Node]:
    return {node.name: node for node in network.nodes}


def only_reader(network: Network, tensor: str) -> Node | None:
    """The node that alone reads a tensor; None if others do, or the user."""
    readers = network.consumers[tensor]
    return readers[0] if len(readers) == 1 and tensor not in network.outputs else None


def private_producer(network: Network, node: Node) -> Node | None:
    """The node that makes the one input of `node`, which nothing else reads."""
    tensor = node.inputs[0]
    producer = network.producers.get(tensor)
    return producer if producer and only_reader(network, tensor) else None


def substitute(network: Network, old: Iterable[Node], new: Iterable[Node]) -> Network:
    """The network with some nodes replaced; the new ones stand where the first old one stood."""
    names = {node.name for node in old}
    kept: list[Node] = []
    inserted = False
    for node in network.nodes:
        if node.name not in names:
            kept.append(node)
        elif not inserted:
            kept.extend(new)
            inserted = True
    return network.replace(kept)


def with_layer(node: Node, layer: Layer) -> Node:
    """The same node with another layer."""
    return attrs.evolve(node, layer=layer)


def swapped(upper: Node, lower: Node, first: Layer, second: Layer) -> tuple[Node, Node]:
    """Two single-input nodes in a row, run in the other order, with these layers.

    `first` takes the name of the node `lower`, which used to come second.
    """
    between = upper.outputs
    return (
        Node(lower.name, first, upper.inputs, between),
        Node(upper.name, second, between, lower.outputs),
    )
