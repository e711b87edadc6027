import json
import struct

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st
from layer_strategies import ONE_LAYER_NETWORKS, alone, bound_layers, signs

from bnnplan.models.errors import FileError
from bnnplan.models.graph import Network, Node
from bnnplan.models.layers import (
    LAYER_KINDS,
    BinaryConv2d,
    BinaryDense,
    Clip,
    MaxPool2d,
    ScaleBias,
    Sign,
    Threshold,
)
from bnnplan.models.network_file import load_network, save_network
from bnnplan.models.tensors import TensorType


def small_network():
    rng = np.random.default_rng(1)
    threshold = Threshold(np.arange(3, dtype=np.int32), [True, False, True])
    nodes = [
        Node("scale", ScaleBias([2, 3, 4], [0, 0, 1]), ["pixels"], ["scaled"]),
        Node("clip", Clip(-1, np.inf), ["scaled"], ["clipped"]),
        Node("sign", Sign(-1), ["clipped"], ["bits"]),
        Node("hidden", BinaryDense(signs(rng, 3, 3), threshold=threshold), ["bits"], ["hidden"]),
        Node("größe/1", BinaryDense(signs(rng, 2, 3)), ["hidden"], ["scores"]),
    ]
    inputs = {"pixels": TensorType((3,), "uint8")}
    return Network("small", inputs, nodes, ["scores"], ["cat", "dog"], ["made by hand"])


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "small.bnn"
    save_network(small_network(), path)
    return path


def rewrite(path, change):
    """Change the graph or the arrays of a network file, and write it anew."""
    tensors = safetensors.numpy.load(path.read_bytes())
    with safetensors.safe_open(path, "np") as opened:
        graph = json.loads(opened.metadata()["bnnplan"])
    change(graph, tensors)
    path.write_bytes(safetensors.numpy.save(tensors, {"bnnplan": json.dumps(graph)}))


@pytest.mark.parametrize("kind", LAYER_KINDS.values(), ids=LAYER_KINDS)
@settings(max_examples=25)
@given(data=st.data())
def test_every_kind_of_layer_survives_a_file(kind, tmp_path_factory, data):
    network = alone(*data.draw(bound_layers(kind)))
    path = tmp_path_factory.getbasetemp() / "kind.bnn"
    save_network(network, path)
    loaded = load_network(path)
    assert loaded == network
    assert loaded.fingerprint == network.fingerprint


def test_what_a_layer_carries_stands_beside_its_own_fields(tmp_path):
    rule = Threshold(np.arange(3, dtype=np.int32), [True, False, True])
    pool = MaxPool2d(2, (2, 3), minimum=[False, False, True])
    conv = BinaryConv2d(np.ones((3, 1, 1, 2), np.int8), threshold=rule, pool=pool)
    path = tmp_path / "fused.bnn"
    save_network(alone(conv, (TensorType((4, 4, 2), "bit"),)), path)
    with safetensors.safe_open(path, "np") as opened:
        graph = json.loads(opened.metadata()["bnnplan"])
    node = graph["nodes"][0]
    assert (node["settings"]["pool.kernel"], node["settings"]["pool.strides"]) == ([2, 2], [2, 3])
    assert node["arrays"]["pool.minimum"] == {"type": "truth", "shape": [3]}
    assert load_network(path).nodes[0].layer == conv


def test_files_of_version_1_are_read(saved):
    rewrite(saved, field("version", 1))
    assert load_network(saved) == small_network()


def test_names_classes_and_notes_are_kept(saved):
    assert load_network(saved) == small_network()


def test_equal_networks_give_equal_bytes(saved, tmp_path):
    save_network(load_network(saved), tmp_path / "again.bnn")
    assert (tmp_path / "again.bnn").read_bytes() == saved.read_bytes()


def test_signs_take_one_bit_each(tmp_path):
    weight = signs(np.random.default_rng(0), 1024, 1024)
    save_network(alone(BinaryDense(weight), (TensorType((1024,), "bit"),)), tmp_path / "wide.bnn")
    assert (tmp_path / "wide.bnn").stat().st_size < 1024 * 1024 / 8 + 2048


@settings(max_examples=300, deadline=None)
@given(
    network=ONE_LAYER_NETWORKS,
    place=st.floats(0, 1, exclude_max=True),
    bit=st.integers(0, 7),
    cut=st.booleans(),
)
def test_damaged_files_load_or_are_file_errors(tmp_path_factory, network, place, bit, cut):
    path = tmp_path_factory.getbasetemp() / "damaged.bnn"
    save_network(network, path)
    damaged = bytearray(path.read_bytes())
    index = int(place * len(damaged))
    if cut:
        del damaged[index:]
    else:
        damaged[index] ^= 1 << bit
    path.write_bytes(damaged)
    try:
        outcome = load_network(path)
    except FileError as error:
        outcome = str(error)
    if cut or isinstance(outcome, str):
        assert "damaged.bnn" in outcome
        assert "\n" not in outcome


