"""The reference semantics against facts computed by hand, plain loops, and onnxruntime."""

import itertools

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from bnnplan.backends.conformance.kinds import KINDS
from bnnplan.backends.conformance.strategies import cases
from bnnplan.backends.interface import Configuration
from bnnplan.backends.reference import ReferenceBackend, compute, evaluate
from bnnplan.backends.reference.compute import COMPUTE
from bnnplan.models.errors import InputError, UnsupportedError
from bnnplan.models.graph import BoundLayer, Network, Node
from bnnplan.models.layers import (
    LAYER_KINDS,
    Add,
    AveragePool2d,
    BatchNorm,
    BinaryConv2d,
    BinaryDense,
    BinaryWeightConv2d,
    BinaryWeightDense,
    Clip,
    Concat,
    Flatten,
    FloatConv2d,
    FloatDense,
    MaxPool2d,
    MultiThreshold,
    PRelu,
    Quantize,
    Reshape,
    Rounding,
    ScaleBias,
    Sign,
    Softmax,
    Split,
    Threshold,
    Transpose,
)
from bnnplan.models.tensors import ElementType, TensorType

NAN, INF = float("nan"), float("inf")
INT_MIN, INT_MAX = -(2**31), 2**31 - 1


def f32(*values):
    return np.array([values], np.float32)


def one(layer, *inputs):
    [output] = compute(layer, inputs)
    return output


def test_every_kind_of_layer_has_semantics_and_strategies():
    assert set(COMPUTE) == set(LAYER_KINDS) == set(KINDS)


@given(cases())
@settings(deadline=None)
def test_results_have_the_inferred_types(case):
    outputs = compute(case.bound.layer, case.inputs)
    for array, type in zip(outputs, case.bound.outputs, strict=True):
        bit = type.element is ElementType.BIT
        assert array.shape == (case.bound.batch, *type.shape)
        assert array.dtype == (np.int8 if bit else type.element.dtype)
        assert not bit or set(np.unique(array)) <= {-1, 1}


def loops(layer, x, pad_value):
    """A convolution of integers in plain loops over every index."""
    filters, kh, kw, per_group = layer.weight.shape
    batch, height, width, _ = x.shape
    per_filter = filters // layer.groups
    top, left, bottom, right = layer.pads
    rows = (height + top + bottom - layer.dilations[0] * (kh - 1) - 1) // layer.strides[0] + 1
    columns = (width + left + right - layer.dilations[1] * (kw - 1) - 1) // layer.strides[1] + 1
    out = np.zeros((batch, rows, columns, filters), np.int64)
    for n, r, c, f in np.ndindex(out.shape):
        for i, j, k in itertools.product(range(kh), range(kw), range(per_group)):
            y = r * layer.strides[0] + i * layer.dilations[0] - top
            z = c * layer.strides[1] + j * layer.dilations[1] - left
            channel = f // per_filter * per_group + k
            inside = 0 <= y < height and 0 <= z < width
            value = int(x[n, y, z, channel]) if inside else pad_value
            out[n, r, c, f] += value * int(layer.weight[f, i, j, k])
    return out


def pooled(pool, signs):
    (kh, kw), (sh, sw) = pool.kernel, pool.strides
    batch, height, width, filters = signs.shape
    out = np.zeros((batch, (height - kh) // sh + 1, (width - kw) // sw + 1, filters), np.int8)
    for n, r, c, f in np.ndindex(out.shape):
        window = signs[n, r * sh : r * sh + kh, c * sw : c * sw + kw, f]
        takes_least = pool.minimum is not None and pool.minimum[f]
        out[n, r, c, f] = window.min() if takes_least else window.max()
    return out


@given(cases(["BinaryConv2d", "BinaryWeightConv2d"]))
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.filter_too_much])
def test_integer_convolutions_equal_plain_loops(case):
    layer, [x] = case.bound.layer, case.inputs
    macs = layer.macs(case.bound.inputs) * case.bound.batch
    assume(x.dtype != np.float32 and macs <= 20_000)
    expected = loops(layer, x, getattr(layer, "pad_value", 0))
    if layer.scale_bias is not None:
        scale, bias = layer.scale_bias.scale, layer.scale_bias.bias
        expected = expected.astype(np.float32) * scale + bias
    if layer.threshold is not None:
        t, flip = layer.threshold.threshold.astype(np.int64), layer.threshold.flip
        negative = np.where(flip, expected > t, expected < t)
        expected = np.where(negative, -1, 1)
    if layer.pool is not None:
        expected = pooled(layer.pool, expected)
    assert np.array_equal(one(layer, x), expected)


