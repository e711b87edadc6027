"""The float32 peer is the same network: onnxruntime gives what the reference backend gives."""

import numpy as np
import pytest

from bnnplan.backends.reference import evaluate
from bnnplan.models.errors import UnsupportedError
from bnnplan.models.float_onnx import to_float_feed, to_float_onnx
from bnnplan.models.graph import Network, Node
from bnnplan.models.layers import Quantize
from bnnplan.models.load import open_network
from bnnplan.models.lowering import lower
from bnnplan.models.tensors import TensorType

onnxruntime = pytest.importorskip("onnxruntime")


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


def test_a_layer_without_a_float_form_is_named():
    network = Network(
        "q",
        {"x": TensorType((4,), "float32")},
        [Node("grid", Quantize(np.ones(4), np.zeros(4)), ["x"], ["y"])],
        ["y"],
    )
    with pytest.raises(UnsupportedError, match=r"'grid' \(Quantize\)"):
        to_float_onnx(network)
