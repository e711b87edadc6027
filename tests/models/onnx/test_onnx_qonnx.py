"""QONNX and FINN operators, against the same thing in ordinary ones."""

import numpy as np
import pytest
from onnx_graphs import Graph, import_model, kinds, run_network, run_onnx, signs

SHAPE = (4, 6, 5)
DOMAINS = ("onnx.brevitas", "qonnx.custom_op.general", "finn.custom_op.general")
WEIGHT = signs(np.random.default_rng(3), 3, 4, 3, 3)


def f(*values):
    return np.array(values, np.float32)


def one(value):
    return np.float32(value)


def compare(build, plain, folder):
    """Both graphs on numbers that hit every tie; returns the imported network's report."""
    x = np.random.default_rng(2).integers(-9, 10, (3, *SHAPE)).astype(np.float32) / 4
    written, wanted = Graph(SHAPE), Graph(SHAPE)
    imported = import_model(written.model(build(written)), folder)
    got = run_network(imported.network, x.transpose(0, 2, 3, 1))
    expected = run_onnx(wanted.model(plain(wanted)), x).transpose(0, 2, 3, 1)
    np.testing.assert_array_equal(got.reshape(expected.shape), expected)
    return imported


def plain_sign(graph, source):
    bits = graph.op("GreaterOrEqual", source, one(0))
    return graph.op("Where", bits, one(1), one(-1))


@pytest.mark.parametrize("domain", DOMAINS)
def test_bipolar_quant_on_data_and_weights(domain, tmp_path):
    latent = WEIGHT * np.abs(np.random.default_rng(1).normal(size=WEIGHT.shape)).astype("f")

    def build(graph):
        bits = graph.op("BipolarQuant", "x", one(0.5), domain=domain)
        weight = graph.op("BipolarQuant", latent, one(0.25), domain=domain)
        return graph.op("Conv", bits, weight, pads=[1] * 4)

    def plain(graph):
        bits = graph.op("Mul", plain_sign(graph, "x"), one(0.5))
        return graph.op("Conv", bits, WEIGHT * one(0.25), pads=[1] * 4)

    assert len(compare(build, plain, tmp_path).report.binary) == 1


@pytest.mark.parametrize("domain", DOMAINS)
def test_one_bit_quant_is_a_sign(domain, tmp_path):
    def build(graph):
        args = (one(0.5), one(0), one(1))
        bits = graph.op("Quant", "x", *args, domain=domain, signed=1, narrow=0)
        weight = graph.op("Quant", WEIGHT * one(3), *args, domain=domain, signed=1, narrow=0)
        return graph.op("Conv", bits, weight)

    def plain(graph):
        bits = graph.op("Mul", plain_sign(graph, "x"), one(0.5))
        return graph.op("Conv", bits, WEIGHT * one(0.5))

    assert len(compare(build, plain, tmp_path).report.binary) == 1


@pytest.mark.parametrize("mode", ["ROUND", "FLOOR", "CEIL"])
def test_unsigned_one_bit_quant_gives_zero_and_one(mode, tmp_path):
    def build(graph):
        return graph.op(
            "Quant", "x", one(0.5), one(0), one(1), domain=DOMAINS[0],
            signed=0, narrow=0, rounding_mode=mode,
        )  # fmt: skip

    def plain(graph):
        clipped = graph.op("Clip", graph.op("Div", "x", one(0.5)), one(0), one(1))
        return graph.op("Mul", graph.op(mode.capitalize(), clipped), one(0.5))

    assert kinds(compare(build, plain, tmp_path).network)[-2:] == ["Sign", "ScaleBias"]


@pytest.mark.parametrize(("signed", "narrow"), [(0, 0), (1, 0), (1, 1)])
def test_wider_quant_on_data_and_weights(signed, narrow, tmp_path):
    low, high = (-4 + narrow, 3) if signed else (0, 7)
    scale = f(0.25, 0.5, 1, 2).reshape(1, 4, 1, 1)
    weight = np.arange(36, dtype="f").reshape(1, 4, 3, 3) / 4 - 4

    def build(graph):
        kind = {"domain": DOMAINS[0], "signed": signed, "narrow": narrow}
        data = graph.op("Quant", "x", scale, one(0), one(3), **kind)
        return graph.op("Conv", data, graph.op("Quant", weight, one(0.5), one(0), one(3), **kind))

    def plain(graph):
        whole = graph.op("Round", graph.op("Div", "x", scale))
        data = graph.op("Mul", graph.op("Clip", whole, one(low), one(high)), scale)
        return graph.op("Conv", data, np.clip(np.rint(weight / 0.5), low, high) * one(0.5))

    assert "Quantize" in kinds(compare(build, plain, tmp_path).network)


@pytest.mark.parametrize("shared", [False, True])
def test_multi_threshold_counts(shared, tmp_path):
    steps = np.sort(np.random.default_rng(0).integers(-8, 8, (1 if shared else 4, 3))) / 4

    def build(graph):
        return graph.op(
            "MultiThreshold", "x", steps.astype("f"), domain=DOMAINS[2],
            out_scale=2.0, out_bias=-3.0, out_dtype="INT4",
        )  # fmt: skip

    def plain(graph):
        total = None
        for step in steps.T:
            reached = graph.op("GreaterOrEqual", "x", step.astype("f").reshape(-1, 1, 1))
            reached = graph.op("Cast", reached, to=1)
            total = reached if total is None else graph.op("Add", total, reached)
        return graph.op("Add", graph.op("Mul", total, one(2)), one(-3))

    assert kinds(compare(build, plain, tmp_path).network) == ["MultiThreshold"]


def test_one_threshold_is_a_bit(tmp_path):
    step = f(-0.25, 0, 0.5, 1).reshape(4, 1)

    def build(graph):
        bits = graph.op(
            "MultiThreshold", "x", step, domain=DOMAINS[1],
            out_scale=2.0, out_bias=-1.0, out_dtype="BIPOLAR",
        )  # fmt: skip
        return graph.op("Conv", bits, WEIGHT)

    def plain(graph):
        return graph.op("Conv", plain_sign(graph, graph.op("Sub", "x", step[:, None])), WEIGHT)

    network = compare(build, plain, tmp_path).network
    assert kinds(network) == ["Threshold", "BinaryConv2d"]


def test_xnor_popcount_counts_equal_bits(tmp_path):
    weight = (np.random.default_rng(4).random((120, 7)) < 0.5).astype("f")

    def build(graph):
        bits = graph.op(
            "MultiThreshold", "x", f(0).reshape(1, 1), domain=DOMAINS[1], out_dtype="BINARY"
        )
        flat = graph.op("Flatten", bits)
        count = graph.op("XnorPopcountMatMul", flat, weight, domain=DOMAINS[2])
        return graph.op("Reshape", count, np.array([-1, 7, 1, 1], np.int64))

    def plain(graph):
        flat = graph.op("Flatten", plain_sign(graph, "x"))
        dot = graph.op("MatMul", flat, 2 * weight - 1)
        count = graph.op("Mul", graph.op("Add", dot, one(120)), one(0.5))
        return graph.op("Reshape", count, np.array([-1, 7, 1, 1], np.int64))

    assert len(compare(build, plain, tmp_path).report.binary) == 1