def test_zero_pads_contribute_nothing_and_one_pads_one():
    weight = np.ones((1, 3, 3, 1), np.int8)
    x = np.full((1, 1, 1, 1), -1, np.int8)
    for pad_value, expected in ((0, -1), (1, 7), (-1, -9)):
        layer = BinaryConv2d(weight=weight, pads=(1, 1, 1, 1), pad_value=pad_value)
        assert one(layer, x).item() == expected


def test_binary_dense_agrees_with_xor_and_popcount():
    a, w = 0b1011001, 0b0011010
    bits = [np.array([1 - 2 * (v >> i & 1) for i in range(7)], np.int8) for v in (a, w)]
    assert one(BinaryDense(bits[1][None]), bits[0][None]).item() == 7 - 2 * (a ^ w).bit_count()


@pytest.mark.parametrize(
    ("dtype", "x", "expected"),
    [(np.uint8, [255, 0, 7], 248), (np.int8, [-128, 5, 127], -250), (np.int32, [9, -4, 2], 3)],
)
def test_dense_sums_of_integers(dtype, x, expected):
    layer = BinaryWeightDense([[1, 1, -1]])
    out = one(layer, np.array([x], dtype))
    assert (out.dtype, out.item()) == (np.int32, expected)


def test_the_order_of_float_sums_is_row_column_channel():
    # 1e8 swallows a 1 that is added to it, so the place of the 1 shows.
    x = np.array([[[[1e8, 1.0], [-1e8, 1.0]]]], np.float32)
    layer = FloatConv2d(weight=np.ones((1, 1, 2, 2), np.float32))
    assert one(layer, x).item() == 1.0
    assert one(FloatDense(np.ones((1, 4))), f32(1e8, 1, -1e8, 1)).item() == 1.0
    assert one(FloatDense(np.ones((1, 4))), f32(1e8, -1e8, 1, 1)).item() == 2.0
    # The bias comes first.
    assert one(FloatDense(np.ones((1, 2)), [1.0]), f32(1e8, -1e8)).item() == 0.0
    weights = BinaryWeightConv2d(weight=np.ones((1, 1, 2, 2), np.int8))
    assert one(weights, x).item() == 1.0


def test_threshold_directions_ties_and_ends():
    x = np.array([[5, 5, 5, 5, 5, 5]], np.int32)
    layer = Threshold([5, 5, 6, 4, INT_MIN, INT_MAX], [False, True, False, True, False, True])
    assert one(layer, x).tolist() == [[1, 1, -1, -1, 1, 1]]
    ends = np.array([[INT_MIN, INT_MAX]], np.int32)
    assert one(Threshold([INT_MIN, INT_MAX], [False, True]), ends).tolist() == [[1, 1]]
    assert one(Threshold([INT_MAX, INT_MIN], [False, True]), ends).tolist() == [[-1, -1]]


def test_threshold_of_floats():
    layer = Threshold(np.array([0.0, 0.0, -INF, INF], np.float32), [False, True, False, False])
    assert one(layer, f32(-0.0, -0.0, -INF, INF)).tolist() == [[1, 1, 1, 1]]
    assert one(layer, f32(NAN, NAN, NAN, NAN)).tolist() == [[1, 1, 1, 1]]
    assert one(layer, f32(-1, 1, -1e9, 1e9)).tolist() == [[-1, -1, 1, -1]]


def test_sign_of_zero_and_nan():
    x = f32(0.0, -0.0, NAN, -1e-30, 2.0)
    assert one(Sign(), x).tolist() == [[1, 1, 1, -1, 1]]
    assert one(Sign(-1), x).tolist() == [[-1, -1, 1, -1, 1]]


