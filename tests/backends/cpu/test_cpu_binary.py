"""Native kernels of bits against the reference: all shapes, axes, threads, instruction sets."""

from __future__ import annotations

import numpy as np
import pytest
from cpu_harness import assert_exact, available_isas, available_variants, random_values
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bnnplan.backends.cpu.binary import product_variants
from bnnplan.backends.cpu.native import LOOKUPS
from bnnplan.backends.interface import Configuration
from bnnplan.models.errors import NetworkError, UnsupportedError
from bnnplan.models.graph import BoundLayer
from bnnplan.models.layers import (
    BinaryConv2d,
    BinaryDense,
    BinaryWeightConv2d,
    BinaryWeightDense,
    Flatten,
    MaxPool2d,
    Reshape,
    Sign,
    Threshold,
)
from bnnplan.models.tensors import ElementType, TensorType

MOST_TAPS = 65_534
"""Of a filter whose products are looked up."""
SIGNS = np.array([-1, 1], np.int8)
EXTREMES = np.array([-(2**31), 2**31 - 1, 0], np.int64)

seeds = st.integers(0, 2**32 - 1)
channel_counts = st.one_of(st.integers(1, 9), st.sampled_from([31, 32, 33, 63, 64, 65, 96, 130]))
configurations = st.builds(
    Configuration,
    st.sampled_from(["", "X", "Y", "Z", "XY", "XZ", "YZ", "XYZ"]),
    st.integers(1, 4),
    st.sampled_from(available_isas()),
)
product_configurations = st.builds(
    Configuration,
    st.sampled_from(["", "X", "Y", "Z", "XY", "XZ", "YZ", "XYZ"]),
    st.integers(1, 4),
    st.sampled_from(available_variants()),
)
pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))


def thresholds(
    random: np.random.Generator, channels: int, reach: int, is_float: bool = False
) -> Threshold:
    """Thresholds about the range of the sums, some of them extreme."""
    limits = random.integers(-reach - 2, reach + 3, channels)
    limits = np.where(random.random(channels) < 0.1, random.choice(EXTREMES, channels), limits)
    if is_float:
        limits = np.where(random.random(channels) < 0.1, np.inf, limits / 7)
    return Threshold(
        limits.astype(np.float32 if is_float else np.int32), random.random(channels) < 0.5
    )


@st.composite
def windows(draw: st.DrawFn) -> tuple[tuple[int, int, int], dict]:
    """An input shape and a geometry that fits it."""
    kernel = draw(pairs)
    settings = {
        "strides": draw(pairs),
        "pads": draw(st.tuples(*[st.integers(0, 3)] * 4)),
        "dilations": draw(pairs),
        "groups": draw(st.sampled_from([1, 1, 1, 2, 3])),
    }
    height = draw(st.integers(1, 9))
    width = draw(st.integers(1, 9))
    return (*kernel, height, width), settings


def sums_reach(weight: np.ndarray) -> int:
    return int(np.prod(weight.shape[1:]))


@settings(max_examples=300, deadline=None)
@given(
    *(windows(), channel_counts, channel_counts, st.integers(1, 3)),
    *(product_configurations, seeds, st.data()),
)
def test_binary_convolutions_are_exact(window, channels, filters, batch, configuration, seed, data):
    (kh, kw, height, width), geometry = window
    groups = geometry["groups"]
    random = np.random.default_rng(seed)
    weight = random.choice(SIGNS, (filters * groups, kh, kw, channels))
    to_bits = data.draw(st.booleans())
    layer = BinaryConv2d(
        weight,
        **geometry,
        pad_value=data.draw(st.sampled_from([0, 1, -1])),
        threshold=thresholds(random, filters * groups, sums_reach(weight)) if to_bits else None,
    )
    source = TensorType((height, width, channels * groups), ElementType.BIT)
    try:
        layer.infer((source,))
    except NetworkError:
        return
    bound = BoundLayer(layer, (source,), batch)
    values = [random_values(random, source, batch)]
    cannot_look_up = 1 < groups == channels * groups == filters * groups
    if configuration.variant in LOOKUPS.values() and cannot_look_up:
        with pytest.raises(UnsupportedError, match="by look-up is wanted"):
            assert_exact(bound, configuration, values)
        return
    assert_exact(bound, configuration, values)


