"""Cuts an assignment into segments: maximal runs of consecutive layers on one device."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from bnnplan.models.graph import Network, Node
from bnnplan.planner.execution.workbench import Assignment


@frozen
class Segment:
    """Layers that one device runs as one program.

    Parameters
    ----------
    device : str
    nodes : tuple of Node
    """

    device: str
    nodes: tuple[Node, ...]


def cut(
    network: Network,
    assignment: Assignment,
    order: Sequence[str] | None = None,
    *,
    concurrent: bool = False,
) -> list[Segment]:
    """Cut a network into segments, in an order in which they can run.

    Parameters
    ----------
    network : Network
    assignment : mapping of str to (str, Configuration)
        Device and configuration of every node.
    order : sequence of str, optional
        Names of all nodes in the order of the plan's schedule; topological by default.
    concurrent : bool
        Whether devices run at the same time. Then a segment also ends where another device waits
        for a tensor, and begins where it has to wait for one.
    """
    by_name = {node.name: node for node in network.nodes}
    ordered = [by_name[name] for name in order] if order else list(network.nodes)
    device_of = {node.name: assignment[node.name][0] for node in network.nodes}
    open_runs: dict[str, list[Node]] = {}
    finished: list[tuple[int, Segment]] = []
    starts: dict[str, int] = {}

    def close(device: str) -> None:
        if run := open_runs.pop(device, None):
            finished.append((starts.pop(device), Segment(device, tuple(run))))

    for position, node in enumerate(ordered):
        device = device_of[node.name]
        if concurrent:
            if _reads_elsewhere(network, node, device, device_of):
                close(device)
        else:
            for other in list(open_runs):
                if other != device:
                    close(other)
        starts.setdefault(device, position)
        open_runs.setdefault(device, []).append(node)
        if concurrent and _read_elsewhere(network, node, device, device_of):
            close(device)
    for device in list(open_runs):
        close(device)
    return [segment for _, segment in sorted(finished, key=lambda item: item[0])]


def _reads_elsewhere(network: Network, node: Node, device: str, device_of: dict[str, str]) -> bool:
    """Whether a node has to wait for another device."""
    makers = (network.producers.get(tensor) for tensor in node.inputs)
    return any(maker is not None and device_of[maker.name] != device for maker in makers)


def _read_elsewhere(network: Network, node: Node, device: str, device_of: dict[str, str]) -> bool:
    """Whether another device waits for a node."""
    readers = (reader for tensor in node.outputs for reader in network.consumers[tensor])
    return any(device_of[reader.name] != device for reader in readers)
