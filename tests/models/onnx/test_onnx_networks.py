"""Random networks as exporters write them, against onnxruntime."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx_graphs import Graph, agree, import_model, kinds, run_network, signs

from bnnplan.models.lowering import lower

OPSETS = (9, 11, 12, 13, 17, 18, 21)
LAWS = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def norm(draw, rng, graph, source, channels):
    """Batch normalisation of which all numbers are exact in float32, negative scales included."""
    gamma = rng.choice(np.array([-2, -1, -0.5, 0.5, 1, 2], np.float32), channels)
    beta = rng.integers(-4, 5, channels).astype(np.float32) / 2
    mean = rng.integers(-3, 4, channels).astype(np.float32)
    variance = np.full(channels, 4, np.float32)
    return graph.op("BatchNormalization", source, gamma, beta, mean, variance, epsilon=0.0)


def step(draw, graph, source):
    """One of the ways to write a sign; with plain Sign, inputs are moved off 0."""
    forms = ["sign", "greater", "less", "cast", "half", "tf"]
    if graph.opset >= 12:
        forms += ["greater_or_equal", "less_or_equal"]
    form = draw(st.sampled_from(forms))
    zero, one = np.float32(0), np.float32(1)
    if form == "sign":
        return graph.op("Sign", graph.op("Add", source, np.float32(2**-14)))
    if form == "tf":
        return graph.op("Sign", graph.op("Add", graph.op("Sign", source), np.float32(0.1)))
    if form == "cast":
        bits = graph.op("Cast", graph.op("Greater", source, zero), to=1)
        return graph.op("Sub", graph.op("Mul", bits, np.float32(2)), one)
    if form == "half":
        bits = graph.op("Cast", graph.op("Less", zero, source), to=1)
        return graph.op("Mul", graph.op("Sub", bits, np.float32(0.5)), np.float32(2))
    kind = "".join(word.capitalize() for word in form.split("_"))
    low = form.startswith("less")
    chosen = (-one, one) if low else (one, -one)
    return graph.op("Where", graph.op(kind, source, zero), *chosen)


def weights(draw, rng, *shape):
    """±1, ±1 times a scale per filter, or whole numbers."""
    form = draw(st.sampled_from(["signs", "signs", "scaled", "whole"]))
    if form == "whole":
        return (rng.integers(-3, 4, shape) * 2 + rng.integers(0, 2)).astype(np.float32)
    scale = rng.choice(np.array([0.25, 0.5, 2], np.float32), (shape[0], *[1] * (len(shape) - 1)))
    return signs(rng, *shape) * (scale if form == "scaled" else np.float32(1))


def flattened(draw, graph, source, batch_shape_of="x"):
    form = draw(st.sampled_from(["flatten", "reshape", "prelude"]))
    if form == "flatten":
        return graph.op("Flatten", source)
    if form == "reshape":
        return graph.op("Reshape", source, np.array([0, -1], np.int64))
    batch = graph.op("Gather", graph.op("Shape", batch_shape_of), np.int64(0), axis=0)
    batch = graph.axes_op("Unsqueeze", batch, [0], since=13)
    shape = graph.op("Concat", batch, np.array([-1], np.int64), axis=0)
    return graph.op("Reshape", source, shape)


@st.composite
def cases(draw):
    """A convolutional network of one to three blocks and one or two dense layers, and input."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    channels, height, width = draw(st.integers(1, 4)), *rng.integers(5, 9, 2)
    graph = Graph((channels, height, width), opset=draw(st.sampled_from(OPSETS)))
    x = rng.integers(-5, 6, (3, channels, height, width)).astype(np.float32)
    current, extents = "x", [height, width]
    for _ in range(draw(st.integers(1, 3))):
        filters, taps = draw(st.integers(1, 5)), draw(st.integers(1, 3))
        pads = draw(st.integers(0, 1))
        weight = weights(draw, rng, filters, channels, taps, taps)
        inputs = [current, weight]
        padded = pads and draw(st.booleans()) and graph.opset >= 11
        if padded:
            around = np.array([0, 0, pads, pads, 0, 0, pads, pads], np.int64)
            value = np.float32(draw(st.sampled_from([1, -1, 0])))
            inputs[0] = graph.op("Pad", current, around, value)
        if draw(st.booleans()):
            inputs.append(rng.integers(-3, 4, filters).astype(np.float32))
        strides = draw(st.integers(1, 2))
        own = 0 if padded else pads
        current = graph.op("Conv", *inputs, pads=[own] * 4, strides=[strides] * 2)
        channels = filters
        extents = [(e + 2 * pads - taps) // strides + 1 for e in extents]
        if draw(st.booleans()):
            current = norm(draw, rng, graph, current, channels)
        pool = min(extents) >= 2 and draw(st.sampled_from(["", "before", "after"]))
        if pool == "before":
            current = graph.op("MaxPool", current, kernel_shape=[2, 2], strides=[2, 2])
        if draw(st.integers(0, 3)):
            current = step(draw, graph, current)
        else:
            current = graph.op("Relu", current)
        if pool == "after":
            current = graph.op("MaxPool", current, kernel_shape=[2, 2], strides=[2, 2])
        if pool:
            extents = [e // 2 for e in extents]
        if min(extents) < 3:
            break
    current = flattened(draw, graph, current)
    features = channels * extents[0] * extents[1]
    for _ in range(draw(st.integers(1, 2))):
        if draw(st.booleans()):
            current = step(draw, graph, norm(draw, rng, graph, current, features))
        neurons = draw(st.integers(1, 6))
        weight = weights(draw, rng, neurons, features)
        bias = rng.integers(-3, 4, neurons).astype(np.float32)
        if draw(st.booleans()):
            current = graph.op("Gemm", current, weight, bias, transB=1)
        else:
            current = graph.op("Add", graph.op("MatMul", current, weight.T.copy()), bias)
        features = neurons
    return graph.model(current), x


@LAWS
@given(case=cases())
def test_convolutional_networks_equal_onnxruntime(case, tmp_path):
    model, x = case
    agree(model, x, tmp_path)


@LAWS
@given(case=cases())
def test_imported_networks_lower_to_the_same_values(case, tmp_path):
    model, x = case
    network = import_model(model, tmp_path).network
    x = x.transpose(0, 2, 3, 1)
    np.testing.assert_array_equal(run_network(lower(network), x), run_network(network, x))


@settings(LAWS, max_examples=30)
@given(data=st.data())
def test_channels_last_graphs_of_tensorflow_need_no_transposes(data, tmp_path):
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    channels = data.draw(st.integers(1, 3))
    graph = Graph((6, 7, channels), batch="unk")
    x = rng.integers(-3, 4, (2, 6, 7, channels)).astype(np.float32)
    current = "x"
    for _ in range(2):
        current = step(data.draw, graph, current)
        around = np.array([0, 1, 1, 0, 0, 1, 1, 0], np.int64)
        current = graph.op("Pad", current, around, np.float32(1))
        current = graph.op("Transpose", current, perm=[0, 3, 1, 2])
        filters = data.draw(st.integers(1, 4))
        current = graph.op("Conv", current, signs(rng, filters, channels, 3, 3))
        current = norm(data.draw, rng, graph, current, filters)
        current = graph.op("Transpose", current, perm=[0, 2, 3, 1])
        channels = filters
    current = graph.op("Reshape", current, np.array([-1, 42 * channels], np.int64))
    scale = rng.integers(1, 4, 42 * channels).astype(np.float32)
    current = step(data.draw, graph, graph.op("Mul", current, scale))
    current = graph.op("MatMul", current, signs(rng, 42 * channels, 5))
    imported = agree(graph.model(current), x, tmp_path, nhwc=True)
    assert "Transpose" not in kinds(imported.network)
    assert len(imported.report.binary) == 3


@pytest.mark.parametrize("scaled", [False, True])
def test_residual_sums_of_popcounts_stay_integers(scaled, tmp_path):
    rng = np.random.default_rng(5)
    graph = Graph((8, 6, 6))
    bits = graph.op("Sign", graph.op("Add", "x", np.float32(0.5)))

    def popcount(source):
        dot = graph.op("Conv", source, signs(rng, 8, 8, 3, 3), pads=[1] * 4)
        return graph.op("Mul", graph.op("Add", dot, np.float32(72)), np.float32(0.5))

    first = popcount(bits)
    again = graph.op("Where", graph.op("Greater", first, np.float32(36)), *np.float32([1, -1]))
    second = popcount(again)
    if scaled:
        second = graph.op("Mul", second, np.float32(2))
    x = rng.integers(-3, 4, (2, 8, 6, 6)).astype(np.float32)
    network = agree(graph.model(graph.op("Add", second, first)), x, tmp_path).network
    add = next(node for node in network.nodes if node.layer.kind == "Add")
    assert network.types[add.inputs[0]].element == ("float32" if scaled else "int32")


def test_the_report_tells_people_what_became_of_the_layers(tmp_path):
    rng = np.random.default_rng(0)
    graph = Graph((3, 8, 8))
    first = graph.op("Conv", "x", signs(rng, 4, 3, 3, 3))
    second = graph.op("Conv", graph.op("Sign", first), signs(rng, 4, 4, 3, 3))
    last = graph.op("Conv", second, rng.normal(size=(2, 4, 1, 1)).astype(np.float32))
    scaled = graph.op("Mul", last, graph.op("Neg", np.ones(1, np.float32)))
    report = import_model(graph.model(scaled), tmp_path).report
    assert report.lines() == [
        "1 binary layer: Conv_2",
        "1 layer with binary weights only: Conv_0",
        "1 layer that stayed float: Conv_3",
        "computed while importing: 1 Neg",
        "assumed: Sign(0) taken as +1, where ONNX has 0 (Sign_1)",
    ]