def test_batch_norm_and_scale_bias_round_every_step():
    layer = BatchNorm([2.0], [1.0], [3.0], [4.0], 0.0)
    assert one(layer, f32(5.0)).item() == 3.0
    third = np.float32(1) / np.float32(3)
    layer = ScaleBias([third], [-1.0])
    fused = float(third) * 3.0 - 1.0
    assert one(layer, f32(3.0)).item() == 0.0 != np.float32(fused)
    assert one(ScaleBias([2.0], [1.0]), np.array([[-1]], np.int8)).item() == -1.0
    assert one(ScaleBias([1.0], [0.0]), np.array([[2**24 + 1]], np.int32)).item() == 2**24


def test_activations():
    assert one(PRelu([0.5, 0.5, 3.0]), f32(-2, 4, -1)).tolist() == [[-1, 4, -3]]
    assert one(Clip(-1, 1), f32(-2, 0.5, 7)).tolist() == [[-1, 0.5, 1]]
    assert one(Clip(), f32(-2, 0, 7)).tolist() == [[0, 0, 7]]


@pytest.mark.parametrize(
    ("rounding", "expected"),
    [
        (Rounding.NEAREST_EVEN, [-1.0, 0.0, 1.0, 1.5]),
        (Rounding.FLOOR, [-1.5, 0.0, 0.5, 1.5]),
        (Rounding.CEIL, [-1.0, 0.5, 1.0, 1.5]),
        (Rounding.TO_ZERO, [-1.0, 0.0, 0.5, 1.5]),
    ],
)
def test_quantize(rounding, expected):
    layer = Quantize([0.5] * 4, [0.0] * 4, -8, 3, rounding)
    assert one(layer, f32(-1.25, 0.25, 0.75, 100)).tolist() == [expected]


def test_quantize_with_a_zero_point():
    layer = Quantize([0.5], [2.0], 0, 3)
    for x, expected in ((-2.0, -1.0), (0.0, 0.0), (9.0, 0.5)):
        assert one(layer, f32(x)).item() == expected


def test_multi_threshold_counts_what_is_reached():
    layer = MultiThreshold([[-1.0, 0.0, 0.0, 2.0]], 2.0, -3.0)
    for x, reached in ((-2, 0), (-1, 1), (0, 3), (1.5, 3), (2, 4)):
        assert one(layer, f32(x)).item() == 2.0 * reached - 3.0


def test_softmax():
    assert one(Softmax(), f32(0, np.log(3))).ravel().tolist() == pytest.approx([0.25, 0.75])
    assert one(Softmax(True), f32(500, 0)).ravel().tolist() == pytest.approx([0, -500])


def test_max_pool_of_bits_numbers_and_minimum_channels():
    x = np.array([[[[-1, -1], [1, 1]], [[-1, -1], [-1, -1]]]], np.int8)
    assert one(MaxPool2d((2, 2)), x).tolist() == [[[[1, 1]]]]
    assert one(MaxPool2d((2, 2), minimum=[False, True]), x).tolist() == [[[[1, -1]]]]
    y = np.array([[[[-7], [-3]], [[-9], [-5]]]], np.int32)
    layer = MaxPool2d((2, 2), (1, 1), (1, 1, 1, 1))
    assert one(layer, y)[0, :, :, 0].tolist() == [[-7, -3, -3], [-7, -3, -3], [-9, -5, -5]]


def test_average_pool_divides_by_the_taps_that_count():
    x = np.arange(4, dtype=np.float32).reshape(1, 2, 2, 1)
    layer = AveragePool2d((2, 2), (2, 2), (1, 1, 0, 0))
    assert one(layer, x).item() == 0.0
    layer = AveragePool2d((2, 2), (1, 1), (0, 0, 1, 1))
    assert one(layer, x)[0, :, :, 0].tolist() == [[1.5, 2.0], [2.5, 3.0]]
    layer = AveragePool2d((2, 2), (1, 1), (0, 0, 1, 1), True)
    assert one(layer, x)[0, :, :, 0].tolist() == [[1.5, 1.0], [1.25, 0.75]]
    assert one(AveragePool2d((2, 2)), x.astype(np.int32)).item() == 1.5


