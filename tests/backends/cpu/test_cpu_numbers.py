"""Native kernels of numbers against the reference: all shapes, axes, threads, instruction sets."""

from __future__ import annotations

import numpy as np
import pytest
from cpu_harness import assert_exact, available_isas, random_values, run_native
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from bnnplan.backends.cpu.native import create, execution, ffi, lib, pointer
from bnnplan.backends.interface import Configuration
from bnnplan.backends.reference import compute
from bnnplan.models.errors import InputError, NetworkError
from bnnplan.models.graph import BoundLayer
from bnnplan.models.layers import (
    Add,
    AveragePool2d,
    BatchNorm,
    Clip,
    Concat,
    FloatConv2d,
    FloatDense,
    Layer,
    MaxPool2d,
    MultiThreshold,
    PRelu,
    Quantize,
    Rounding,
    ScaleBias,
    Softmax,
    Split,
    Transpose,
)
from bnnplan.models.tensors import ElementType, TensorType

BIT, FLOAT = ElementType.BIT, ElementType.FLOAT32
AWKWARD = np.array([0.0, -0.0, np.nan, np.inf, -np.inf, 1e-45, -1e-45, 0.5, 1.5], np.float32)

seeds = st.integers(0, 2**32 - 1)
batches = st.integers(1, 3)
channel_counts = st.one_of(st.integers(1, 9), st.sampled_from([16, 31, 63, 64, 65, 96, 130]))
configurations = st.builds(
    Configuration,
    st.sampled_from(["", "X", "Y", "Z", "XY", "XZ", "YZ", "XYZ"]),
    st.integers(1, 3),
    st.sampled_from(available_isas()),
)
pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))
images = st.tuples(st.integers(1, 9), st.integers(1, 9), channel_counts)
shapes = st.one_of(st.tuples(channel_counts), images)
numbers = st.sampled_from([kind for kind in ElementType if kind is not BIT])
elements = st.sampled_from(list(ElementType))


def values_of(random: np.random.Generator, type: TensorType, batch: int) -> np.ndarray:
    """Values among which ties, extremes and NaN are frequent."""
    values = random_values(random, type, batch)
    if type.element is BIT:
        return values
    if type.element is FLOAT:
        special = random.choice(AWKWARD, values.shape)
    else:
        info = np.iinfo(values.dtype)
        special = random.choice(np.array([0, 1, info.min, info.max], values.dtype), values.shape)
    return np.where(random.random(values.shape) < 0.3, special, values)


def per_channel(random: np.random.Generator, channels: int) -> np.ndarray:
    return random.standard_normal(channels).astype(np.float32)


def check(
    layer: Layer,
    sources: list[TensorType],
    batch: int,
    configuration: Configuration,
    random: np.random.Generator,
) -> None:
    """Compare on awkward values; layers that cannot be are left out."""
    try:
        layer.infer(tuple(sources))
    except NetworkError:
        assume(False)
    bound = BoundLayer(layer, tuple(sources), batch)
    with np.errstate(all="ignore"):
        assert_exact(bound, configuration, [values_of(random, t, batch) for t in sources])


@settings(max_examples=200, deadline=None)
@given(shapes, elements, st.booleans(), batches, configurations, seeds)
def test_scale_and_bias(shape, element, normalise, batch, configuration, seed):
    random = np.random.default_rng(seed)
    first, second, third = (per_channel(random, shape[-1]) for _ in range(3))
    layer = ScaleBias(first, second)
    if normalise:
        layer = BatchNorm(first, second, third, np.abs(per_channel(random, shape[-1])))
    check(layer, [TensorType(shape, element)], batch, configuration, random)


@settings(max_examples=200, deadline=None)
@given(
    shapes,
    st.sampled_from(["prelu", "clip", "relu", *Rounding]),
    batches,
    configurations,
    seeds,
)
def test_float_elementwise_layers(shape, kind, batch, configuration, seed):
    random = np.random.default_rng(seed)
    slope = per_channel(random, shape[-1])
    fixed = {"prelu": PRelu(slope), "clip": Clip(-0.75, 0.5), "relu": Clip()}
    layer = fixed.get(kind)
    if layer is None:
        scale = np.exp2(random.integers(-3, 2, shape[-1])).astype(np.float32)
        zero = random.integers(-2, 3, shape[-1]).astype(np.float32)
        low, high = [(-8.0, 7.0), (-np.inf, np.inf)][int(random.integers(2))]
        layer = Quantize(scale, zero, low, high, Rounding(kind))
    check(layer, [TensorType(shape, FLOAT)], batch, configuration, random)


@settings(max_examples=200, deadline=None)
@given(shapes, numbers, st.integers(1, 7), batches, configurations, seeds)
def test_multiple_thresholds(shape, element, steps, batch, configuration, seed):
    random = np.random.default_rng(seed)
    spread = 1 if element is FLOAT else 100
    steps_of_channels = np.sort(spread * random.standard_normal((shape[-1], steps)), axis=1)
    layer = MultiThreshold(steps_of_channels, 0.3, -0.7)
    check(layer, [TensorType(shape, element)], batch, configuration, random)


