"""The network: a directed acyclic graph of layers with typed tensors, immutable and checked."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

import attrs
from attrs import field, frozen

from bnnplan.models.errors import NetworkError
from bnnplan.models.layers import Layer, content_digest
from bnnplan.models.tensors import TensorType


@frozen
class BoundLayer:
    """A layer with the types of its inputs and the batch size: all that its cost depends on.

    Parameters
    ----------
    layer : Layer
    inputs : tuple of TensorType
    batch : int
        Images computed at once; at least 1.
    """

    layer: Layer
    inputs: tuple[TensorType, ...]
    batch: int = 1

    def __attrs_post_init__(self) -> None:
        if self.batch < 1:
            raise NetworkError(f"{self.layer.kind} on a batch of {self.batch}: at least 1 image")

    @property
    def outputs(self) -> tuple[TensorType, ...]:
        """Types of the outputs."""
        return self.layer.infer(self.inputs)

    @property
    def signature(self) -> str:
        """Text that is equal for layers alike in everything but the values of their weights."""
        shapes = sorted((n, a.dtype.str, a.shape) for n, a in self.layer.arrays().items())
        settings = sorted(self.layer.settings().items())
        types = " ".join(map(str, self.inputs))
        return f"{self.layer.kind} {settings} {shapes} on {types} batch {self.batch}"


def _names(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(names)


def _nodes(nodes: Iterable[Node]) -> tuple[Node, ...]:
    return tuple(nodes)


def _types(types: Mapping[str, TensorType]) -> dict[str, TensorType]:
    return dict(types)


@frozen
class Node:
    """A layer in its place: named, and wired to tensors.

    Parameters
    ----------
    name : str
        Unique in the network.
    layer : Layer
    inputs, outputs : tuple of str
        Names of tensors.
    """

    name: str
    layer: Layer
    inputs: tuple[str, ...] = field(converter=_names)
    outputs: tuple[str, ...] = field(converter=_names)


@frozen(hash=False, slots=False)
class Network:
    """A network that has passed all checks.

    Parameters
    ----------
    name : str
    inputs : mapping of str to TensorType
        The tensors that a user feeds.
    nodes : iterable of Node
        In any order; kept in a topological one.
    outputs : iterable of str
        The tensors that a user gets.
    classes : tuple of str
        Names of the classes, if the output has one element per class; may be empty.
    notes : tuple of str
        Where the network comes from and what its import assumed, a line each.

    Raises
    ------
    NetworkError
        For duplicate names, dangling tensors, cycles and layers that do not fit their inputs.
    """

    name: str
    inputs: Mapping[str, TensorType] = field(converter=_types)
    nodes: tuple[Node, ...] = field(converter=_nodes)
    outputs: tuple[str, ...] = field(converter=_names)
    classes: tuple[str, ...] = field(default=(), converter=_names)
    notes: tuple[str, ...] = field(default=(), converter=_names)

    def __attrs_post_init__(self) -> None:
        if not self.inputs or not self.outputs:
            raise NetworkError(f"network {self.name!r} needs at least one input and one output")
        object.__setattr__(self, "nodes", _topological(self.inputs, self.nodes))
        missing = [name for name in self.outputs if name not in self.types]
        if missing:
            raise NetworkError(f"output {missing[0]!r} is no tensor of network {self.name!r}")

    @cached_property
    def types(self) -> dict[str, TensorType]:
        """Type of every tensor by name."""
        types = dict(self.inputs)
        for node in self.nodes:
            try:
                outputs = node.layer.infer(tuple(types[name] for name in node.inputs))
            except NetworkError as error:
                raise NetworkError(f"layer {node.name!r}: {error}") from error
            if len(outputs) != len(node.outputs):
                raise NetworkError(
                    f"layer {node.name!r} has {len(outputs)} outputs, "
                    f"but {len(node.outputs)} tensors are named"
                )
            types.update(zip(node.outputs, outputs, strict=True))
        return types

    @cached_property
    def producers(self) -> dict[str, Node]:
        """Node that makes each tensor; network inputs have none."""
        return {name: node for node in self.nodes for name in node.outputs}

    @cached_property
    def consumers(self) -> dict[str, tuple[Node, ...]]:
        """Nodes that read each tensor, in topological order."""
        found: dict[str, list[Node]] = {name: [] for name in self.types}
        for node in self.nodes:
            for name in dict.fromkeys(node.inputs):
                found[name].append(node)
        return {name: tuple(nodes) for name, nodes in found.items()}

    def bind(self, node: Node, batch: int = 1) -> BoundLayer:
        """The node's layer with the types that it meets in this network."""
        return BoundLayer(node.layer, tuple(self.types[name] for name in node.inputs), batch)

    def replace(self, nodes: Iterable[Node], **changes: object) -> Network:
        """The same network with other nodes, checked anew."""
        return attrs.evolve(self, nodes=tuple(nodes), **changes)  # type: ignore[arg-type]

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over graph, settings and weights: equal networks have equal fingerprints."""
        digest = hashlib.sha256(repr((sorted(self.inputs.items()), self.outputs)).encode())
        for node in self.nodes:
            digest.update(repr((node.name, node.inputs, node.outputs)).encode())
            digest.update(content_digest(node.layer).encode())
        return digest.hexdigest()


def _topological(inputs: Mapping[str, TensorType], nodes: Iterable[Node]) -> tuple[Node, ...]:
    """Stable topological order; checks names, dangling tensors and cycles."""
    known = set(inputs)
    made: dict[str, str] = {}
    names: set[str] = set()
    pending = list(nodes)
    for node in pending:
        if node.name in names:
            raise NetworkError(f"layer name {node.name!r} stands twice")
        names.add(node.name)
        for tensor in node.outputs:
            if tensor in known or tensor in made:
                raise NetworkError(f"tensor {tensor!r} is made twice")
            made[tensor] = node.name
    for node in pending:
        for tensor in node.inputs:
            if tensor not in known and tensor not in made:
                raise NetworkError(f"layer {node.name!r} reads {tensor!r}, which nothing makes")
    return _in_rounds(pending, made)


def _in_rounds(nodes: list[Node], made: Mapping[str, str]) -> tuple[Node, ...]:
    """The order in which rounds through the nodes find them ready, in their given order.

    A node is ready in the round of the last of its inputs, or in the next one if the node that
    makes this input stands behind it.
    """
    places = {node.name: place for place, node in enumerate(nodes)}
    before = [[places[made[name]] for name in node.inputs if name in made] for node in nodes]
    after: list[list[int]] = [[] for _ in nodes]
    for place, makers in enumerate(before):
        for maker in makers:
            after[maker].append(place)
    waits_for = [len(makers) for makers in before]
    rounds = [0] * len(nodes)
    ready = [place for place, count in enumerate(waits_for) if count == 0]
    for place in ready:
        for reader in after[place]:
            rounds[reader] = max(rounds[reader], rounds[place] + (reader < place))
            waits_for[reader] -= 1
            if waits_for[reader] == 0:
                ready.append(reader)
    if len(ready) < len(nodes):
        first = next(place for place, count in enumerate(waits_for) if count)
        cyclic = nodes[_on_a_cycle(first, before, waits_for)]
        raise NetworkError(f"layers form a cycle through {cyclic.name!r}")
    return tuple(nodes[place] for place in sorted(ready, key=lambda p: (rounds[p], p)))


def _on_a_cycle(place: int, before: Sequence[list[int]], waits_for: Sequence[int]) -> int:
    """A place on a cycle that this place waits for."""
    seen: set[int] = set()
    while place not in seen:
        seen.add(place)
        place = next(maker for maker in before[place] if waits_for[maker])
    return place
