"""The float32 peer is the same network: onnxruntime gives what the reference backend gives."""

import numpy as np
import pytest

from bnnplan.backends.reference import evaluate
from bnnplan.models.errors import UnsupportedError
from bnnplan.models.float_onnx import to_float_feed, to_float_onnx
from bnnplan.models.graph import Network, Node
from bnnplan.models.layers import MultiThreshold, Quantize, Rounding
from bnnplan.models.load import open_network
from bnnplan.models.lowering import lower
from bnnplan.models.tensors import TensorType

onnxruntime = pytest.importorskip("onnxruntime")
FLOATS = TensorType((2,), "float32")


@pytest.mark.parametrize("lowered", [False, True])
@pytest.mark.parametrize("name", ["fashion", "btc-mlp", "btc-resnet14-cifar"])
def test_same_outputs_as_the_reference(name, lowered):
    network = open_network(name)
    network = lower(network) if lowered else network
    ((source, kind),) = network.inputs.items()
    pixels = np.random.default_rng(0).integers(0, 256, (2, *kind.shape), np.uint8)
    wanted = evaluate(network, {source: pixels})[network.outputs[0]]
    session = onnxruntime.InferenceSession(to_float_onnx(network).SerializeToString())
    (got,) = session.run(None, {source: to_float_feed(pixels, kind)})
    np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-3 * np.abs(wanted).max())


@pytest.mark.parametrize("rounding", Rounding)
def test_every_rounding_is_that_of_the_reference(rounding):
    layer = Quantize([0.5, 1.0], [0.0, -1.0], -3, 2, rounding)
    network = Network("q", {"x": FLOATS}, [Node("grid", layer, ["x"], ["y"])], ["y"])
    x = np.linspace(-4, 4, 66, dtype=np.float32).reshape(-1, 2)
    session = onnxruntime.InferenceSession(to_float_onnx(network).SerializeToString())
    (got,) = session.run(None, {"x": x})
    np.testing.assert_array_equal(got, evaluate(network, {"x": x})["y"])


def test_a_layer_without_a_float_form_is_named():
    layer = MultiThreshold(np.zeros((2, 3)))
    network = Network("m", {"x": FLOATS}, [Node("steps", layer, ["x"], ["y"])], ["y"])
    with pytest.raises(UnsupportedError, match=r"'steps' \(MultiThreshold\)"):
        to_float_onnx(network)
