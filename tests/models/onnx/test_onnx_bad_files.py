"""Broken and hostile files: one clear line, nothing allocated on their word."""

import contextlib
import gzip

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper
from onnx_graphs import Graph, import_model, signs

from bnnplan.models.errors import (
    BnnplanError,
    FileError,
    InputError,
    NetworkError,
    UnsupportedError,
)
from bnnplan.models.normalization import parse_normalization
from bnnplan.models.onnx import import_onnx

SHAPE = (2, 4, 4)
WEIGHT = signs(np.random.default_rng(0), 3, 2, 3, 3)


def good() -> onnx.ModelProto:
    graph = Graph(SHAPE)
    conv = graph.op("Conv", graph.op("Sign", "x"), WEIGHT)
    return graph.model(graph.op("Flatten", conv))


def refused(model, folder, error, text):
    with pytest.raises(error, match=text) as caught:
        import_model(model, folder)
    message = str(caught.value)
    assert "\n" not in message
    assert "model.onnx" in message


@pytest.mark.parametrize(
    "content",
    [b"", b"\0" * 100, b"PK\x03\x04 not onnx", b"\x1f\x8b broken gzip", b'{"schema": 1}'],
    ids=["empty", "zeros", "zip", "gzip", "json"],
)
def test_what_is_no_onnx_file(content, tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with pytest.raises(FileError, match=r"model\.onnx") as caught:
        import_onnx(path)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FileError, match=r"gone\.onnx: cannot be read: No such file"):
        import_onnx(tmp_path / "gone.onnx")


def test_truncated_gzip(tmp_path):
    path = tmp_path / "model.onnx.gz"
    path.write_bytes(gzip.compress(good().SerializeToString())[:-20])
    with pytest.raises(FileError, match="truncated"):
        import_onnx(path)


def test_gzip_is_accepted_under_any_name(tmp_path):
    path = tmp_path / "net.onnx.gz"
    path.write_bytes(gzip.compress(good().SerializeToString()))
    assert import_onnx(path).network.name == "net"


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_damaged_files_never_crash(data, tmp_path):
    content = bytearray(good().SerializeToString())
    if data.draw(st.booleans()):
        del content[data.draw(st.integers(0, len(content) - 1)) :]
    for _ in range(data.draw(st.integers(0, 4))):
        if content:
            place = data.draw(st.integers(0, len(content) - 1))
            content[place] = data.draw(st.integers(0, 255))
    path = tmp_path / "model.onnx"
    path.write_bytes(bytes(content))
    with contextlib.suppress(BnnplanError):
        import_onnx(path)


def test_weights_shorter_than_their_dimensions(tmp_path):
    model = good()
    model.graph.initializer[0].dims[0] = 2**40
    refused(model, tmp_path, FileError, r"'c0': its bytes do not fit dimensions \[1099511627776")


def test_negative_dimensions(tmp_path):
    model = good()
    model.graph.initializer[0].dims[0] = -1
    refused(model, tmp_path, FileError, "'c0' has impossible dimensions")


def external(model, location):
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", location
    return model


def test_external_data_that_is_missing(tmp_path):
    refused(external(good(), "weights.bin"), tmp_path, FileError, "external data cannot be read")


def test_external_data_outside_the_folder(tmp_path):
    (tmp_path / "inner").mkdir()
    (tmp_path / "secret.bin").write_bytes(WEIGHT.tobytes())
    model = external(good(), "../secret.bin")
    refused(model, tmp_path / "inner", FileError, "external data cannot be read")


def test_external_data_beside_the_file(tmp_path):
    (tmp_path / "weights.bin").write_bytes(WEIGHT.tobytes())
    network = import_model(external(good(), "weights.bin"), tmp_path).network
    assert network.fingerprint == import_model(good(), tmp_path).network.fingerprint


def test_a_missing_initialiser(tmp_path):
    model = good()
    del model.graph.initializer[:]
    refused(model, tmp_path, NetworkError, "'c0', read by node 'Conv_1', is missing")


def test_a_cycle(tmp_path):
    model = good()
    model.graph.node[0].input[0] = model.graph.node[1].output[0]
    refused(model, tmp_path, NetworkError, "cycle through '(Sign_0|Conv_1)'")


def test_a_tensor_made_twice(tmp_path):
    model = good()
    model.graph.node[1].output[0] = model.graph.node[0].output[0]
    refused(model, tmp_path, NetworkError, "'t1' is made twice")


def test_an_old_operator_set(tmp_path):
    model = good()
    model.opset_import[0].version = 7
    refused(model, tmp_path, UnsupportedError, "operator set 7 is older than 9")


def test_an_operator_set_that_onnx_does_not_know(tmp_path):
    model = good()
    model.opset_import[0].version = 99
    refused(model, tmp_path, UnsupportedError, "operator set 99 is newer than")