@settings(max_examples=150, deadline=None)
@given(
    windows(),
    st.sampled_from([2, 3, 4, 6, 16]),
    st.sampled_from([1, 4, 5, 8, 24]),
    st.sampled_from([1, 3, 4, 8, 16, 32, 40]),
    st.booleans(),
    product_configurations,
    seeds,
)
def test_groups_that_share_a_block_are_exact(
    window, groups, channels, filters, to_bits, configuration, seed
):
    """Groups of whole nibbles are looked up together; others, to bits, are shifted into place."""
    (kh, kw, height, width), geometry = window
    random = np.random.default_rng(seed)
    assume(channels > 1 or filters > 1)  # no depthwise convolution, which is not looked up
    weight = random.choice(SIGNS, (filters * groups, kh, kw, channels))
    reach = sums_reach(weight)
    layer = BinaryConv2d(
        weight,
        **{**geometry, "groups": groups},
        threshold=thresholds(random, filters * groups, reach) if to_bits else None,
    )
    source = TensorType((height, width, channels * groups), ElementType.BIT)
    try:
        layer.infer((source,))
    except NetworkError:
        assume(False)
    assert_exact(BoundLayer(layer, (source,)), configuration, [random_values(random, source, 1)])


@settings(max_examples=200, deadline=None)
@given(
    windows(),
    channel_counts,
    st.integers(1, 3),
    st.sampled_from([0, 1, -1]),
    st.booleans(),
    configurations,
    seeds,
)
def test_depthwise_convolutions_are_exact(
    window, channels, batch, pad_value, to_bits, configuration, seed
):
    (kh, kw, height, width), geometry = window
    random = np.random.default_rng(seed)
    layer = BinaryConv2d(
        random.choice(SIGNS, (channels, kh, kw, 1)),
        **{**geometry, "groups": channels},
        pad_value=pad_value,
        threshold=thresholds(random, channels, kh * kw) if to_bits else None,
    )
    source = TensorType((height, width, channels), ElementType.BIT)
    try:
        layer.infer((source,))
    except NetworkError:
        return
    bound = BoundLayer(layer, (source,), batch)
    assert_exact(bound, configuration, [random_values(random, source, batch)])


@settings(max_examples=80, deadline=None)
@given(
    st.one_of(channel_counts, st.sampled_from([2048, MOST_TAPS])),
    channel_counts,
    st.one_of(st.integers(1, 9), st.sampled_from([63, 64, 65, 130])),
    st.booleans(),
    product_configurations,
    seeds,
)
def test_binary_dense_layers_are_exact(channels, filters, batch, to_bits, configuration, seed):
    random = np.random.default_rng(seed)
    weight = random.choice(SIGNS, (filters, channels))
    threshold = thresholds(random, filters, sums_reach(weight)) if to_bits else None
    source = TensorType((channels,), ElementType.BIT)
    bound = BoundLayer(BinaryDense(weight, threshold=threshold), (source,), batch)
    assert_exact(bound, configuration, [random_values(random, source, batch)])


@pytest.mark.parametrize("variant", available_variants())
@pytest.mark.parametrize("to_bits", [False, True])
@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("copies", [1, 10])
def test_counts_as_large_as_they_can_be_are_exact(variant, to_bits, batch, copies):
    channels = MOST_TAPS
    source = TensorType((channels,), ElementType.BIT)
    weight = np.ones((7, channels), np.int8)
    weight[4:] = -1
    limits = np.array([-channels, -channels + 1, 0, -(2**31), channels, 2**31 - 1, -channels])
    weight, limits = np.tile(weight, (copies, 1)), np.tile(limits, copies)
    flips = np.arange(7 * copies) % 7 == 6
    rule = Threshold(limits.astype(np.int32), flips) if to_bits else None
    values = np.stack([-np.ones(channels), np.ones(channels)]).astype(np.int8)
    assert_exact(
        BoundLayer(BinaryDense(weight, threshold=rule), (source,), batch),
        Configuration("", 1, variant),
        [values[:batch]],
    )


@pytest.mark.parametrize("isa", LOOKUPS)
def test_larger_counts_are_not_looked_up(isa):
    source = TensorType((MOST_TAPS + 1,), ElementType.BIT)
    bound = BoundLayer(BinaryDense(np.ones((1, MOST_TAPS + 1), np.int8)), (source,), 2)
    assert product_variants(bound, isa) == [isa]


@pytest.mark.parametrize("isa", available_isas())
def test_more_than_65535_mismatches_are_counted(isa):
    channels = 70_001
    source = TensorType((channels,), ElementType.BIT)
    weight = np.concatenate([np.ones((1, channels)), -np.ones((1, channels))]).astype(np.int8)
    bound = BoundLayer(BinaryDense(weight), (source,))
    assert_exact(bound, Configuration("", 1, isa), [-np.ones((1, channels), np.int8)])


numbers = st.sampled_from(
    [ElementType.UINT8, ElementType.INT8, ElementType.INT32, ElementType.FLOAT32]
)


