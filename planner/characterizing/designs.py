"""The designed set of layers: every family in its turn, its sizes filling their space evenly."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from bnnplan.models.errors import NetworkError
from bnnplan.models.graph import BoundLayer
from bnnplan.planner.characterizing import others, products
from bnnplan.planner.characterizing.points import Point
from bnnplan.planner.characterizing.sequence import PRIMES, halton

Design = Callable[[Point], BoundLayer]

DESIGNS: tuple[tuple[Design, float], ...] = (
    (products.binary_conv, 8.0),
    (products.binary_dense, 5.0),
    (products.byte_conv, 4.0),
    (products.number_conv, 2.0),
    (products.float_conv, 4.0),
    (products.float_depthwise, 3.0),
    (products.float_dense, 4.0),
    (products.grouped_conv, 1.0),
    (products.binary_depthwise, 3.0),
    (products.number_dense, 3.0),
    (others.threshold, 1.5),
    (others.scale_bias, 1.5),
    (others.add, 1.0),
    (others.clip, 1.0),
    (others.prelu, 0.5),
    (others.quantize, 0.5),
    (others.multi_threshold, 0.5),
    (others.softmax, 0.5),
    (others.bit_pool, 1.0),
    (others.max_pool, 1.5),
    (others.average_pool, 1.0),
    (others.flatten, 1.0),
    (others.concat, 0.7),
    (others.split, 0.7),
    (others.transpose, 0.4),
)
"""What is measured, and how often of all: the more, the more terms its time has."""
TOGETHER = 2
"""Layers of a family that follow each other, as in networks, where code stays near as well."""
MOST_WEIGHTS, MOST_DENSE_WEIGHTS = 1 << 22, 1 << 25
MOST_ELEMENTS = 1 << 22
"""Of a layer; larger ones would take the time of many others. Dense layers read each weight once,
so that where weights come from is most of their time."""


def designed_layers(seed: int = 0) -> Iterator[BoundLayer]:
    """Layers to be measured, without end; each prefix has about the wanted share of each family.

    Parameters
    ----------
    seed : int
        Another one gives other layers.
    """
    sources = [_candidates(design, seed + 31 * i) for i, (design, _) in enumerate(DESIGNS)]
    taken = [0.0] * len(DESIGNS)
    while True:
        index = min(range(len(DESIGNS)), key=lambda i: (taken[i] + 0.5) / DESIGNS[i][1])
        taken[index] += 1
        for _ in range(TOGETHER):
            bound = next(sources[index])
            if bound is not None:
                yield bound


def layers_of(design: Design) -> Iterator[BoundLayer]:
    """The layers of one design alone, without end."""
    return (bound for bound in _candidates(design, 0) if bound is not None)


def _candidates(design: Design, seed: int) -> Iterator[BoundLayer | None]:
    return (_designed(design, Point(at)) for at in halton(len(PRIMES), seed))


def _designed(design: Design, point: Point) -> BoundLayer | None:
    """The layer at a point; None where there is none, or a too large one."""
    try:
        bound = design(point)
        outputs = bound.outputs
    except NetworkError:
        return None  # such as a window that is larger than its image
    elements = sum(kind.elements for kind in (*bound.inputs, *outputs)) * bound.batch
    weights = sum(array.size for array in bound.layer.arrays().values())
    most = MOST_DENSE_WEIGHTS if len(bound.inputs[0].shape) == 1 else MOST_WEIGHTS
    return bound if weights <= most and elements <= MOST_ELEMENTS else None
