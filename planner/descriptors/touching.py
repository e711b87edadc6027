"""How many bytes a whole program touches in each run: what caches would have to hold."""

from __future__ import annotations

from bnnplan.models.graph import Network


def touched_bytes(network: Network, batch: int) -> int:
    """Bytes of all weights, and of the most activations that are alive at one time.

    Activations take turns in memory, inputs of the network keep their own.

    Parameters
    ----------
    network : Network
        With its layers in the order in which they run.
    batch : int
        Images computed at once.
    """
    last = {tensor: step for step, node in enumerate(network.nodes) for tensor in node.inputs}
    sizes = {tensor: kind.nbytes(batch) for tensor, kind in network.types.items()}
    alive = most = sum(sizes[tensor] for tensor in network.inputs)
    for step, node in enumerate(network.nodes):
        alive += sum(sizes[tensor] for tensor in node.outputs)
        most = max(most, alive)
        ended = {t for t in (*node.inputs, *node.outputs) if last.get(t, step) == step}
        alive -= sum(sizes[tensor] for tensor in ended - {*network.inputs})
    return most + sum(node.layer.weight_bits() for node in network.nodes) // 8
