"""Every peer of the benchmarks computes what we compute, layer by layer, or refuses."""

import importlib.metadata
import os
import platform
import shutil

import numpy as np
import pytest
from bench_path import on_path, openvino_kernels

from bnnplan.backends.reference import evaluate
from bnnplan.models.errors import UnsupportedError
from bnnplan.models.graph import Network, Node
from bnnplan.models.layers import (
    Add,
    AveragePool2d,
    BinaryConv2d,
    BinaryDense,
    BinaryWeightConv2d,
    Clip,
    Concat,
    Flatten,
    FloatConv2d,
    FloatDense,
    MaxPool2d,
    PRelu,
    ScaleBias,
    Sign,
    Softmax,
    Split,
    Threshold,
)
from bnnplan.models.load import open_network
from bnnplan.models.lowering import lower
from bnnplan.models.tensors import TensorType
from bnnplan.planner.profiling.oracle import random_feeds

on_path()

from engines import PEERS  # noqa: E402
from isolation import environment, in_processes  # noqa: E402
from peers.base import DisagreementError, check_agreement  # noqa: E402
from peers.forms import decides_floats, lowered_without  # noqa: E402
from shapes import shapes  # noqa: E402

rng = np.random.default_rng(0)
IMAGE = (8, 8, 64)


def installed(name):
    package = PEERS[name].package
    try:
        importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        pytest.skip(f"{package} is not installed")
    return PEERS[name]


def signs(*shape):
    return rng.choice(np.array([-1, 1], np.int8), shape)


def rule(channels, element=np.int32):
    values = rng.normal(0, 8, channels).astype(element)
    return Threshold(values, rng.random(channels) < 0.3)


def numbers(*shape):
    return rng.standard_normal(shape).astype(np.float32)


def chain(shape, *layers, element="float32"):
    names = ["x", *(f"t{index}" for index in range(len(layers)))]
    nodes = [
        Node(f"n{index}", layer, [names[index]], [names[index + 1]])
        for index, layer in enumerate(layers)
    ]
    return Network("chain", {"x": TensorType(shape, element)}, nodes, names[-1:])


def join():
    layers = [
        Node("scale", ScaleBias(numbers(64), numbers(64)), ["x"], ["a"]),
        Node("split", Split((24, 40)), ["a"], ["b", "c"]),
        Node("concat", Concat(), ["c", "b"], ["d"]),
        Node("add", Add(), ["a", "d"], ["y"]),
    ]
    return Network("join", {"x": TensorType(IMAGE, "float32")}, layers, ["y"])


def conv(filters=64, channels=64, kernel=3, **settings):
    return BinaryConv2d(weight=signs(filters, kernel, kernel, channels), **settings)


def float_conv(filters, channels, kernel=3, **settings):
    weight = numbers(filters, kernel, kernel, channels)
    return FloatConv2d(weight=weight, bias=numbers(filters), **settings)


def shortcut():
    layers = [
        Node("sign", rule(64), ["x"], ["a"]),
        Node("conv", conv(pads=1), ["a"], ["b"]),
        Node("add", Add(), ["b", "x"], ["c"]),
        Node("decide", rule(64), ["c"], ["d"]),
        Node("next", conv(pads=1), ["d"], ["y"]),
    ]
    return Network("shortcut", {"x": TensorType(IMAGE, "int32")}, layers, ["y"])