@settings(max_examples=200, deadline=None)
@given(shapes, st.booleans(), batches, configurations, seeds)
def test_softmax_is_within_its_tolerance(shape, log, batch, configuration, seed):
    random = np.random.default_rng(seed)
    source = TensorType(shape, FLOAT)
    values = 20 * random_values(random, source, batch)
    bound = BoundLayer(Softmax(log), (source,), batch)
    (result,) = run_native(bound, configuration, [values])
    np.testing.assert_allclose(result, compute(bound.layer, [values])[0], rtol=1e-5, atol=1e-5)


@settings(max_examples=200, deadline=None)
@given(shapes, st.sampled_from([ElementType.INT32, FLOAT]), batches, configurations, seeds)
def test_sums_of_two_tensors(shape, element, batch, configuration, seed):
    random = np.random.default_rng(seed)
    check(Add(), [TensorType(shape, element)] * 2, batch, configuration, random)


@settings(max_examples=300, deadline=None)
@given(
    images,
    numbers,
    pairs,
    pairs,
    st.tuples(*[st.integers(0, 2)] * 4),
    st.sampled_from(["max", "some minimum", "average", "average with pads"]),
    batches,
    configurations,
    seeds,
)
def test_pooling(shape, element, kernel, strides, pads, kind, batch, configuration, seed):
    random = np.random.default_rng(seed)
    pads = tuple(min(pad, kernel[axis % 2] - 1) for axis, pad in enumerate(pads))
    if kind.startswith("average"):
        layer = AveragePool2d(kernel, strides, pads, kind.endswith("pads"))
    else:
        minimum = random.random(shape[-1]) < 0.5 if kind == "some minimum" else None
        layer = MaxPool2d(kernel, strides, pads, minimum)
    check(layer, [TensorType(shape, element)], batch, configuration, random)


@settings(max_examples=200, deadline=None)
@given(
    st.tuples(st.integers(1, 4), st.integers(1, 4)),
    st.lists(channel_counts, min_size=2, max_size=4),
    elements,
    st.booleans(),
    batches,
    configurations,
    seeds,
)
def test_joining_and_cutting(extent, sizes, element, cut, batch, configuration, seed):
    random = np.random.default_rng(seed)
    if cut:
        layer, sources = Split(sizes), [TensorType((*extent, sum(sizes)), element)]
    else:
        layer, sources = Concat(), [TensorType((*extent, size), element) for size in sizes]
    check(layer, sources, batch, configuration, random)


@settings(max_examples=200, deadline=None)
@example((2, 3, 1), BIT, [0, 2, 1], 1, Configuration(), 0)
@given(images, elements, st.permutations([0, 1, 2]), batches, configurations, seeds)
def test_transposing(shape, element, axes, batch, configuration, seed):
    random = np.random.default_rng(seed)
    check(Transpose(axes), [TensorType(shape, element)], batch, configuration, random)


@settings(max_examples=400, deadline=None)
@given(
    st.tuples(st.integers(1, 9), st.integers(1, 20)),
    st.one_of(pairs, st.just((1, 1))),
    st.fixed_dictionaries(
        {
            "strides": pairs,
            "pads": st.tuples(*[st.integers(0, 4)] * 4),
            "dilations": pairs,
            "groups": st.sampled_from([1, 1, 2, 3, 20]),
        }
    ),
    st.integers(1, 5),
    st.one_of(channel_counts, st.just(1)),
    st.booleans(),
    batches,
    configurations,
    seeds,
)
def test_float_convolutions(
    extent, kernel, geometry, channels, filters, biased, batch, configuration, seed
):
    random = np.random.default_rng(seed)
    groups = geometry["groups"]
    weight = random.standard_normal((filters * groups, *kernel, channels))
    bias = per_channel(random, filters * groups) if biased else None
    layer = FloatConv2d(weight, bias, **geometry)
    source = TensorType((*extent, channels * groups), FLOAT)
    try:
        layer.infer((source,))
    except NetworkError:
        assume(False)
    bound = BoundLayer(layer, (source,), batch)
    assert_exact(bound, configuration, [random_values(random, source, batch)])


