import sys
from pathlib import Path

import numpy as np
import pytest

from bnnplan.backends.reference import compute, evaluate
from bnnplan.models.errors import InputError
from bnnplan.models.layers import BatchNorm, FloatConv2d
from bnnplan.models.lowering import lower
from bnnplan.models.network_file import load_network
from bnnplan.models.zoo import TRAINED, ZOO, build, default_network, has_random_weights

ROOT = Path(__file__).parents[2]
HUGE = {"btc-alexnet", "btc-vgg16"}


def random_pixels(network, count=3):
    shape = (count, *network.inputs["pixels"].shape)
    return {"pixels": np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)}


def weights_of(network):
    """Weights by the names under which a builder takes them."""
    found = {}
    for node in network.nodes:
        for name, array in node.layer.arrays().items():
            found[f"{node.name}_{name}"] = array
        if isinstance(node.layer, BatchNorm):
            found[f"{node.name}_epsilon"] = np.array(node.layer.epsilon)
    return found


@pytest.mark.parametrize("name", sorted(set(ZOO) - HUGE))
def test_every_network_builds_and_lowers(name):
    network = build(name)
    lowered = lower(network)
    assert len(lowered.nodes) <= len(network.nodes)
    assert lowered.types[lowered.outputs[0]] == network.types[network.outputs[0]]
    assert network.name == name
    assert ZOO[name].__doc__


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(HUGE))
def test_huge_networks_build_and_lower(name):
    test_every_network_builds_and_lowers(name)


@pytest.mark.parametrize(
    ("name", "million_macs"),
    [("hep-fashion", 7.878), ("hep-cifar", 615.9), ("btc-mlp", 2.910), ("btc-resnet18", 1719.1)],
)
def test_multiply_accumulates(name, million_macs):
    network = build(name)
    total = sum(network.bind(n).layer.macs(network.bind(n).inputs) for n in network.nodes)
    assert total / 1e6 == pytest.approx(million_macs, rel=1e-4)


@pytest.mark.parametrize(
    ("name", "published", "statistics"),
    [
        ("bi-real-18", 11_699_112, True),
        ("binary-densenet-28", 5_150_504, True),
        # Published without the means and variances of the batch norms.
        ("quicknet", 13_234_088, False),
    ],
)
def test_parameters_are_those_published_for_larq_zoo(name, published, statistics):
    count = 0
    for node in build(name).nodes:
        arrays = node.layer.arrays()
        if isinstance(node.layer, BatchNorm) and not statistics:
            arrays = {"gamma": arrays["gamma"], "beta": arrays["beta"]}
        if node.name != "scale" and not node.name.endswith(".float"):
            count += sum(array.size for array in arrays.values())
    assert count == published


@pytest.mark.parametrize("name", ["hep-fashion", "btc-mlp"])
def test_random_networks_have_balanced_bits(name):
    network = build(name)
    values = random_pixels(network, 16)
    for node in network.nodes:
        outputs = compute(node.layer, [values[tensor] for tensor in node.inputs])
        values.update(zip(node.outputs, outputs, strict=True))
        if node.layer.kind == "Sign":
            assert 0.3 < (outputs[0] > 0).mean() < 0.7, node.name


def test_seeds_decide_weights():
    assert build("hep-fashion", seed=1) == build("hep-fashion", seed=1)
    assert build("hep-fashion", seed=1).fingerprint != build("hep-fashion", seed=2).fingerprint


def test_given_weights_are_used():
    wanted = build("hep-fashion", seed=7)
    got = build("hep-fashion", weights=weights_of(wanted))
    assert got.fingerprint == wanted.fingerprint


def test_wrong_weights_are_refused():
    weights = weights_of(build("hep-fashion"))
    with pytest.raises(InputError, match="no weights 'extra'"):
        build("hep-fashion", weights=weights | {"extra": np.ones(1)})
    with pytest.raises(InputError, match=r"'conv2_weight' must have shape \(64, 3, 3, 64\), not"):
        build("hep-fashion", weights=weights | {"conv2_weight": np.ones((2, 3, 3, 1))})
    weights.pop("bn2_beta")
    with pytest.raises(InputError, match="lack 'bn2_beta'"):
        build("hep-fashion", weights=weights)
    with pytest.raises(InputError, match="is trained"):
        build(TRAINED, weights=weights)


def test_unknown_names_are_answered_with_near_ones():
    with pytest.raises(InputError, match="did you mean 'hep-cifar'"):
        build("hep_cifar")


def test_blur_is_the_binomial_filter():
    network = build("quicknet")
    blur = next(n.layer for n in network.nodes if n.name == "transition1.blur")
    assert isinstance(blur, FloatConv2d)
    assert blur.groups == 64
    np.testing.assert_array_equal(blur.weight[5, :, :, 0] * 16, [[1, 2, 1], [2, 4, 2], [1, 2, 1]])


def test_the_default_network_is_binary_and_small():
    network = default_network()
    lowered = lower(network)
    kinds = [node.layer.kind for node in lowered.nodes]
    assert kinds == [
        "BinaryWeightConv2d",
        "BinaryConv2d",
        "Flatten",
        "BinaryDense",
        "BinaryDense",
    ]
    assert network.classes[9] == "Ankle boot"
    fed = random_pixels(network)
    (name,) = network.outputs
    np.testing.assert_array_equal(evaluate(lowered, fed)[name], evaluate(network, fed)[name])


def test_the_packed_network_holds_the_trained_weights(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "tools" / "train"))
    monkeypatch.setattr(sys, "argv", ["pack.py", "--output", str(tmp_path / "packed.bnn")])
    import pack

    pack.main()
    assert load_network(tmp_path / "packed.bnn") == default_network()


def test_who_trained_a_network_is_noted():
    assert has_random_weights(build("hep-fashion"))
    assert not has_random_weights(build("fashion"))
    given = weights_of(build("hep-fashion"))
    assert not has_random_weights(build("hep-fashion", weights=given))