BINARY = {
    "zero padding": chain(IMAGE, Sign(), conv(pads=1)),
    "zero padding, to bits": chain(IMAGE, Sign(), conv(pads=1, threshold=rule(64)), conv(pads=1)),
    "padding by +1": chain(IMAGE, Sign(), conv(pads=1, pad_value=1, threshold=rule(64))),
    "padding by -1": chain(IMAGE, Sign(), conv(pads=1, pad_value=-1)),
    "stride": chain(IMAGE, Sign(), conv(pads=(0, 0, 1, 1), strides=2)),
    "stride and all pads": chain(IMAGE, Sign(), conv(pads=1, strides=2, pad_value=1)),
    "1×1": chain(IMAGE, Sign(), conv(128, kernel=1, strides=2)),
    "5×5 dilated": chain((12, 12, 32), Sign(), conv(32, 32, 5, pads=4, dilations=2)),
    "odd channels": chain(
        (8, 8, 40), Sign(), conv(40, 40, pads=1, threshold=rule(40)), conv(7, 40)
    ),
    "few channels": chain((8, 8, 3), Sign(), conv(16, 3)),
    "dense": chain((256,), Sign(), BinaryDense(signs(10, 256))),
    "dense to bits": chain(
        (256,), Sign(), BinaryDense(signs(64, 256), threshold=rule(64)), BinaryDense(signs(10, 64))
    ),
    "flattened": chain(IMAGE, Sign(), Flatten(), BinaryDense(signs(10, 4096))),
    "flattened, to bits": chain(
        IMAGE, Sign(), conv(pads=1, threshold=rule(64)), Flatten(), BinaryDense(signs(10, 4096))
    ),
    "pooled bits": chain(
        IMAGE, Sign(), conv(pads=1, threshold=rule(64)), MaxPool2d(2, 2), conv(pads=1)
    ),
    "smallest bits": chain(
        IMAGE, Sign(), MaxPool2d(2, 2, minimum=rng.random(64) < 0.5), conv(pads=1)
    ),
    "pooled sums": chain(IMAGE, Sign(), conv(), MaxPool2d(2, 2), rule(64), conv()),
    "shortcut": shortcut(),
    "scaled": chain(IMAGE, Sign(), conv(), ScaleBias(numbers(64), numbers(64))),
    "first layer": chain(
        (12, 12, 3),
        BinaryWeightConv2d(weight=signs(64, 3, 3, 3), pads=1, threshold=rule(64)),
        conv(pads=1),
        element="uint8",
    ),
}
FLOATS = {
    "convolution": chain((9, 9, 3), float_conv(16, 3, 3, pads=1, strides=2), Clip()),
    "depthwise": chain(IMAGE, float_conv(64, 1, pads=1, groups=64)),
    "grouped": chain(IMAGE, float_conv(64, 16, groups=4)),
    "dense": chain((64,), FloatDense(numbers(10, 64), numbers(10)), Softmax()),
    "flattened": chain(IMAGE, Flatten(), FloatDense(numbers(10, 4096))),
    "mean": chain(IMAGE, AveragePool2d((2, 2), (2, 2))),
    "padded mean": chain(IMAGE, AveragePool2d((3, 3), (2, 2), 1)),
    "largest": chain(IMAGE, MaxPool2d((3, 3), (2, 2), (0, 0, 1, 1))),
    "slope": chain(IMAGE, PRelu(numbers(64))),
    "bounds": chain(IMAGE, Clip(-0.5, 0.5)),
    "decided": chain(IMAGE, rule(64, np.float32), conv(pads=1)),
    "joined": join(),
}
CASES = {**BINARY, **{f"float {name}": network for name, network in FLOATS.items()}}
MUST_RUN = {
    "openvino": set(CASES) - {"few channels"},
    "larq": set(CASES)
    - {
        "padding by -1",
        "stride and all pads",
        "smallest bits",
        "pooled bits",
        "float grouped",
        "float padded mean",
        "float slope",
        "float bounds",
        "float joined",
    },
    "onnxruntime-float32": set(CASES) - {"few channels"},
    "onnxruntime-int8": set(BINARY) - {"pooled sums", "shortcut"},
    "numba": {"dense"},
}
"""What each peer is able to run; it may run more, never wrongly."""


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", PEERS)
def test_a_peer_agrees_or_refuses(name, case):
    network, batch = CASES[case], 2
    feeds = random_feeds(network, batch, 1)
    wanted = evaluate(network, feeds)
    kind = installed(name)
    try:
        peer = kind(network, 1, batch)
        peer.feed(feeds)
        peer.run()
    except UnsupportedError:
        assert case not in MUST_RUN[name]
        return
    check_agreement(peer, wanted, 1e-4)


@pytest.mark.parametrize("name", PEERS)
def test_disagreement_is_noticed(name):
    network = CASES["dense"]
    feeds = random_feeds(network, 2, 1)
    peer = installed(name)(network, 1, 2)
    peer.feed(feeds)
    peer.run()
    wanted = evaluate(network, feeds)
    check_agreement(peer, wanted, 0)
    wanted["t1"][1, -1] += 1
    with pytest.raises(DisagreementError, match="'t1' differs by up to 1"):
        check_agreement(peer, wanted, 0)


@pytest.mark.parametrize("name", ["openvino", "larq", "onnxruntime-float32", "onnxruntime-int8"])
def test_a_trained_network_agrees(name):
    original = open_network("fashion")
    network = lower(original)
    kind = installed(name)
    feeds = random_feeds(network, 2, 0)
    peer = kind(kind.form(original), 1, 2)
    peer.feed(feeds)
    peer.run()
    check_agreement(peer, evaluate(network, feeds), 1e-4)


def test_openvino_runs_binary_layers_as_binary_convolutions_with_their_thresholds():
    kind = installed("openvino")
    network = CASES["zero padding, to bits"]
    ran = [layer for layer, _ in kind(network, 1, 1).executed()]
    assert ran.count("BinaryConvolution") == 2
    assert ran.count("FakeQuantize") == 1


@pytest.mark.skipif(platform.machine() != "x86_64", reason="AVX2 is an instruction set of x86-64")
def test_openvino_can_be_held_to_avx2():
    installed("openvino")
    if shutil.which(os.environ.get("CC", "cc")) is None:
        pytest.skip("no C compiler")
    shape = shapes()[3].name
    with environment("avx2"):
        (found,) = in_processes([1], [shape], openvino_kernels)
    assert found == {"jit_avx2_u1"}


@pytest.mark.parametrize("name", PEERS)
def test_a_missing_engine_is_a_reason(name, monkeypatch):
    monkeypatch.setattr(PEERS[name], "package", "no-such-package")
    with pytest.raises(UnsupportedError, match=r"no-such-package is not installed; pip install"):
        PEERS[name](CASES["dense"], 1, 2)
    assert PEERS[name].label() == f"no-such-package {PEERS[name].what}"


def test_forms_keep_what_an_engine_fuses_itself():
    original = open_network("hep-cifar")
    form = lowered_without(original)
    assert all(len(node.layer.fused) <= 1 for node in form.nodes)
    feeds = random_feeds(original, 1, 0)
    for name, wanted in evaluate(original, feeds).items():
        np.testing.assert_allclose(evaluate(form, feeds)[name], wanted, rtol=1e-5)


def test_networks_that_decide_floats_are_known():
    assert decides_floats(CASES["float decided"])
    first = BinaryWeightConv2d(weight=signs(64, 3, 3, 3), pads=1, threshold=rule(64, np.float32))
    assert decides_floats(chain((12, 12, 3), first))
    assert not decides_floats(CASES["first layer"])
    assert not decides_floats(lower(open_network("fashion")))