def test_shapes():
    x = np.arange(12, dtype=np.int32).reshape(1, 2, 2, 3)
    assert one(Flatten(), x).tolist() == [list(range(12))]
    assert one(Reshape((1, 4, 3)), x)[0, 0].tolist() == x.reshape(4, 3).tolist()
    assert one(Transpose((2, 0, 1)), x)[0].tolist() == x[0].transpose(2, 0, 1).tolist()
    first, second = compute(Split((1, 2)), [x])
    assert first[0, 0, 1].tolist() == [3]
    assert second[0, 0, 1].tolist() == [4, 5]
    assert one(Concat(), second, first)[0, 1, 0].tolist() == [7, 8, 6]
    assert one(Add(), x, x).tolist() == (2 * x).tolist()


@given(cases(["FloatConv2d", "FloatDense", "AveragePool2d", "Softmax", "BatchNorm"]))
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.filter_too_much])
def test_float_layers_agree_with_onnxruntime(case):
    onnxruntime = pytest.importorskip("onnxruntime")
    from bnnplan.backends.onnxruntime import build_model

    [x] = case.inputs
    assume(x.dtype == np.float32)
    model = build_model(case.bound).SerializeToString()
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    [expected] = session.run(None, {"x": x})
    margin = 1e-5 * max(1.0, np.abs(expected).max(), np.abs(x).max())
    assert np.allclose(one(case.bound.layer, x), expected, rtol=1e-5, atol=margin)


def small_network():
    bit, number = TensorType((3,), "bit"), TensorType((2,), "int32")
    nodes = [
        Node("sum", Add(), ["d", "n"], ["s"]),
        Node("dense", BinaryDense([[1, 1, 1], [1, -1, 1]]), ["b"], ["d"]),
    ]
    return Network("small", {"b": bit, "n": number}, nodes, ["s", "d"])


def test_a_network_is_run_in_order():
    feeds = {"b": np.array([[1, -1, 1]], np.int8), "n": np.array([[10, 20]], np.int32)}
    found = evaluate(small_network(), feeds)
    assert {name: array.tolist() for name, array in found.items()} == {
        "s": [[11, 23]],
        "d": [[1, 3]],
    }


def test_wrong_feeds_are_refused():
    with pytest.raises(InputError, match=r"'n' of network .* is missing"):
        evaluate(small_network(), {"b": np.ones((1, 3), np.int8)})


def test_the_backend_refuses_other_configurations():
    backend = ReferenceBackend()
    [device], [] = backend.devices()
    bound = BoundLayer(Sign(), (TensorType((3,), "float32"),))
    with pytest.raises(UnsupportedError, match="in one way only"):
        backend.prepare(bound, device, Configuration("X", 2))


@given(st.integers(1, 9), st.integers(1, 4), st.integers(1, 3), st.integers(0, 3))
def test_taps_cover_exactly_what_lies_inside(extent, kernel, stride, pad):
    from bnnplan.backends.reference.windows import taps

    windows = (extent + 2 * pad - kernel) // stride + 1
    assume(windows >= 1)
    shape = ((extent, 1), (windows, 1), (kernel, 1), (stride, 1), (pad, 0, pad, 0))
    found = {
        (row, w, y)
        for row, _, (outputs, _), (inputs, _) in taps(*shape)
        for w, y in zip(range(windows)[outputs], range(extent)[inputs], strict=True)
    }
    wanted = {
        (row, w, w * stride + row - pad)
        for row in range(kernel)
        for w in range(windows)
        if 0 <= w * stride + row - pad < extent
    }
    assert found == wanted


@pytest.mark.parametrize("largest", [-128, 127, (1 << 23) // 64, (1 << 23) // 64 + 1, 1 << 24])
def test_sums_of_integers_are_exact_however_large_they_are(largest):
    weight = np.ones((2, 64), np.int8)
    weight[1, 1::2] = -1
    values = np.full((1, 1, 3, 64), largest, np.int32)
    values[..., 0] += 1 if largest > 0 else -1
    kernel = weight.reshape(2, 1, 1, 64)
    (sums,) = compute(BinaryWeightConv2d(kernel), [values])
    wanted = values.astype(object) @ weight.T.astype(object)
    assert (sums == wanted).all()
    (sums,) = compute(BinaryWeightDense(weight), [values[0, 0]])
    assert (sums == wanted[0, 0]).all()