@settings(max_examples=300, deadline=None)
@given(
    windows(),
    st.integers(1, 6),
    channel_counts,
    st.integers(1, 2),
    numbers,
    st.booleans(),
    configurations,
    seeds,
)
def test_first_convolutions_are_exact(
    window, channels, filters, batch, element, to_bits, configuration, seed
):
    (kh, kw, height, width), geometry = window
    groups = geometry["groups"]
    random = np.random.default_rng(seed)
    weight = random.choice(SIGNS, (filters * groups, kh, kw, channels))
    is_float = element is ElementType.FLOAT32
    reach = sums_reach(weight) * (10 if is_float else 100)
    threshold = thresholds(random, filters * groups, reach, is_float) if to_bits else None
    layer = BinaryWeightConv2d(weight, **geometry, threshold=threshold)
    source = TensorType((height, width, channels * groups), element)
    try:
        layer.infer((source,))
    except NetworkError:
        return
    bound = BoundLayer(layer, (source,), batch)
    assert_exact(bound, configuration, [random_values(random, source, batch)])


@settings(max_examples=200, deadline=None)
@given(
    st.integers(1, 800),
    channel_counts,
    st.integers(1, 9),
    numbers,
    st.booleans(),
    configurations,
    seeds,
)
def test_first_dense_layers_are_exact(
    channels, filters, batch, element, to_bits, configuration, seed
):
    random = np.random.default_rng(seed)
    weight = random.choice(SIGNS, (filters, channels))
    is_float = element is ElementType.FLOAT32
    threshold = thresholds(random, filters, 100, is_float) if to_bits else None
    source = TensorType((channels,), element)
    bound = BoundLayer(BinaryWeightDense(weight, threshold=threshold), (source,), batch)
    assert_exact(bound, configuration, [random_values(random, source, batch)])


shapes = st.one_of(
    st.tuples(channel_counts),
    st.tuples(st.integers(1, 5), st.integers(1, 5), channel_counts),
)
awkward = np.array([0.0, -0.0, np.nan, np.inf, -np.inf, 1e-45, -1e-45], np.float32)


def awkward_values(random: np.random.Generator, type: TensorType, batch: int) -> np.ndarray:
    """Values among which ties, extremes and NaN are frequent."""
    values = random_values(random, type, batch)
    if type.element is ElementType.FLOAT32:
        return np.where(
            random.random(values.shape) < 0.5, random.choice(awkward, values.shape), values
        )
    info = np.iinfo(values.dtype)
    special = random.choice(np.array([0, 1, info.min, info.max], values.dtype), values.shape)
    return np.where(random.random(values.shape) < 0.5, special, values)


@settings(max_examples=200, deadline=None)
@given(shapes, numbers, st.integers(1, 3), configurations, seeds)
def test_thresholds_are_exact(shape, element, batch, configuration, seed):
    random = np.random.default_rng(seed)
    layer = thresholds(random, shape[-1], 3, element is ElementType.FLOAT32)
    source = TensorType(shape, element)
    bound = BoundLayer(layer, (source,), batch)
    assert_exact(bound, configuration, [awkward_values(random, source, batch)])


@settings(max_examples=200, deadline=None)
@given(shapes, numbers, st.sampled_from([1, -1]), st.integers(1, 3), configurations, seeds)
def test_signs_are_exact(shape, element, zero, batch, configuration, seed):
    random = np.random.default_rng(seed)
    source = TensorType(shape, element)
    bound = BoundLayer(Sign(zero), (source,), batch)
    assert_exact(bound, configuration, [awkward_values(random, source, batch)])


@settings(max_examples=200, deadline=None)
@given(
    st.tuples(st.integers(1, 9), st.integers(1, 9), channel_counts),
    pairs,
    pairs,
    st.tuples(*[st.integers(0, 2)] * 4),
    st.booleans(),
    st.integers(1, 3),
    configurations,
    seeds,
)
def test_pooled_bits_are_exact(
    shape, kernel, strides, pads, some_minimum, batch, configuration, seed
):
    random = np.random.default_rng(seed)
    pads = tuple(min(pad, kernel[axis % 2] - 1) for axis, pad in enumerate(pads))
    minimum = random.random(shape[-1]) < 0.5 if some_minimum else None
    layer = MaxPool2d(kernel, strides, pads, minimum)
    source = TensorType(shape, ElementType.BIT)
    try:
        layer.infer((source,))
    except NetworkError:
        return
    bound = BoundLayer(layer, (source,), batch)
    assert_exact(bound, configuration, [random_values(random, source, batch)])


@settings(max_examples=200, deadline=None)
@given(
    st.tuples(st.integers(1, 6), st.integers(1, 6), channel_counts),
    st.sampled_from([ElementType.BIT, ElementType.INT8, ElementType.FLOAT32]),
    st.booleans(),
    st.integers(1, 3),
    configurations,
    seeds,
)
def test_reshaped_tensors_are_exact(shape, element, flat, batch, configuration, seed):
    random = np.random.default_rng(seed)
    height, width, channels = shape
    layer = Flatten() if flat else Reshape((1, channels, height * width))
    source = TensorType(shape, element)
    bound = BoundLayer(layer, (source,), batch)
    assert_exact(bound, configuration, [random_values(random, source, batch)])
