"""Chains of designed layers: programs of them, each behind one that has just written its input."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np

from bnnplan.backends.interface import Buffer
from bnnplan.models.graph import BoundLayer, Network, Node
from bnnplan.models.layers import (
    BinaryWeightConv2d,
    BinaryWeightDense,
    Flatten,
    Layer,
    MaxPool2d,
    ScaleBias,
)
from bnnplan.models.tensors import ElementType, TensorType, encode
from bnnplan.planner.execution.workbench import Workbench
from bnnplan.planner.profiling.oracle import random_feeds

FIRST_LAYERS = (BinaryWeightConv2d, BinaryWeightDense)
"""They read what a caller has handed over, not what a layer has just written."""
MEASURED = "layer"
WRITER = "writer"
LENGTHS = (8, 2, 8, 1, 4)
"""Layers of one program after the other: of few layers all that they touch stays near."""
SMALL, LARGE = 1 << 14, 1 << 18
"""Bytes of layers that are small, and of large ones: either are measured among others like them, so
that programs touch from hardly anything to more than caches hold."""


def chains(layers: Iterator[BoundLayer]) -> Iterator[list[BoundLayer]]:
    """Layers in chains of various lengths, those of each chain of one batch size and alike large.

    Of images that are computed together there are fewer layers, large and small in one chain.
    """
    waiting: dict[tuple[int, ...], list[BoundLayer]] = {}
    lengths = itertools.cycle(LENGTHS)
    wanted: dict[tuple[int, ...], int] = {}
    for bound in layers:
        nbytes = _nbytes(bound)
        size = (nbytes > SMALL) + (nbytes > LARGE) if bound.batch == 1 else 0
        key = bound.batch, size
        mine = waiting.setdefault(key, [])
        mine.append(bound)
        if key not in wanted:
            wanted[key] = next(lengths)
        if len(mine) == wanted[key]:
            del wanted[key]
            yield waiting.pop(key)


def _nbytes(bound: BoundLayer) -> int:
    kinds = (*bound.inputs, *bound.outputs)
    return bound.layer.weight_bits() // 8 + sum(kind.nbytes(bound.batch) for kind in kinds)


def chain_of(layers: Sequence[BoundLayer]) -> Network:
    """A network of layers of one batch size, each with inputs of its own.

    Inputs that are images or vectors of a layer before come from a writer: a copy by a window of
    one tap, or by flattening, so that they lie in the cache where a layer before leaves them.
    """
    inputs: dict[str, TensorType] = {}
    nodes: list[Node] = []
    outputs: list[str] = []
    for number, bound in enumerate(layers):
        names = []
        for place, kind in enumerate(bound.inputs):
            name = f"input{number}.{place}"
            writer = None if place or _is_first(bound) else _writer(kind)
            if writer is None:
                inputs[name] = kind
            else:
                source, layer = writer
                inputs[f"source{number}"] = source
                nodes.append(Node(f"{WRITER}{number}", layer, [f"source{number}"], [name]))
            names.append(name)
        made = [f"output{number}.{place}" for place in range(len(bound.outputs))]
        nodes.append(Node(f"{MEASURED}{number}", bound.layer, names, made))
        outputs += made
    return Network("designed layers", inputs, nodes, outputs)


def _is_first(bound: BoundLayer) -> bool:
    is_bytes = bound.inputs[0].element in (ElementType.UINT8, ElementType.INT8)
    return isinstance(bound.layer, FIRST_LAYERS) or (
        isinstance(bound.layer, ScaleBias) and is_bytes
    )


def _writer(kind: TensorType) -> tuple[TensorType, Layer]:
    if len(kind.shape) == 3:
        return kind, MaxPool2d((1, 1), strides=(1, 1))
    return TensorType((1, 1, kind.channels), kind.element), Flatten()


class Material:
    """What the inputs of a chain hold; nobody asks whether what is computed from it is right.

    Parameters
    ----------
    bench : Workbench
        Of the chain.
    seed : int
    """

    def __init__(self, bench: Workbench, seed: int) -> None:
        self.bench = bench
        network = bench.network
        self._arrays: dict[str, np.ndarray] = {
            name: encode(values, network.types[name])
            for name, values in random_feeds(network, bench.batch, seed).items()
        }

    def restore(self, tensor: str, device: str, buffer: Buffer) -> None:
        """Upload what an input holds; where a device does not run what writes a tensor, zeros."""
        backend = self.bench.backends[device]
        kind = buffer.type
        array = self._arrays.get(tensor)
        if array is None:
            array = np.zeros(kind.array_shape(self.bench.batch), kind.element.dtype)
        backend.upload(backend.convert(array, kind, kind.format, buffer.format), buffer)
