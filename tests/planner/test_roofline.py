"""The least time of a layer, by hand and by its laws."""

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from networks import signs, threshold

from bnnplan.backends.interface import Ceiling, Configuration, Work
from bnnplan.models.graph import BoundLayer
from bnnplan.models.layers import (
    Add,
    BinaryConv2d,
    BinaryDense,
    BinaryWeightConv2d,
    FloatConv2d,
    FloatDense,
    MaxPool2d,
)
from bnnplan.models.tensors import TensorType
from bnnplan.planner.roofline import at_threads, least_time, work_of

RANDOM = np.random.default_rng(0)
GIGA = 1e9


def read(name, capacity, rate, threads=1):
    return Ceiling(Work.BYTES_READ, name, threads, rate, capacity=capacity)


COUNTED = Ceiling(Work.BIT_PRODUCTS, "counted", 1, 100 * GIGA, "plain")
LOOKED_UP = Ceiling(Work.BIT_PRODUCTS, "looked up", 1, 400 * GIGA, "table")
FLOATS = Ceiling(Work.FLOAT_PRODUCTS, "floats", 1, 10 * GIGA)
LEVELS = (read("L1", 1000, 8 * GIGA), read("L2", 10_000, 4 * GIGA), read("memory", None, GIGA))
CEILINGS = (COUNTED, LOOKED_UP, FLOATS, *LEVELS)
PLAIN = Configuration(variant="plain")


def dense(inputs=640, outputs=100, batch=1):
    return BoundLayer(
        BinaryDense(signs(RANDOM, outputs, inputs)), (TensorType((inputs,), "bit"),), batch
    )


def conv(side=4, kernel=3, **settings):
    layer = BinaryConv2d(signs(RANDOM, 8, kernel, kernel, 16), **settings)
    return BoundLayer(layer, (TensorType((side, side, 16), "bit"),))


def add(elements):
    return BoundLayer(Add(), (TensorType((elements,), "float32"),) * 2)


def test_products_take_what_their_ceiling_allows():
    bound = least_time(dense(), PLAIN, 100, CEILINGS)
    assert bound.ceiling == COUNTED
    assert bound.ns == pytest.approx(64_000 / 100)


def test_the_ceiling_is_that_of_the_kernel_variant():
    bound = least_time(dense(), Configuration(variant="table"), 100, CEILINGS)
    assert bound.ceiling == LOOKED_UP
    assert bound.ns == pytest.approx(64_000 / 400)
    assert least_time(dense(), Configuration(variant="other"), 100, CEILINGS) is None


def test_bytes_bind_where_they_take_longer_than_products():
    # 80 bytes of input and 7,920 of weights are read, 400 of sums written: 8,400 bytes are in L2.
    bound = least_time(dense(), PLAIN, 7920, CEILINGS)
    assert bound.ceiling.name == "L2"
    assert bound.ns == pytest.approx(8000 / 4)


@pytest.mark.parametrize(
    ("elements", "level", "ns"),
    [(80, "L1", 640 / 8), (800, "L2", 6400 / 4), (8000, "memory", 64_000 / 1)],
)
def test_layers_without_products_are_bound_by_the_level_that_holds_them(elements, level, ns):
    bound = least_time(add(elements), PLAIN, 0, CEILINGS)
    assert (bound.ceiling.name, bound.ns) == (level, pytest.approx(ns))


def test_what_is_written_binds_where_it_is_more_than_what_is_read():
    bound = least_time(dense(inputs=64, outputs=1000), PLAIN, 0, (*LEVELS, COUNTED))
    assert bound.ceiling.name == "L2"
    assert bound.ns == pytest.approx(4000 / 4)


@pytest.mark.parametrize(
    ("pool", "places"),
    [(MaxPool2d(1, 2), 3 * 3), (MaxPool2d(2, 2), 4 * 4), (MaxPool2d(2, 1, 1), 5 * 5)],
)
def test_only_what_windows_hold_is_read(pool, places):
    bound = BoundLayer(pool, (TensorType((5, 5, 64), "int32"),))
    least = least_time(bound, PLAIN, 0, [read("memory", None, GIGA)])
    written = bound.outputs[0].nbytes(1)
    assert least.ns == pytest.approx(max(places * 256, written))


def test_without_ceilings_nothing_is_known():
    assert least_time(dense(), PLAIN, 100, ()) is None
    assert least_time(add(80), PLAIN, 0, (COUNTED,)) is None
    assert least_time(dense(), PLAIN, 100, (FLOATS, *LEVELS)) is None


