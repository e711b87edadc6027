"""How near a layer comes to what its device can do at all.

A layer computes so many products and moves so many bytes. The device does the products no faster
than its ceiling for products of that kind, with as many threads; it reads the bytes no faster than
the level of memory is read where they fit. The longer of the two times is one that no kernel can
stay below, and its share of the measured time is the percentage of the ceiling that tables show.

So that this is a bound, all is taken as little as it can be. Products are only those of taps inside
the input, and of windows that a fused pooling does not leave out. Every weight, as packed, and
every input element that a window holds is read once, every output element written once, and reading
and writing go on at the same time. Bytes are at the nearest level whose capacity for all threads
holds all that the layer reads and writes, whatever other layers have left there.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import attrs
from attrs import frozen

from bnnplan.backends.interface import Ceiling, Configuration, Work
from bnnplan.models.graph import BoundLayer
from bnnplan.models.layers import (
    AveragePool2d,
    BinaryConv2d,
    BinaryDense,
    BinaryWeightConv2d,
    BinaryWeightDense,
    FloatConv2d,
    FloatDense,
    MaxPool2d,
)
from bnnplan.models.tensors import ElementType

Convolution = BinaryConv2d | BinaryWeightConv2d | FloatConv2d
Dense = BinaryDense | BinaryWeightDense | FloatDense
Windowed = Convolution | MaxPool2d | AveragePool2d
BYTES = (ElementType.UINT8, ElementType.INT8)
SECOND = 1e9
"""In nanoseconds."""


@frozen
class Bound:
    """The least time of a layer in a configuration.

    Parameters
    ----------
    ns : float
    ceiling : Ceiling
        That it comes from.
    """

    ns: float
    ceiling: Ceiling


def least_time(
    bound: BoundLayer,
    configuration: Configuration,
    weight_bytes: int,
    ceilings: Sequence[Ceiling],
) -> Bound | None:
    """The time below which no kernel can be; None where that is not known.

    Parameters
    ----------
    bound : BoundLayer
    configuration : Configuration
    weight_bytes : int
        Of the weights as the kernel holds them.
    ceilings : sequence of Ceiling
        Of the device. None is known for a kind of work that they do not state.
    """
    kind, products = work_of(bound)
    if products and kind is None:
        return None
    known = at_threads(ceilings, configuration.threads)
    bounds = []
    if kind is not None:
        variants = ("", configuration.variant)
        limit = next((c for c in known if c.work is kind and c.variant in variants), None)
        if limit is None:
            return None
        bounds.append(Bound(products / limit.rate * SECOND, limit))
    read = _bytes_read(bound) + weight_bytes
    written = sum(type.nbytes(bound.batch) for type in bound.outputs)
    level = _nearest(known, read + written)
    if level is not None:
        bounds.append(Bound(max(read, written) / level.rate * SECOND, level))
    return max(bounds, key=lambda found: found.ns, default=None)


def at_threads(ceilings: Iterable[Ceiling], threads: int) -> list[Ceiling]:
    """One ceiling of each kind, for so many threads.

    Where that number was not measured: no more than as many times what one does as there are
    threads, no more than what more threads do together, and with the capacity that fewer have.
    """
    kinds: dict[tuple[Work, str, str], list[Ceiling]] = {}
    for ceiling in ceilings:
        kinds.setdefault((ceiling.work, ceiling.name, ceiling.variant), []).append(ceiling)
    return [_at(measured, threads) for measured in kinds.values()]


def _at(measured: Sequence[Ceiling], threads: int) -> Ceiling:
    ordered = sorted(measured, key=lambda ceiling: ceiling.threads)
    fewer = [ceiling for ceiling in ordered if ceiling.threads <= threads]
    nearest = (fewer or ordered)[-1 if fewer else 0]
    if nearest.threads == threads:
        return nearest
    rate = min(c.rate * max(1.0, threads / c.threads) for c in ordered)
    return attrs.evolve(nearest, threads=threads, rate=rate)


def _nearest(ceilings: Iterable[Ceiling], nbytes: float) -> Ceiling | None:
    """The smallest level of memory that holds so many bytes, shared out among its threads."""
    levels = [
        (c.capacity * c.threads if c.capacity else math.inf, c)
        for c in ceilings
        if c.work is Work.BYTES_READ
    ]
    fitting = [(capacity, c) for capacity, c in levels if nbytes <= capacity]
    return min(fitting, key=lambda pair: pair[0], default=(0, None))[1]


def work_of(bound: BoundLayer) -> tuple[Work | None, int]:
    """The kind of a layer's products and their number, for the whole batch.

    No kind and 0 for layers without products; no kind and their number where no ceiling tells how
    fast they can be: bits or bytes of single channels, and ±1 weights on wider numbers.
    """
    layer, element = bound.layer, bound.inputs[0].element
    if not isinstance(layer, Convolution | Dense):
        return None, bound.batch * layer.macs(bound.inputs)
    products = bound.batch * layer.weight.size
    if isinstance(layer, Convolution):
        products *= math.prod(len(_places(bound, layer, axis)) for axis in (0, 1))
        products //= math.prod(layer.kernel)
    if isinstance(layer, FloatConv2d | FloatDense):
        return Work.FLOAT_PRODUCTS, products
    kind = {**dict.fromkeys(BYTES, Work.BYTE_PRODUCTS), ElementType.BIT: Work.BIT_PRODUCTS}
    is_alone = isinstance(layer, Convolution) and layer.weight.shape[3] == 1 and layer.groups > 1
    return None if is_alone else kind.get(element), products


def _bytes_read(bound: BoundLayer) -> float:
    """Bytes of all input elements that any window holds."""
    nbytes = sum(type.nbytes(bound.batch) for type in bound.inputs)
    if not isinstance(bound.layer, Windowed):
        return nbytes
    seen = [len(set(_places(bound, bound.layer, axis))) for axis in (0, 1)]
    return nbytes * math.prod(seen) / math.prod(bound.inputs[0].shape[:2])


def _places(bound: BoundLayer, layer: Windowed, axis: int) -> list[int]:
    """Where along one axis the taps of all windows lie, those inside the input."""
    size, pad, kernel = bound.inputs[0].shape[axis], layer.pads[axis], layer.kernel[axis]
    stride, padded = layer.strides[axis], size + pad + layer.pads[axis + 2]
    dilation = layer.dilations[axis] if isinstance(layer, Convolution) else 1
    windows: Iterable[int] = range((padded - dilation * (kernel - 1) - 1) // stride + 1)
    pool = layer.pool if isinstance(layer, BinaryConv2d | BinaryWeightConv2d) else None
    if pool is not None:
        pooled = bound.outputs[0].shape[axis]
        windows = (
            i * pool.strides[axis] + j for i in range(pooled) for j in range(pool.kernel[axis])
        )
    places = (w * stride + tap * dilation - pad for w in windows for tap in range(kernel))
    return [place for place in places if 0 <= place < size]
