"""What a person feeds a network, and what import, inspect, run and evaluate tell of it."""

import json

import numpy as np
import pytest
from networks import branches, chain
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from typer.testing import CliRunner

from bnnplan.models.errors import BnnplanError, InputError
from bnnplan.models.graph import Network, Node
from bnnplan.models.layers import ScaleBias, Softmax
from bnnplan.models.network_file import load_network, save_network
from bnnplan.models.tensors import TensorType
from bnnplan.models.zoo import ZOO
from bnnplan.planner.cli.app import app
from bnnplan.planner.cli.run import TRACED, _warm_trace
from bnnplan.planner.execution.trace import Trace
from bnnplan.planner.frames.inputs import read_feeds

REFERENCE = ("--devices", "reference0")
PIXELS = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 1), np.uint8)


@pytest.fixture
def command(monkeypatch, tmp_path):
    """Run a command; gives its result, or raises the error that it would print."""
    monkeypatch.setenv("BNNPLAN_CACHE", str(tmp_path / "cache"))

    def invoke(*arguments):
        result = CliRunner().invoke(app, [*map(str, arguments)])
        if isinstance(result.exception, BnnplanError):
            raise result.exception
        return result

    return invoke


def floats(shape=(4, 4, 1)):
    type = TensorType(shape, "float32")
    scale = ScaleBias(np.ones(shape[-1]), np.zeros(shape[-1]))
    return Network("floats", {"x": type}, [node("scale", scale, "x", "y")], ["y"])


def node(name, layer, source, target):
    return Node(name, layer, [source], [target])


def feeds(network, path):
    return read_feeds(network, str(path), batch=1, seed=0)


def refused(network, path, *words):
    with pytest.raises(BnnplanError) as caught:
        feeds(network, path)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    assert "pickle" not in message
    for word in words:
        assert word in message


@pytest.mark.parametrize("name", ["pixels", "images", "arr_0"])
def test_the_only_input_of_a_network_may_go_unnamed(tmp_path, name):
    np.savez(tmp_path / "a.npz", **{name: PIXELS})
    np.testing.assert_array_equal(feeds(chain(), tmp_path / "a.npz")["pixels"], PIXELS)


def test_an_array_of_the_inputs_own_name_comes_first(tmp_path):
    np.savez(tmp_path / "a.npz", images=PIXELS[:1], pixels=PIXELS)
    assert len(feeds(chain(), tmp_path / "a.npz")["pixels"]) == 3


def test_arrays_of_other_names_are_listed(tmp_path):
    np.savez(tmp_path / "a.npz", photos=PIXELS, labels=np.zeros(3))
    refused(chain(), tmp_path / "a.npz", "no array 'pixels'", "it holds photos, labels")
    several = Network(
        "two", {"a": TensorType((2,), "int32"), "b": TensorType((2,), "int32")}, [], ["a", "b"]
    )
    np.savez(tmp_path / "b.npz", a=np.zeros((1, 2), np.int32), images=np.zeros((1, 2), np.int32))
    refused(several, tmp_path / "b.npz", "no array 'b'")


def test_a_wrong_shape_is_told_as_the_file_has_it(tmp_path):
    np.save(tmp_path / "a.npy", PIXELS[..., 0])
    refused(
        chain(),
        tmp_path / "a.npy",
        "must have shape (batch, 8, 8, 1), not (3, 8, 8): batch, height, width, channels",
    )


@pytest.mark.parametrize("name", ["a.npy", "a.npz"])
def test_numbers_without_axes_are_refused(tmp_path, name):
    (np.save if name == "a.npy" else np.savez)(tmp_path / name, np.uint8(3))
    refused(chain(), tmp_path / name, "not ()")


@pytest.mark.parametrize("dtype", [np.int64, np.float64, np.float32])
def test_pixels_of_a_wider_type_come_with_advice(tmp_path, dtype):
    np.save(tmp_path / "a.npy", PIXELS.astype(dtype))
    refused(chain(), tmp_path / "a.npy", f"not {np.dtype(dtype)}", ".astype(numpy.uint8)")
    np.save(tmp_path / "b.npy", np.full((1, 8, 8, 1), 256, dtype))
    with pytest.raises(InputError, match=r"must be of type uint8, not \w+$"):
        feeds(chain(), tmp_path / "b.npy")


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_refused(tmp_path, odd):
    given = np.zeros((2, 4, 4, 1), np.float32)
    np.save(tmp_path / "good.npy", given)
    assert len(feeds(floats(), tmp_path / "good.npy")["x"]) == 2
    given[1, 2, 3, 0] = odd
    np.save(tmp_path / "bad.npy", given)
    refused(floats(), tmp_path / "bad.npy", "NaN or infinity")