@pytest.mark.parametrize(
    ("bound", "work", "products"),
    [
        (conv(), Work.BIT_PRODUCTS, 8 * 16 * (2 * 3) ** 2),
        # Of 4 windows of 3 taps, one tap of the first and one of the last are outside.
        (conv(pads=1), Work.BIT_PRODUCTS, 8 * 16 * (4 * 3 - 2) ** 2),
        (conv(pads=1, strides=2), Work.BIT_PRODUCTS, 8 * 16 * (2 + 3) ** 2),
        (conv(pads=1, dilations=2), Work.BIT_PRODUCTS, 8 * 16 * (2 + 2) ** 2),
        # Windows 0 to 4 of 5: a pooling by 2 leaves the last one out.
        (
            conv(side=5, pads=1, threshold=threshold(RANDOM, 8), pool=MaxPool2d(2, 2)),
            Work.BIT_PRODUCTS,
            8 * 16 * (2 + 3 * 3) ** 2,
        ),
        (dense(batch=3), Work.BIT_PRODUCTS, 3 * 64_000),
        (add(10), None, 0),
    ],
    ids=["plain", "pads", "strides", "dilations", "pooled", "batch", "none"],
)
def test_products_are_those_inside_the_input(bound, work, products):
    assert work_of(bound) == (work, products)


def first_layer(element, groups=1):
    layer = BinaryWeightConv2d(signs(RANDOM, 4, 1, 1, 4 // groups), groups=groups)
    return BoundLayer(layer, (TensorType((2, 2, 4), element),))


@pytest.mark.parametrize(
    ("bound", "work"),
    [
        (first_layer("uint8"), Work.BYTE_PRODUCTS),
        (first_layer("int8"), Work.BYTE_PRODUCTS),
        (first_layer("float32"), None),
        (first_layer("uint8", groups=4), None),
        (first_layer("uint8", groups=2), Work.BYTE_PRODUCTS),
        (
            BoundLayer(
                FloatConv2d(np.ones((4, 1, 1, 1), np.float32), groups=4),
                (TensorType((2, 2, 4), "float32"),),
            ),
            Work.FLOAT_PRODUCTS,
        ),
        (
            BoundLayer(FloatDense(np.ones((4, 4), np.float32)), (TensorType((4,), "float32"),)),
            Work.FLOAT_PRODUCTS,
        ),
    ],
)
def test_the_kind_of_products_follows_from_layer_and_input(bound, work):
    kind, products = work_of(bound)
    assert kind is work
    assert products > 0
    if work is None:
        assert least_time(bound, PLAIN, 0, CEILINGS) is None


def test_threads_that_were_not_measured_get_a_bound_of_those_that_were():
    measured = [read("L2", 4000, 10.0, 1), read("L2", 1000, 24.0, 4)]
    (one,), (two,), (three,), (eight,) = (at_threads(measured, t) for t in (1, 2, 3, 8))
    assert (one.rate, one.capacity) == (10.0, 4000)
    assert (two.rate, two.capacity, two.threads) == (20.0, 4000, 2)
    assert three.rate == 24.0
    assert (eight.rate, eight.capacity) == (48.0, 1000)


def test_each_thread_brings_its_own_cache():
    pair = (read("L1", 1000, 16 * GIGA, 2), read("memory", None, GIGA, 2))
    threads = Configuration("X", 2, "plain")
    assert least_time(add(160), threads, 0, pair).ceiling.name == "L1"
    assert least_time(add(170), threads, 0, pair).ceiling.name == "memory"


sizes = st.integers(1, 6)
layers = st.builds(
    lambda side, kernel, stride, pad: conv(side + kernel, kernel, strides=stride, pads=pad),
    *(sizes, st.integers(1, 4), st.integers(1, 3), st.integers(0, 3)),
)
rates = st.floats(1e6, 1e12)


@given(layers)
def test_never_more_products_than_multiply_accumulates(bound):
    _, products = work_of(bound)
    macs = bound.layer.macs(bound.inputs)
    assert 0 <= products <= macs
    if not any(bound.layer.pads):
        assert products == macs


@given(layers, st.integers(1, 8), rates, st.integers(0, 10**6))
def test_faster_devices_never_need_more_time(bound, factor, rate, weight_bytes):
    slow = (attrs.evolve(COUNTED, rate=rate), *LEVELS)
    fast = [attrs.evolve(c, rate=c.rate * factor) for c in slow]
    before = least_time(bound, PLAIN, weight_bytes, slow).ns
    after = least_time(bound, PLAIN, weight_bytes, fast).ns
    assert after == pytest.approx(before / factor)


@given(layers, st.integers(1, 16), st.integers(0, 10**6))
def test_time_is_above_zero_and_grows_with_the_weights(bound, threads, weight_bytes):
    configuration = Configuration("Y" if threads > 1 else "", threads, "plain")
    one = least_time(bound, configuration, weight_bytes, CEILINGS)
    more = least_time(bound, configuration, weight_bytes + 1000, CEILINGS)
    assert 0 < one.ns <= more.ns