def node(number, **changes):
    return lambda graph, tensors: graph["nodes"][number].update(changes)


def field(name, value):
    return lambda graph, tensors: graph.update({name: value})


def tensor(name, value):
    return lambda graph, tensors: tensors.update({name: value})


def array(number, name, **changes):
    return lambda graph, tensors: graph["nodes"][number]["arrays"][name].update(changes)


def as_whole_numbers(graph, tensors):
    graph["nodes"][0]["arrays"]["bias"]["type"] = "int32"
    tensors["scale/bias"] = np.ones(3, np.int32)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (field("schema", "other"), "field schema: must be 'bnnplan.network'"),
        (field("version", 3), "newer bnnplan"),
        (field("outputs", ["nothing"]), "output 'nothing' is no tensor"),
        (field("inputs", []), "at least one input"),
        (field("inputs", [{"name": "pixels", "shape": [0], "element": "uint8"}]), "at least 1"),
        (
            field("inputs", [{"name": "pixels", "shape": [3], "element": "int4"}]),
            "field inputs[0].element: must be one of bit, uint8",
        ),
        (
            field("inputs", [{"name": "pixels", "shape": [3], "element": "uint8"}] * 2),
            "two inputs have one name",
        ),
        (field("notes", ["one\ntwo"]), "holds characters that cannot be printed"),
        (field("name", "\x1b[2J"), "holds characters that cannot be printed"),
        (field("nodes", 3), "field nodes: must be a list, not 3"),
        (field("extra", 1), "unknown field 'extra'"),
        (node(0, kind="Warp"), "layer 'scale': unknown kind of layer 'Warp'"),
        (node(0, name="clip"), "is missing"),
        (node(0, inputs=["bits"]), "cycle"),
        (node(0, inputs=["ghost"]), "reads 'ghost', which nothing makes"),
        (node(1, settings={"low": "x"}), "layer 'clip'.low: must be a number, not 'x'"),
        (node(1, settings={"low": 2.0, "high": 1.0}), "layer 'clip': Clip.low 2.0 must not"),
        (node(1, settings={"middle": 2.0}), "layer 'clip': Clip has no field 'middle'"),
        (node(2, settings={"zero": 0}), "Sign.zero must be 1 or -1"),
        (node(2, settings={"zero": True}), "must be a whole number"),
        (node(4, settings={"threshold": None}), "has no field 'threshold'"),
        (node(4, settings={"pool.kernel": [2, 2]}), "has no field 'pool.kernel'"),
        (node(4, settings={"scale_bias.kernel": 2}), "layer 'größe/1'.scale_bias: "),
        (node(3, settings={"threshold.zero": 1}), "Threshold has no field 'zero'"),
        (array(0, "scale", shape=[4]), "needs float32 of shape [4]"),
        (array(0, "scale", shape=[-3]), "extent below 1"),
        (array(0, "scale", type="int32"), "needs int32 of shape [3]"),
        (array(3, "weight", shape=[2**40, 2**40]), "needs uint8 of shape"),
        (array(3, "weight", shape=[9]), "must have 2 axes"),
        (array(3, "weight", type="truth"), "must be +1 or -1 only"),
        (as_whole_numbers, "layer 'scale'.bias: must be float32, not int32"),
        (tensor("scale/scale", np.ones(3, np.float64)), "unknown type F64"),
        (tensor("scale/scale", np.array([1, np.nan, 1], np.float32)), "finite"),
        (tensor("scale/other", np.ones(3, np.float32)), "'scale/other' belongs to no layer"),
        (lambda graph, tensors: tensors.pop("hidden/threshold.flip"), "is missing"),
        (
            lambda graph, tensors: (
                graph["nodes"][3]["arrays"].pop("threshold.flip"),
                tensors.pop("hidden/threshold.flip"),
            ),
            "layer 'hidden'.threshold: Threshold needs flip",
        ),
    ],
)
def test_hostile_files_are_refused_with_a_reason(saved, change, message):
    rewrite(saved, change)
    with pytest.raises(FileError, match=r"^[^\n]*small\.bnn[^\n]*$") as caught:
        load_network(saved)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "header too small; save or copy it again"),
        (struct.pack("<Q", 2**63) + b"{}", "not a whole safetensors file"),
        (struct.pack("<Q", 2) + b"[]", "not a whole safetensors file"),
        (safetensors.numpy.save({"a": np.zeros(1)}), "no network of bnnplan"),
        (safetensors.numpy.save({}, {"bnnplan": "{"}), "not valid JSON at line 1"),
        (safetensors.numpy.save({}, {"bnnplan": "[" * 10**5}), "nested too deeply"),
    ],
)
def test_other_files_are_refused_with_a_reason(tmp_path, data, message):
    path = tmp_path / "other.bnn"
    path.write_bytes(data)
    with pytest.raises(FileError, match=r"^[^\n]*other\.bnn[^\n]*$") as caught:
        load_network(path)
    assert message in str(caught.value)
