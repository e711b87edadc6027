"""Single operators and patterns, each against onnxruntime."""

import numpy as np
import pytest
from onnx import TensorProto
from onnx_graphs import (
    Graph,
    agree,
    channels_last,
    import_model,
    kinds,
    run_network,
    run_onnx,
    signs,
)

from bnnplan.models.errors import UnsupportedError
from bnnplan.models.normalization import Normalization
from bnnplan.models.tensors import ElementType, TensorType

SHAPE = (4, 6, 5)


@pytest.fixture
def rng():
    return np.random.default_rng(7)


@pytest.fixture
def x(rng):
    return rng.integers(-6, 7, (3, *SHAPE)).astype(np.float32) / 4


def f(*values):
    return np.array(values, np.float32)


def ints(*values):
    return np.array(values, np.int64)


FLOAT_OPERATORS = {
    "relu": lambda g: g.op("Relu", "x"),
    "leaky": lambda g: g.op("LeakyRelu", "x", alpha=0.25),
    "prelu": lambda g: g.op("PRelu", "x", f(0.5, 0, 2, -1).reshape(4, 1, 1)),
    "prelu_one": lambda g: g.op("PRelu", "x", f(0.5)),
    "clip": lambda g: g.op("Clip", "x", f(-1).reshape(()), f(0.5).reshape(())),
    "clip_high": lambda g: g.op("Clip", "x", "", f(0.5).reshape(())),
    "min": lambda g: g.op("Min", f(0.25), "x"),
    "max": lambda g: g.op("Max", "x", f(-0.25)),
    "hard_sigmoid": lambda g: g.op("HardSigmoid", "x", alpha=0.25, beta=0.5),
    "neg": lambda g: g.op("Neg", "x"),
    "floor": lambda g: g.op("Floor", "x"),
    "ceil": lambda g: g.op("Ceil", "x"),
    "round": lambda g: g.op("Round", "x"),
    "identity": lambda g: g.op("Identity", "x"),
    "dropout": lambda g: g.op("Dropout", "x"),
    "subtract_from": lambda g: g.op("Sub", f(1, 2, 3, 4).reshape(4, 1, 1), "x"),
    "divide": lambda g: g.op("Div", "x", f(4)),
    "per_place": lambda g: g.op("Mul", "x", np.arange(120, dtype=np.float32).reshape(1, *SHAPE)),
    "average": lambda g: g.op("AveragePool", "x", kernel_shape=[2, 2], strides=[2, 1]),
    "average_pads": lambda g: g.op(
        "AveragePool", "x", kernel_shape=[2, 2], pads=[1, 1, 0, 0], count_include_pad=1
    ),
    "average_ceil": lambda g: g.op(
        "AveragePool", "x", kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1
    ),
    # PyTorch's default; without pads there are none to count.
    "average_ceil_counting": lambda g: g.op(
        "AveragePool", "x", kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1, count_include_pad=1
    ),
    "average_ceil_counting_pads": lambda g: g.op(
        "AveragePool",
        "x",
        kernel_shape=[2, 3],
        strides=[2, 2],
        pads=[1, 1, 1, 1],
        ceil_mode=1,
        count_include_pad=1,
    ),
    "max_same": lambda g: g.op(
        "MaxPool", "x", kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_UPPER"
    ),
    "max_ceil": lambda g: g.op(
        "MaxPool", g.op("Neg", "x"), kernel_shape=[3, 2], strides=[2, 2], ceil_mode=1
    ),
    "global_average": lambda g: g.op("GlobalAveragePool", "x"),
    "global_max": lambda g: g.op("GlobalMaxPool", g.op("Neg", "x")),
    "mean": lambda g: g.op("ReduceMean", "x", axes=[2, 3], keepdims=0),
    "mean_rows": lambda g: g.op("ReduceMean", "x", axes=[-2]),
    "mean_twice": lambda g: g.op(
        "ReduceMean", g.op("ReduceMean", "x", axes=[3], keepdims=0), axes=[2], keepdims=0
    ),
    "softmax": lambda g: g.op("Softmax", g.op("Flatten", "x")),
    "softmax_channels": lambda g: g.op("Softmax", "x", axis=1),
    "log_softmax": lambda g: g.op("LogSoftmax", g.op("Flatten", "x"), axis=1),
    "squeeze": lambda g: g.op("Squeeze", g.op("GlobalAveragePool", "x"), ints(2, 3)),
    "flatten": lambda g: g.op("Flatten", "x"),
    "flat_and_back": lambda g: g.op("Reshape", g.op("Flatten", "x"), ints(-1, *SHAPE)),
    "other_image": lambda g: g.op("Relu", g.op("Reshape", "x", ints(0, 10, 4, 3))),
    "concat": lambda g: g.op("Concat", "x", g.op("Relu", "x"), axis=1),
    "concat_flat": lambda g: g.op(
        "Concat", g.op("Flatten", "x"), g.op("Flatten", g.op("Relu", "x")), axis=-1
    ),
    "slice": lambda g: g.op("Slice", "x", ints(1), ints(3), ints(1)),
    "add": lambda g: g.op("Add", g.op("Relu", "x"), g.op("Neg", "x")),
    "sum": lambda g: g.op("Sum", "x", g.op("Relu", "x"), "x"),
    "subtract": lambda g: g.op("Sub", g.op("Relu", "x"), "x"),
    "cast": lambda g: g.op("Cast", g.op("Cast", "x", to=TensorProto.INT32), to=TensorProto.FLOAT),
    "matmul_places": lambda g: g.op(
        "MatMul",
        g.op("Transpose", "x", perm=[0, 2, 3, 1]),
        np.arange(8.0).reshape(4, 2).astype("f"),
    ),
}