@settings(max_examples=50, deadline=None)
@given(
    st.tuples(st.integers(1, 9), st.integers(1, 40)),
    st.sampled_from([1, 300]),
    st.integers(1, 70),
    st.booleans(),
    configurations,
    seeds,
)
def test_float_convolutions_in_strips(extent, channels, filters, depthwise, configuration, seed):
    """Windows of 1×1 go strip by strip; depthwise ones, tile by tile."""
    random = np.random.default_rng(seed)
    groups = channels if depthwise else 1
    weight = random.standard_normal((channels if depthwise else filters, 1, 1, channels // groups))
    bound = BoundLayer(
        FloatConv2d(weight, groups=groups), (TensorType((*extent, channels), FLOAT),)
    )
    assert_exact(bound, configuration, [random_values(random, bound.inputs[0], 1)])


@settings(max_examples=200, deadline=None)
@given(
    st.integers(1, 200),
    channel_counts,
    st.integers(1, 9),
    st.booleans(),
    configurations,
    seeds,
)
def test_float_dense_layers(inputs, outputs, batch, biased, configuration, seed):
    random = np.random.default_rng(seed)
    weight = random.standard_normal((outputs, inputs))
    layer = FloatDense(weight, per_channel(random, outputs) if biased else None)
    source = TensorType((inputs,), FLOAT)
    bound = BoundLayer(layer, (source,), batch)
    assert_exact(bound, configuration, [random_values(random, source, batch)])


@pytest.mark.parametrize("isa", available_isas())
def test_taps_outside_the_input_are_skipped_not_multiplied(isa):
    """An infinite weight times a zero of padding would be NaN."""
    weight = np.full((65, 3, 3, 2), np.inf, np.float32)
    source = TensorType((5, 7, 2), FLOAT)
    bound = BoundLayer(FloatConv2d(weight, pads=(1, 1, 1, 1)), (source,))
    (result,) = run_native(bound, Configuration("", 1, isa), [np.ones((1, 5, 7, 2), np.float32)])
    assert np.isposinf(result).all()


ONES = np.ones(4, np.float32)
BAD_CALLS = {
    "no images": lambda how: (lib.bnn_prelu_create, _tensor(batch=0), pointer(ONES), how),
    "too large": lambda how: (
        lib.bnn_prelu_create,
        _tensor(pixels=2**31 - 1),
        pointer(ONES),
        how,
    ),
    "no tensor": lambda how: (lib.bnn_clip_create, ffi.NULL, 0.0, 1.0, how),
    "no slope": lambda how: (lib.bnn_prelu_create, _tensor(), ffi.NULL, how),
    "no execution": lambda how: (lib.bnn_prelu_create, _tensor(), pointer(ONES), ffi.NULL),
    "no such element": lambda how: (lib.bnn_add_create, _tensor(), 9, how),
    "bits cannot be added": lambda how: (lib.bnn_add_create, _tensor(), lib.BNN_BIT, how),
    "low above high": lambda how: (lib.bnn_clip_create, _tensor(), 2.0, 1.0, how),
    "NaN as a bound": lambda how: (lib.bnn_clip_create, _tensor(), float("nan"), 1.0, how),
    "no such rounding": lambda how: (
        lib.bnn_quantize_create,
        _tensor(),
        pointer(ONES),
        pointer(ONES),
        0.0,
        1.0,
        9,
        how,
    ),
    "parts that do not fit": lambda how: (
        lib.bnn_concat_create,
        _tensor(),
        lib.BNN_BIT,
        pointer(np.array([1, 2], np.int64)),
        2,
        how,
    ),
    "an axis twice": lambda how: (
        lib.bnn_transpose_create,
        ffi.new("bnn_transpose_spec *", (1, (1, 1, 1), (0, 0, 2))),
        lib.BNN_INT8,
        how,
    ),
    "pads as large as the kernel": lambda how: (
        lib.bnn_number_max_pool_create,
        _window(pads=(3, 0, 0, 0)),
        lib.BNN_INT8,
        ffi.NULL,
        how,
    ),
    "a kernel larger than the input": lambda how: (
        lib.bnn_average_pool_create,
        _window(kernel=(5, 3)),
        lib.BNN_FLOAT32,
        0,
        how,
    ),
    "no stride": lambda how: (
        lib.bnn_average_pool_create,
        _window(strides=(0, 1)),
        lib.BNN_FLOAT32,
        0,
        how,
    ),
    "groups that do not divide": lambda how: (
        lib.bnn_float_conv_create,
        _window(),
        4,
        3,
        pointer(ONES),
        ffi.NULL,
        how,
    ),
    "no weight": lambda how: (
        lib.bnn_float_dense_create,
        ffi.new("bnn_float_dense_spec *", (1, 4, 4)),
        ffi.NULL,
        ffi.NULL,
        how,
    ),
}


def _tensor(**changes):
    return ffi.new("bnn_tensor_spec *", {"batch": 1, "pixels": 2, "channels": 4} | changes)


def _window(**changes):
    sizes = {"batch": 1, "height": 4, "width": 4, "channels": 4, "kernel": (3, 3)}
    steps = {"strides": (1, 1), "dilations": (1, 1), "pads": (0, 0, 0, 0)}
    return ffi.new("bnn_window_spec *", sizes | steps | changes)


@pytest.mark.parametrize("name", BAD_CALLS)
def test_bad_arguments_are_refused_with_one_line(name):
    with pytest.raises(InputError) as caught:
        create(*BAD_CALLS[name](execution(Configuration())))
    assert len(str(caught.value).splitlines()) == 1
