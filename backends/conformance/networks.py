"""A hypothesis strategy for small networks of layers that a device supports."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from attrs import frozen
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from bnnplan.backends.conformance.kinds import KINDS
from bnnplan.backends.conformance.strategies import SEEDS, tensor_types
from bnnplan.backends.conformance.values import Spread, fill
from bnnplan.models.graph import BoundLayer, Network, Node
from bnnplan.models.tensors import ElementType, TensorType

LARGEST = 20_000
"""Most elements of a tensor inside a drawn network."""


@frozen(eq=False)
class Sample:
    """A network with contents for its inputs; `choice` as in :class:`Case`."""

    network: Network
    feeds: dict[str, np.ndarray]
    batch: int
    choice: int

    def __str__(self) -> str:
        layers = [self.network.bind(node, self.batch).signature for node in self.network.nodes]
        wires = [f"{','.join(n.inputs)}→{','.join(n.outputs)}" for n in self.network.nodes]
        return "; ".join(f"{w} {text}" for w, text in zip(wires, layers, strict=True))


@st.composite
def networks(draw: DrawFn, kinds: Sequence[str], supported: Callable[[BoundLayer], bool]) -> Sample:
    """Chains and small graphs of supported layers of the given kinds.

    Parameters
    ----------
    kinds : sequence of str
    supported : callable
        Which bound layers may stand in the network.
    """
    batch = draw(st.sampled_from((1, 2, 3)))
    rng = np.random.default_rng(draw(SEEDS))
    start = KINDS[draw(st.sampled_from(kinds))]
    source = draw(tensor_types(start.elements, start.ranks))
    # Small magnitudes, so that sums of sums stay within 32 bits.
    feeds = {"t0": fill(rng, source, batch, draw(st.sampled_from(Spread)), limit=2**16)}
    types, open_tensors = {"t0": source}, ["t0"]
    nodes: list[Node] = []
    for _ in range(draw(st.integers(1, 6))):
        node = _next_node(draw, rng, kinds, types, open_tensors)
        if node is None:
            continue
        bound = BoundLayer(node.layer, tuple(types[name] for name in node.inputs), batch)
        if not supported(bound) or any(type.elements > LARGEST for type in bound.outputs):
            continue
        nodes.append(node)
        types.update(zip(node.outputs, bound.outputs, strict=True))
        if KINDS[node.layer.kind].exact:
            open_tensors.extend(node.outputs)
    read = {name for node in nodes for name in node.inputs}
    outputs = [name for node in nodes for name in node.outputs if name not in read]
    network = Network("drawn", {"t0": source}, nodes, outputs or ["t0"])
    return Sample(network, feeds, batch, draw(st.integers(0, 999)))


def _next_node(
    draw: DrawFn,
    rng: np.random.Generator,
    kinds: Sequence[str],
    types: dict[str, TensorType],
    open_tensors: Sequence[str],
) -> Node | None:
    """A layer on open tensors, the newest one mostly; None if no kind takes what was drawn."""
    newest = draw(st.sampled_from((True, True, True, False)))
    name = open_tensors[-1] if newest else draw(st.sampled_from(open_tensors))
    source = types[name]
    fitting = [kind for kind in kinds if _takes(kind, source)]
    if not fitting:
        return None
    kind = KINDS[draw(st.sampled_from(fitting))]
    partners = [
        other
        for other in open_tensors
        if types[other].element is source.element and types[other].shape[:-1] == source.shape[:-1]
    ]
    if kind.arity == (2, 2):
        partners = [other for other in partners if types[other] == source]
    count = draw(st.integers(*kind.arity)) - 1
    inputs = [name, *(draw(st.sampled_from(partners)) for _ in range(count))]
    layer = kind.layer(draw, rng, tuple(types[tensor] for tensor in inputs))
    parts = len(layer.infer(tuple(types[tensor] for tensor in inputs)))
    outputs = [f"t{len(types) + part}" for part in range(parts)]
    return Node(f"{layer.kind}_{outputs[0]}", layer, inputs, outputs)


def _takes(kind: str, source: TensorType) -> bool:
    spec = KINDS[kind]
    # Sums of int32 sums could leave 32 bits, where nothing is promised.
    sums_of_sums = kind.startswith("BinaryWeight") and source.element is ElementType.INT32
    fits = source.element in spec.elements and len(source.shape) in spec.ranks
    return fits and not sums_of_sums
