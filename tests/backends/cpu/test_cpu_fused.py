"""Products that carry what follows them give what those layers give one after the other."""

from __future__ import annotations

import numpy as np
import pytest
from cpu_harness import assert_exact, available_variants, random_values
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bnnplan.backends.cpu.native import LOOKUPS
from bnnplan.backends.interface import Configuration
from bnnplan.backends.reference import compute
from bnnplan.models.errors import NetworkError
from bnnplan.models.graph import BoundLayer
from bnnplan.models.layers import (
    BinaryConv2d,
    BinaryDense,
    BinaryWeightConv2d,
    BinaryWeightDense,
    MaxPool2d,
    ScaleBias,
    Threshold,
)
from bnnplan.models.tensors import ElementType, TensorType

SIGNS = np.array([-1, 1], np.int8)
ELEMENTS = (ElementType.BIT, ElementType.UINT8, ElementType.INT8, ElementType.INT32)

variants = st.sampled_from(available_variants())
threads = st.integers(1, 4)
axes = st.sampled_from(["", "X", "Y", "Z", "XY", "XZ", "YZ", "XYZ"])
small = st.tuples(st.integers(1, 3), st.integers(1, 3))


@st.composite
def convolutions(draw: st.DrawFn) -> tuple[BoundLayer, np.random.Generator]:
    """Convolutions that carry nothing, of bits and numbers, with groups of all sizes."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    element = draw(st.sampled_from((*ELEMENTS, ElementType.FLOAT32)))
    groups = draw(st.sampled_from([1, 1, 1, 2, 3]))
    channels = draw(st.sampled_from([1, 3, 8, 33, 64, 70]))
    filters = draw(st.sampled_from([1, 5, 32, 33, 64, 65, 96, 130])) * groups
    if draw(st.integers(0, 9)) == 0:
        channels, filters, groups = 1, filters, filters
    kind = BinaryConv2d if element is ElementType.BIT else BinaryWeightConv2d
    layer = kind(
        random.choice(SIGNS, (filters, *draw(small), channels)),
        strides=draw(st.sampled_from([(1, 1), (2, 1), (2, 2)])),
        pads=draw(st.tuples(*[st.integers(0, 2)] * 4)),
        dilations=draw(st.sampled_from([(1, 1), (1, 1), (2, 1), (1, 2)])),
        groups=groups,
    )
    extent = draw(st.integers(3, 11)), draw(st.integers(3, 11))
    return BoundLayer(
        layer, (TensorType((*extent, channels * groups), element),), draw(st.integers(1, 2))
    ), random


def carrying(bound: BoundLayer, **carried: object) -> BoundLayer:
    layer = type(bound.layer)(**{**fields(bound.layer), **carried})
    return BoundLayer(layer, bound.inputs, bound.batch)


def fields(layer) -> dict[str, object]:
    names = ("weight", "strides", "pads", "dilations", "groups")
    return {name: getattr(layer, name) for name in names if hasattr(layer, name)}


def runnable(bound: BoundLayer, configuration: Configuration) -> None:
    layer = bound.layer
    is_depthwise = layer.groups > 1 and layer.weight.shape[3] == 1
    looks_up = configuration.variant in LOOKUPS.values()
    assume(not (looks_up and (is_depthwise or isinstance(layer, BinaryWeightConv2d))))


@settings(max_examples=300, deadline=None)
@given(convolutions(), st.builds(Configuration, axes, threads, variants), small, small, st.data())
def test_pooled_bits_are_those_of_the_pooling(drawn, configuration, kernel, gaps, data):
    bound, random = drawn
    runnable(bound, configuration)
    filters = len(bound.layer.weight)
    is_float = bound.inputs[0].element is ElementType.FLOAT32
    limits = random.integers(-9, 10, filters).astype(np.float32 if is_float else np.int32)
    rule = Threshold(limits, random.random(filters) < 0.5)
    minimum = data.draw(st.sampled_from([None, rule.flip]))
    strides = tuple(size + gap // 3 for size, gap in zip(kernel, gaps, strict=True))
    pool = MaxPool2d(kernel, strides, minimum=minimum)
    fused = carrying(bound, threshold=rule, pool=pool)
    try:
        fused.layer.infer(fused.inputs)
    except NetworkError:
        assume(False)
    values = random_values(random, bound.inputs[0], bound.batch)
    bits = compute(carrying(bound, threshold=rule).layer, [values])
    np.testing.assert_array_equal(compute(fused.layer, [values])[0], compute(pool, bits)[0])
    assert_exact(fused, configuration, [values])


@settings(max_examples=200, deadline=None)
@given(convolutions(), st.builds(Configuration, axes, threads, variants))
def test_scaled_sums_are_those_of_the_scale_and_bias(drawn, configuration):
    bound, random = drawn
    runnable(bound, configuration)
    filters = len(bound.layer.weight)
    rule = ScaleBias(random.normal(size=filters), random.normal(size=filters) * 50)
    fused = carrying(bound, scale_bias=rule)
    try:
        fused.layer.infer(fused.inputs)
    except NetworkError:
        assume(False)
    values = random_values(random, bound.inputs[0], bound.batch)
    [sums] = compute(bound.layer, [values])
    np.testing.assert_array_equal(compute(fused.layer, [values])[0], compute(rule, [sums])[0])
    assert_exact(fused, configuration, [values])


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(ELEMENTS),
    st.sampled_from([1, 10, 64, 130, 3136]),
    st.sampled_from([1, 7, 10, 33, 64, 100]),
    st.sampled_from([1, 2, 3, 65]),
    st.builds(Configuration, axes, threads, variants),
    st.integers(0, 2**32 - 1),
)
def test_dense_layers_give_scaled_floats(element, channels, filters, batch, configuration, seed):
    random = np.random.default_rng(seed)
    is_bit = element is ElementType.BIT
    assume(is_bit or configuration.variant not in LOOKUPS.values())
    kind = BinaryDense if is_bit else BinaryWeightDense
    rule = ScaleBias(random.normal(size=filters), random.normal(size=filters))
    layer = kind(random.choice(SIGNS, (filters, channels)), scale_bias=rule)
    bound = BoundLayer(layer, (TensorType((channels,), element),), batch)
    assert_exact(bound, configuration, [random_values(random, bound.inputs[0], bound.batch)])


@pytest.mark.parametrize("variant", available_variants())
def test_a_single_window_may_have_any_stride(variant):
    random = np.random.default_rng(0)
    rule = Threshold(random.integers(-9, 10, 40, np.int32), random.random(40) < 0.5)
    pool = MaxPool2d((2, 3), (2**24, 2**24))
    layer = BinaryConv2d(random.choice(SIGNS, (40, 3, 3, 20)), threshold=rule, pool=pool)
    bound = BoundLayer(layer, (TensorType((6, 7, 20), ElementType.BIT),), 2)
    values = random_values(random, bound.inputs[0], bound.batch)
    assert_exact(bound, Configuration("", 1, variant), [values])


@pytest.mark.parametrize("variant", available_variants())
@pytest.mark.parametrize("extent", [(56, 33), (9, 300)])
def test_images_larger_than_the_cache_are_pooled_in_parts(variant, extent):
    random = np.random.default_rng(0)
    rule = Threshold(random.integers(-9, 10, 70, np.int32), random.random(70) < 0.5)
    layer = BinaryConv2d(
        random.choice(SIGNS, (70, 3, 3, 20)),
        pads=1,
        threshold=rule,
        pool=MaxPool2d((2, 3), (2, 3), minimum=rule.flip),
    )
    bound = BoundLayer(layer, (TensorType((*extent, 20), ElementType.BIT),))
    for configuration in (Configuration("", 1, variant), Configuration("YZ", 4, variant)):
        assert_exact(bound, configuration, [random_values(random, bound.inputs[0], bound.batch)])


@settings(max_examples=60, deadline=None)
@given(
    st.builds(Configuration, axes, threads, variants),
    st.sampled_from([(41, 37, 1, 70), (60, 7, 1, 300), (33, 20, 2, 96), (25, 90, 1, 64)]),
    st.sampled_from((ElementType.BIT, ElementType.BIT, *ELEMENTS, ElementType.FLOAT32)),
    st.sampled_from([None, MaxPool2d((2, 2), (2, 2)), MaxPool2d((3, 2), (4, 2))]),
    st.integers(1, 2),
    st.integers(0, 2**32 - 1),
)
def test_images_that_are_computed_strip_by_strip(
    configuration, extent, element, pool, stride, seed
):
    height, width, groups, channels = extent
    random = np.random.default_rng(seed)
    filters = 66 * groups
    kind = BinaryConv2d if element is ElementType.BIT else BinaryWeightConv2d
    dtype = np.float32 if element is ElementType.FLOAT32 else np.int32
    limits = random.integers(-9, 10, filters).astype(dtype)
    layer = kind(
        random.choice(SIGNS, (filters, 3, 3, channels)),
        strides=(stride, stride),
        pads=1,
        groups=groups,
        threshold=Threshold(limits, random.random(filters) < 0.5),
        pool=pool,
    )
    bound = BoundLayer(layer, (TensorType((height, width, channels * groups), element),))
    runnable(bound, configuration)
    assert_exact(bound, configuration, [random_values(random, bound.inputs[0], 1)])
