"""Tidies emitted layers: drops what nobody reads, and moves about inputs at the source instead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import evolve

from bnnplan.models.graph import Node
from bnnplan.models.layers import Reshape, Transpose
from bnnplan.models.tensors import TensorType


def without_dead(nodes: Sequence[Node], outputs: Sequence[str]) -> list[Node]:
    """The nodes that the outputs need, in their order."""
    needed = set(outputs)
    kept = []
    for node in reversed(nodes):
        if needed.intersection(node.outputs):
            needed.update(node.inputs)
            kept.append(node)
    return kept[::-1]


def with_images_as_inputs(
    inputs: Mapping[str, TensorType], nodes: Sequence[Node], outputs: Sequence[str]
) -> tuple[dict[str, TensorType], list[Node]]:
    """Let the user feed the image that the network first makes of a vector.

    A vector of 784 that becomes 28×28×1 is an input of 28×28×1.
    """
    types, nodes = dict(inputs), list(nodes)
    for name in inputs:
        while name not in outputs and len(inputs[name].shape) == 1:
            readers = [node for node in nodes if name in node.inputs]
            if len(readers) != 1 or not isinstance(readers[0].layer, Reshape | Transpose):
                break
            (first,) = readers
            if first.outputs[0] in outputs:
                break
            (types[name],) = first.layer.infer((types[name],))
            nodes.remove(first)
            nodes = renamed(nodes, {first.outputs[0]: name})
    return types, nodes


def renamed(nodes: Sequence[Node], names: Mapping[str, str]) -> list[Node]:
    """The nodes with tensors under other names."""

    def other(tensors: Sequence[str]) -> tuple[str, ...]:
        return tuple(names.get(tensor, tensor) for tensor in tensors)

    return [evolve(n, inputs=other(n.inputs), outputs=other(n.outputs)) for n in nodes]