def test_files_that_are_no_arrays_say_so_in_plain_words(tmp_path):
    for name in ("a.npy", "a.npz"):
        (tmp_path / name).write_bytes(b"\x89PNG\r\n\x1a\n")
        refused(chain(), tmp_path / name, f"numpy.save{'z' if name == 'a.npz' else ''} writes")
    np.save(tmp_path / "objects.npy", np.array([{}]))
    np.savez(tmp_path / "objects.npz", np.array([{}]))
    for name in ("objects.npy", "objects.npz"):
        refused(chain(), tmp_path / name, "Python objects")
    for name in ("gone.npy", "gone.npz", "gone.png"):
        refused(chain(), tmp_path / name)
        with pytest.raises(BnnplanError, match=r"cannot be read: No such file") as caught:
            feeds(chain(), tmp_path / name)
        assert "Errno" not in str(caught.value)


def test_no_input_is_no_folder():
    with pytest.raises(InputError, match="--input is empty"):
        feeds(chain(), "")


@pytest.mark.parametrize("order", ["<u2", ">u2"])
def test_16_bit_pictures_keep_their_grey(tmp_path, order):
    wide = (PIXELS[0, ..., 0].astype(np.uint16) * 257).astype(order)
    ending = "png" if order == "<u2" else "tif"
    Image.fromarray(wide).save(tmp_path / f"wide.{ending}")
    with Image.open(tmp_path / f"wide.{ending}") as opened:
        assert opened.mode.startswith("I;16")
    got = feeds(chain(), tmp_path / f"wide.{ending}")["pixels"]
    np.testing.assert_array_equal(got, PIXELS[:1])


def test_pictures_without_a_known_range_are_refused(tmp_path):
    Image.fromarray(np.full((8, 8), 0.5, np.float32)).save(tmp_path / "float.tif")
    refused(chain(), tmp_path / "float.tif", "mode F", "8 or 16 bits")


def test_a_squeezed_picture_is_told(tmp_path):
    told = []
    for name, size in (("square", (20, 20)), ("wide", (20, 30))):
        path = tmp_path / f"{name}.png"
        Image.fromarray(np.zeros(size, np.uint8)).save(path)
        read_feeds(chain(), str(path), batch=1, seed=0, tell=told.append)
    (line,) = told
    assert "wide.png: squeezed from 30×20 to 8×8" in line


def test_two_inputs_are_misuse(command, tmp_path):
    save_network(chain(), tmp_path / "chain.bnn")
    assert command("run", tmp_path / "chain.bnn", "-i", "a.npy", "-i", "b.npy").exit_code == 2


class Warming:
    """A runner whose first runs take longer."""

    def __init__(self):
        self.runs = 0

    def run_timed(self, arrays):
        self.runs += 1
        return Trace((), 1000 - self.runs if self.runs <= TRACED else 100 + self.runs % 2)


def test_the_trace_is_of_a_warm_run():
    assert _warm_trace(Warming(), {}).total <= 101


@pytest.mark.parametrize(
    ("layer", "meaning"),
    [(None, "logits"), (Softmax(False), "probabilities"), (Softmax(True), "log-probabilities")],
)
def test_run_says_what_its_numbers_are_and_names_the_classes(command, tmp_path, layer, meaning):
    network = chain()
    if layer is not None:
        network = network.replace(
            [*network.nodes, node("last", layer, network.outputs[0], "answer")],
            outputs=("answer",),
        )
    names = tuple(f"class {index}" for index in range(10))
    save_network(network.replace(network.nodes, classes=names), tmp_path / "net.bnn")
    np.save(tmp_path / "images.npy", PIXELS)
    given = ("run", tmp_path / "net.bnn", "-i", tmp_path / "images.npy", *REFERENCE)
    document = json.loads(command(*given, "--json").stdout)
    (output,) = network.outputs
    assert document["scores"] == {output: meaning}
    for row, best in zip(document["outputs"][output], document["top"][output], strict=True):
        assert best[0] == {"class": names[int(np.argmax(row))], "score": max(row)}
        assert len(best) == 5
    assert meaning.split("-")[-1] in command(*given).stdout


