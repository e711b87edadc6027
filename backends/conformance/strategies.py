"""Hypothesis strategies: tensors, and layers with their inputs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from attrs import frozen
from hypothesis import reject
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from bnnplan.backends.conformance.geometry import CHANNELS, EXTREMES, shape
from bnnplan.backends.conformance.kinds import KINDS, LayerKind, Types
from bnnplan.backends.conformance.values import INT32, NOT_FINITE, Spread, fill, with_ties
from bnnplan.models.errors import NetworkError
from bnnplan.models.graph import BoundLayer
from bnnplan.models.layers import (
    Add,
    BinaryConv2d,
    BinaryDense,
    BinaryWeightConv2d,
    BinaryWeightDense,
    Layer,
    MultiThreshold,
    Sign,
    Threshold,
)
from bnnplan.models.tensors import ElementType, TensorType

SEEDS = st.integers(0, 2**32 - 1)
BATCHES = st.sampled_from((1, 2, 3, 5))


@frozen(eq=False)
class Case:
    """A layer in place, with contents for its inputs.

    Parameters
    ----------
    bound : BoundLayer
    inputs : tuple of ndarray
        Logical arrays.
    choice : int
        Which configurations to take.
    origin : str
        What the contents were made from.
    """

    bound: BoundLayer
    inputs: tuple[np.ndarray, ...]
    choice: int = 0
    origin: str = ""

    def __str__(self) -> str:
        return f"{self.bound.signature}; {self.origin}"


@st.composite
def tensor_types(
    draw: DrawFn,
    elements: Sequence[ElementType] = tuple(ElementType),
    ranks: Sequence[int] = (1, 3),
) -> TensorType:
    """Types of tensors, small ones first."""
    return TensorType(shape(draw, draw(st.sampled_from(ranks))), draw(st.sampled_from(elements)))


@st.composite
def tensors(draw: DrawFn) -> tuple[TensorType, np.ndarray]:
    """Tensors of every type as logical arrays."""
    type = draw(tensor_types())
    rng = np.random.default_rng(draw(SEEDS))
    return type, fill(rng, type, draw(BATCHES), draw(st.sampled_from(Spread)))


@st.composite
def cases(draw: DrawFn, kinds: Sequence[str] = tuple(KINDS), *, extreme: bool = False) -> Case:
    """Layers of the given kinds with everything that belongs to them.

    Parameters
    ----------
    kinds : sequence of str
    extreme : bool
        Whether inputs have the shapes of :data:`geometry.EXTREMES`.
    """
    kind = KINDS[draw(st.sampled_from(kinds))]
    types = _input_types(draw, kind, extreme)
    spread = draw(st.sampled_from([*Spread, Spread.FAR] if extreme else Spread))
    seed = draw(SEEDS)
    rng = np.random.default_rng(seed)
    bound = BoundLayer(kind.layer(draw, rng, types), types, draw(BATCHES))
    if not _is_possible(bound):
        reject()
    return make_case(bound, rng, spread, draw(st.integers(0, 999)), f"{spread} values, seed {seed}")


def full_sums() -> list[Case]:
    """Layers of ±1 weights whose sums reach ends that 16 bits cannot hold."""
    count = 70_001
    weight = np.ones((3, count), np.int8) * np.array([[1], [-1], [1]], np.int8)
    taps = weight.reshape(3, 1, 1, count)
    bit, numbers = ElementType.BIT, (ElementType.UINT8, ElementType.INT8)
    layers: list[tuple[Layer, ElementType]] = [
        (BinaryDense(weight=weight), bit),
        (BinaryConv2d(weight=taps), bit),
        *((BinaryWeightDense(weight=weight), element) for element in numbers),
        *((BinaryWeightConv2d(weight=taps), element) for element in numbers),
    ]
    return [_constant(layer, element, count) for layer, element in layers]


def _constant(layer: Layer, element: ElementType, count: int) -> Case:
    """A case of one image whose elements are all the largest there is."""
    extent = (1, 1, count) if layer.kind.endswith("Conv2d") else (count,)
    bit = element is ElementType.BIT
    value = 1 if bit else np.iinfo(element.dtype).max
    values = np.full((1, *extent), value, np.int8 if bit else element.dtype)
    bound = BoundLayer(layer, (TensorType(extent, element),))
    return Case(bound, (values,), origin=f"all inputs {value}")


def _is_possible(bound: BoundLayer) -> bool:
    """Whether the layer takes its inputs: too many taps could leave 32 bits."""
    try:
        return bool(bound.outputs)
    except NetworkError:
        return False


def make_case(
    bound: BoundLayer, rng: np.random.Generator, spread: Spread, choice: int, origin: str
) -> Case:
    """Contents that the layer promises to take, with ties where it compares."""
    layer, limit = bound.layer, _limit(bound.layer)
    inputs = [fill(rng, type, bound.batch, spread, limit) for type in bound.inputs]
    if isinstance(layer, Threshold):
        inputs = [with_ties(rng, inputs[0], layer.threshold)]
    if isinstance(layer, MultiThreshold):
        inputs = [with_ties(rng, inputs[0], rng.permuted(layer.thresholds, axis=1)[:, 0])]
    is_float = inputs[0].dtype == np.float32
    if isinstance(layer, Threshold | Sign) and is_float and spread is Spread.FAR:
        inputs = [with_ties(rng, inputs[0], rng.choice(NOT_FINITE, inputs[0].shape))]
    return Case(bound, tuple(inputs), choice, origin)


def _limit(layer: Layer) -> int | None:
    """Largest magnitude of int32 inputs for which the result is defined, if there is one."""
    if isinstance(layer, Add):
        return INT32.max // 2
    if isinstance(layer, BinaryWeightConv2d | BinaryWeightDense):
        return INT32.max // layer.weight[0].size
    return None


def _input_types(draw: DrawFn, kind: LayerKind, extreme: bool) -> Types:
    first = draw(tensor_types(kind.elements, kind.ranks))
    if extreme:
        shapes = EXTREMES[len(first.shape)]
        first = TensorType(draw(st.sampled_from(shapes)), first.element)
    count = draw(st.integers(*kind.arity))
    if kind.arity == (2, 2):
        return (first, first)
    others = [draw(st.sampled_from(CHANNELS)) for _ in range(count - 1)]
    return (first, *(TensorType((*first.shape[:-1], c), first.element) for c in others))