@pytest.mark.parametrize("name", FLOAT_OPERATORS)
def test_float_operators(name, x, tmp_path):
    graph = Graph(SHAPE)
    result = FLOAT_OPERATORS[name](graph)
    if name == "matmul_places":
        result = graph.op("Transpose", result, perm=[0, 3, 1, 2])
    if name == "other_image":
        result = graph.op("Flatten", result)
    agree(graph.model(result), x, tmp_path, exact=False)


def test_split_gives_every_part(x, tmp_path):
    graph = Graph(SHAPE)
    first, second = graph.op("Split", "x", ints(1, 3), outputs=2, axis=1)
    joined = graph.op("Concat", graph.op("Neg", second), first, axis=1)
    agree(graph.model(joined), x, tmp_path)


@pytest.mark.parametrize("opset", [9, 11])
def test_attributes_of_old_operator_sets(opset, x, tmp_path):
    graph = Graph(SHAPE, opset=opset)
    if opset < 11:
        current = graph.op("Clip", "x", min=-0.5, max=0.75)
        current = graph.op("Pad", current, pads=[0, 0, 1, 0, 0, 0, 0, 1], value=0.5)
    else:
        current = graph.op("Clip", "x", f(-0.5).reshape(()), f(0.75).reshape(()))
        current = graph.op("Pad", current, ints(0, 0, 1, 0, 0, 0, 0, 1), f(0.5).reshape(()))
    current = graph.op("Conv", current, np.arange(32, dtype="f").reshape(2, 4, 2, 2))
    parts = graph.op("Split", current, outputs=2, axis=1, split=[1, 1])
    pooled = graph.op("GlobalAveragePool", graph.op("Add", *parts))
    agree(graph.model(graph.op("Squeeze", pooled, axes=[2])), x, tmp_path, exact=False)


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("pads", [0, 1])
def test_grouped_dilated_binary_convolution(groups, pads, rng, x, tmp_path):
    graph = Graph(SHAPE)
    bits = graph.op("Sign", graph.op("Add", "x", f(0.125)))
    weight = signs(rng, 8, 4 // groups, 2, 2)
    conv = graph.op("Conv", bits, weight, group=groups, dilations=[2, 1], pads=[pads] * 4)
    imported = agree(graph.model(conv), x, tmp_path)
    assert kinds(imported.network)[-1] == "BinaryConv2d"


def test_bits_of_zero_and_one_with_zero_padding_pad_with_minus_one(rng, x, tmp_path):
    graph = Graph(SHAPE)
    bits = graph.op("Cast", graph.op("Greater", "x", f(0)), to=TensorProto.FLOAT)
    conv = graph.op("Conv", bits, signs(rng, 3, 4, 3, 3) * f(0.5), f(1, 2, 3), pads=[1] * 4)
    imported = agree(graph.model(conv), x, tmp_path)
    layer = next(n.layer for n in imported.network.nodes if n.layer.is_binary)
    assert layer.pad_value == -1


def test_signs_of_a_channel_scale_go_into_the_weights(rng, x, tmp_path):
    graph = Graph(SHAPE)
    bits = graph.op("Sign", graph.op("Add", "x", f(0.125)))
    scaled = graph.op("Mul", bits, f(2, -2, -2, 2).reshape(4, 1, 1))
    conv = graph.op("Conv", scaled, signs(rng, 3, 4, 3, 3), pads=[1] * 4)
    assert len(agree(graph.model(conv), x, tmp_path).report.binary) == 1


def test_different_channel_scales_keep_only_the_weights_binary(rng, x, tmp_path):
    graph = Graph(SHAPE)
    bits = graph.op("Sign", graph.op("Add", "x", f(0.125)))
    scaled = graph.op("Mul", bits, f(1, 2, 3, 4).reshape(4, 1, 1))
    conv = graph.op("Conv", scaled, signs(rng, 3, 4, 3, 3), pads=[1] * 4)
    report = agree(graph.model(conv), x, tmp_path).report
    assert (len(report.binary), len(report.binary_weight)) == (0, 1)


def test_real_weights_stay_float(rng, x, tmp_path):
    graph = Graph(SHAPE)
    bits = graph.op("Sign", graph.op("Add", "x", f(0.125)))
    weight = rng.normal(size=(3, 4, 3, 3)).astype(np.float32)
    report = agree(graph.model(graph.op("Conv", bits, weight)), x, tmp_path, exact=False).report
    assert (report.binary, len(report.floating)) == ((), 1)


def test_weights_are_found_behind_operators_on_constants(rng, x, tmp_path):
    graph = Graph(SHAPE)
    latent = rng.normal(size=(3, 4, 3, 3)).astype(np.float32)
    scale = graph.op("ReduceMean", graph.op("Abs", latent), axes=[1, 2, 3])
    weight = graph.op("Mul", graph.op("Sign", latent), scale)
    bits = graph.op("Sign", graph.op("Add", "x", f(0.125)))
    model = graph.model(graph.op("Conv", bits, weight))
    report = agree(model, x, tmp_path, exact=False).report
    assert len(report.binary) == 1
    assert "1 ReduceMean" in report.folded


@pytest.mark.parametrize("shift", [0.1, -0.1])
def test_sign_of_a_shifted_sign_settles_zero(shift, x, tmp_path):
    graph = Graph(SHAPE)
    shifted = graph.op("Add", graph.op("Sign", "x"), f(shift))
    imported = agree(graph.model(graph.op("Sign", shifted)), x, tmp_path)
    assert (x == 0).any()
    assert imported.report.assumptions == ()
    assert kinds(imported.network) == ["Sign", "ScaleBias"]


def test_plain_sign_states_what_it_takes_zero_for(x, tmp_path):
    graph = Graph(SHAPE)
    imported = import_model(graph.model(graph.op("Sign", "x")), tmp_path)
    (line,) = imported.report.assumptions
    assert line == "Sign(0) taken as +1, where ONNX has 0 (Sign_0)"
    assert line in imported.network.notes


def test_max_pooling_moves_before_a_negative_scale(rng, x, tmp_path):
    graph = Graph(SHAPE)
    bits = graph.op("Sign", graph.op("Add", "x", f(0.125)))
    conv = graph.op("Conv", bits, signs(rng, 4, 4, 3, 3))
    scaled = graph.op("Mul", conv, f(1, -1, 2, -2).reshape(4, 1, 1))
    pool = graph.op("MaxPool", scaled, kernel_shape=[2, 2])
    network = agree(graph.model(pool), x, tmp_path).network
    assert kinds(network)[-3:] == ["BinaryConv2d", "MaxPool2d", "ScaleBias"]


def test_a_flat_input_that_becomes_an_image_is_an_image(rng, tmp_path):
    graph = Graph((30,))
    picture = graph.op("Reshape", "x", ints(-1, 1, 6, 5))
    conv = graph.op("Conv", picture, signs(rng, 3, 1, 3, 3))
    model = graph.model(graph.op("Flatten", conv))
    network = import_model(model, tmp_path).network
    assert network.inputs == {"x": TensorType((6, 5, 1), ElementType.FLOAT32)}
    x = rng.integers(-3, 4, (2, 30)).astype(np.float32)
    np.testing.assert_array_equal(run_network(network, x), run_onnx(model, x))


def test_a_flat_input_of_several_channels_is_fed_channels_last(rng, tmp_path):
    graph = Graph((3 * 6 * 5,))
    picture = graph.op("Reshape", "x", ints(-1, 3, 6, 5))
    model = graph.model(graph.op("Flatten", graph.op("Conv", picture, signs(rng, 3, 3, 3, 3))))
    network = import_model(model, tmp_path).network
    x = rng.integers(-3, 4, (2, 90)).astype(np.float32)
    images = x.reshape(2, 3, 6, 5).transpose(0, 2, 3, 1)
    assert network.inputs["x"].shape == (6, 5, 3)
    np.testing.assert_array_equal(run_network(network, images), run_onnx(model, x))


def test_a_batch_fixed_in_the_file_is_free_in_the_network(rng, tmp_path):
    graph = Graph((4, 2, 2), batch=2)
    flat = graph.op("Reshape", "x", ints(2, -1))
    model = graph.model(graph.op("MatMul", flat, signs(rng, 16, 3)))
    x = rng.integers(-3, 4, (2, 4, 2, 2)).astype(np.float32)
    network = agree(model, x, tmp_path).network
    assert len(run_network(network, np.concatenate([x, x, x]).transpose(0, 2, 3, 1))) == 6


def test_uint8_input_with_binary_weights_gives_integer_sums(rng, tmp_path):
    graph = Graph((1, 5, 5), element=TensorProto.UINT8)
    conv = graph.op("Conv", graph.op("Cast", "x", to=1), signs(rng, 3, 1, 3, 3), pads=[1] * 4)
    network = agree(graph.model(conv), rng.integers(0, 256, (2, 1, 5, 5), np.uint8), tmp_path)
    (node,) = network.network.nodes
    assert network.network.types[node.outputs[0]].element is ElementType.INT32


@pytest.mark.parametrize("mean", [0, 128])
@pytest.mark.parametrize("pads", [0, 1])
def test_normalized_pixels_stay_integers_where_padding_allows(mean, pads, rng, tmp_path):
    graph = Graph(SHAPE)
    conv = graph.op("Conv", "x", signs(rng, 3, 4, 3, 3), f(1, 2, 3), pads=[pads] * 4)
    model = graph.model(graph.op("MaxPool", conv, kernel_shape=[2, 2]))
    normalization = Normalization(scale=(0.5,), mean=(mean,))
    imported = import_model(model, tmp_path, normalization=normalization)
    pixels = rng.integers(0, 256, (2, *SHAPE), np.uint8)
    wanted = run_onnx(model, (pixels - np.float32(mean)) * np.float32(0.5))
    got = run_network(imported.network, channels_last(pixels))
    np.testing.assert_array_equal(got, channels_last(wanted))
    first = imported.network.nodes[0].layer.kind
    assert first == ("ScaleBias" if pads and mean else "BinaryWeightConv2d")
    assert len(imported.report.binary_weight) == 1


UNSUPPORTED = {
    "transposed convolution": lambda g: g.op("ConvTranspose", "x", np.ones((4, 2, 2, 2), "f")),
    "batch mixed": lambda g: g.op("Reshape", "x", ints(-1, 5)),
    "reflection": lambda g: g.op("Pad", "x", ints(0, 0, 1, 1, 0, 0, 1, 1), mode="reflect"),
    "loose padding": lambda g: g.op("Relu", g.op("Pad", "x", ints(0, 0, 1, 1, 0, 0, 1, 1))),
    "padded maximum": lambda g: g.op(
        "MaxPool", g.op("Pad", "x", ints(0, 0, 1, 1, 0, 0, 1, 1)), kernel_shape=[2, 2]
    ),
    "product of data": lambda g: g.op("Mul", "x", g.op("Relu", "x")),
    "broadcast sum": lambda g: g.op("Add", "x", g.op("GlobalAveragePool", "x")),
    "mean over channels": lambda g: g.op("ReduceMean", "x", axes=[1]),
    "strided slice": lambda g: g.op("Slice", "x", ints(0), ints(6), ints(2), ints(2)),
    "power": lambda g: g.op("Pow", "x", f(2)),
    "training": lambda g: g.op("BatchNormalization", "x", *[np.ones(4, "f")] * 4, training_mode=1),
}


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_what_cannot_be_imported_is_named(name, tmp_path):
    graph = Graph(SHAPE)
    model = graph.model(UNSUPPORTED[name](graph))
    last = graph.nodes[-1]
    with pytest.raises(UnsupportedError, match=rf"1 × {last.op_type} \({last.name}\)") as caught:
        import_model(model, tmp_path)
    assert "\n" not in str(caught.value)


def test_all_unsupported_operators_are_listed_at_once(tmp_path):
    graph = Graph(SHAPE)
    current = "x"
    for _ in range(7):
        current = graph.op("Tanh", current)
    current = graph.op("Gelu", graph.op("Sigmoid", current), domain="com.acme")
    with pytest.raises(UnsupportedError) as caught:
        import_model(graph.model(graph.op("Relu", current)), tmp_path)
    message = str(caught.value)
    assert "7 × Tanh (Tanh_0, Tanh_1, Tanh_2, Tanh_3, Tanh_4, ...)" in message
    assert "1 × Sigmoid (Sigmoid_7)" in message
    assert "1 × com.acme.Gelu (Gelu_8)" in message
    assert "Relu" not in message