@pytest.mark.parametrize("declared", [(3, 3), (5, 5)])
def test_a_kernel_shape_that_is_not_that_of_the_weights(declared, tmp_path):
    graph = Graph((2, 6, 6))
    conv = graph.op("Conv", graph.op("Sign", "x"), WEIGHT, kernel_shape=declared)
    model = graph.model(graph.op("Flatten", conv))
    if declared == (3, 3):
        import_model(model, tmp_path)
    else:
        refused(model, tmp_path, NetworkError, r"kernel_shape \(5, 5\)")


def test_names_for_another_number_of_classes(tmp_path):
    names = tuple(map(str, range(12)))
    assert import_model(good(), tmp_path, classes=names).network.classes == names
    with pytest.raises(InputError, match=r"2 names of classes, but output .* has 12 elements"):
        import_model(good(), tmp_path, classes=("a", "b"))


def test_open_height(tmp_path):
    model = good()
    model.graph.input[0].type.tensor_type.shape.dim[2].dim_param = "H"
    refused(model, tmp_path, NetworkError, "'x' leaves the extent of axis 2 open")


@pytest.mark.parametrize("extent", [0, -3])
def test_no_channels(extent, tmp_path):
    model = good()
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_value = extent
    refused(model, tmp_path, FileError, "extent below 1")


def test_no_filters(tmp_path):
    graph = Graph(SHAPE)
    model = graph.model(graph.op("Conv", "x", np.zeros((0, 2, 3, 3), np.float32)))
    refused(model, tmp_path, NetworkError, r"node 'Conv_0' \(Conv\): .* no elements")


def test_weights_for_other_channels(tmp_path):
    graph = Graph(SHAPE)
    model = graph.model(graph.op("Conv", "x", np.ones((3, 5, 3, 3), np.float32)))
    refused(model, tmp_path, NetworkError, r"'Conv_0' .*\(3, 5, 3, 3\).* do not fit 2 channels")


def test_a_kernel_larger_than_the_image(tmp_path):
    graph = Graph(SHAPE)
    model = graph.model(graph.op("Conv", "x", np.ones((3, 2, 5, 5), np.float32)))
    refused(model, tmp_path, NetworkError, "'Conv_0' .*window of 5 does not fit 4")


def test_attributes_of_the_wrong_kind(tmp_path):
    model = good()
    model.graph.node[1].attribute.append(helper.make_attribute("strides", "ab"))
    refused(model, tmp_path, NetworkError, "'Conv_1' .*malformed")


def test_an_output_that_depends_on_nothing(tmp_path):
    graph = Graph(SHAPE)
    model = graph.model(graph.op("Add", np.ones(3, "f"), np.ones(3, "f")))
    refused(model, tmp_path, NetworkError, "does not depend on any input")


HUGE = {
    "ConstantOfShape": lambda g: g.op("ConstantOfShape", np.array([2**40], np.int64)),
    "Expand": lambda g: g.op("Expand", np.ones(1, "f"), np.array([2**40], np.int64)),
    "Range": lambda g: g.op("Range", *np.array([0, 2**40, 1], np.int64)),
    "Add": lambda g: g.op("Add", np.ones((2**16, 1), "f"), np.ones((1, 2**16), "f")),
}


@pytest.mark.parametrize("name", HUGE)
def test_constants_that_would_be_huge(name, tmp_path):
    graph = Graph(SHAPE)
    model = graph.model(graph.op("Add", "x", HUGE[name](graph)))
    refused(model, tmp_path, NetworkError, rf"'{name}_0' .*too large")


def test_normalization_for_another_number_of_channels(tmp_path):
    with pytest.raises(NetworkError, match="normalization for 3 channels, but it has 2"):
        import_model(good(), tmp_path, normalization=parse_normalization("mean=1:2:3"))


def expanded(graph, extent):
    one = np.ones(1, np.float32)
    return graph.op("Expand", one, np.array([extent, 2**18], np.int64))


def test_what_is_computed_of_constants_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr("bnnplan.models.onnx.importing.MAX_KEPT", 2**20)
    graph = Graph((2**18,))
    parts = [expanded(graph, extent) for extent in (1, 2, 2)]
    total = graph.op("Sum", *parts)
    refused(graph.model(graph.op("Add", "x", total)), tmp_path, NetworkError, "keeps more than")


def test_constants_that_nothing_reads_again_are_forgotten(tmp_path, monkeypatch):
    monkeypatch.setattr("bnnplan.models.onnx.importing.MAX_KEPT", 2**20)
    graph = Graph((2**18,))
    constant = expanded(graph, 1)
    for _ in range(8):
        constant = graph.op("Neg", constant)
    assert import_model(graph.model(graph.op("Add", "x", constant)), tmp_path)


def test_huge_vectors_are_refused(tmp_path):
    graph = Graph((1, 30_000, 30_000))
    scaled = graph.op("Mul", graph.op("Flatten", "x"), np.ones((1, 1), np.float32))
    result = graph.op("Gemm", scaled, np.ones((9, 2), np.float32))
    refused(graph.model(result), tmp_path, BnnplanError, "do not fit|at most")
    refused(graph.model(graph.op("Softmax", scaled, axis=1)), tmp_path, NetworkError, "at most")