def test_random_weights_are_told_where_answers_are_printed(command, tmp_path):
    random = chain().replace(chain().nodes, notes=("random weights, seed 0",))
    np.savez(tmp_path / "data.npz", images=PIXELS, labels=np.zeros(3, int))
    for network, told in ((random, True), (chain(), False)):
        save_network(network, tmp_path / "net.bnn")
        for arguments in (
            ("run", tmp_path / "net.bnn"),
            ("evaluate", tmp_path / "net.bnn", "--data", tmp_path / "data.npz"),
        ):
            result = command(*arguments, *REFERENCE, "--json")
            assert result.exit_code == 0
            assert ("has random weights" in result.stderr) == told


def test_a_picture_is_no_data_set(command, tmp_path):
    save_network(chain(), tmp_path / "net.bnn")
    Image.fromarray(PIXELS[0, ..., 0]).save(tmp_path / "photo.png")
    with pytest.raises(BnnplanError, match=r"photo\.png: not a whole \.npz file, as"):
        command("evaluate", tmp_path / "net.bnn", "--data", tmp_path / "photo.png")


def test_inspect_lists_the_zoo(command):
    lines = command("inspect", "--zoo").stdout.splitlines()
    assert len(lines) == 1 + len(ZOO)
    found = {
        row["name"]: row
        for row in json.loads(command("inspect", "--zoo", "--json").stdout)["networks"]
    }
    assert list(found) == list(ZOO)
    assert [name for name, row in found.items() if row["weights"] == "trained"] == ["fashion"]
    assert all(row["summary"] for row in found.values())


def test_inspect_explains_padded_bits(command, tmp_path):
    for network, padded in ((chain(channels=64), False), (branches(), True)):
        save_network(network, tmp_path / "net.bnn")
        out = command("inspect", tmp_path / "net.bnn").stdout
        assert ("whole words of 64" in out) == padded


@pytest.fixture
def model(tmp_path):
    """An ONNX file: ten sums of all pixels of a float image."""
    weight = numpy_helper.from_array(np.ones((10, 1, 6, 6), np.float32), "w")
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["x", "w"], ["y"], name="conv"),
            helper.make_node("Flatten", ["y"], ["z"]),
        ],
        "model",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 1, 6, 6])],
        [helper.make_empty_tensor_value_info("z")],
        [weight],
    )
    path = tmp_path / "model.onnx"
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    path.write_bytes(made.SerializeToString())
    return path


def test_import_says_what_to_feed_and_hints_at_normalization(command, model, tmp_path):
    out = command("import", model, "-o", tmp_path / "a.bnn").stdout
    assert "no layer multiplies bits by bits" in out
    assert "1 layer with binary weights only: conv" in out
    assert "x: float32 of shape (N, 6, 6, 1): batch, height, width, channels" in out
    assert "--normalize" in out
    out = command("import", model, "-o", tmp_path / "b.bnn", "--normalize", "scale=1/255").stdout
    assert "x: uint8 of shape (N, 6, 6, 1)" in out
    assert "from 0 to 255" in out
    assert "--normalize" not in out
    assert any("normalized" in note for note in load_network(tmp_path / "b.bnn").notes)
    assert "normalized inside: scale=" in command("inspect", tmp_path / "b.bnn").stdout


def test_import_writes_only_what_commands_open(command, model, tmp_path):
    assert command("import", model, "-o", tmp_path / "net.xyz").exit_code == 2
    assert not (tmp_path / "net.xyz").exists()


def test_import_refuses_names_that_are_too_few(command, model, tmp_path):
    with pytest.raises(InputError, match=r"2 names of classes, but output 'z' has 10 elements"):
        command("import", model, "-o", tmp_path / "a.bnn", "--classes", "a,b")
    assert not (tmp_path / "a.bnn").exists()
