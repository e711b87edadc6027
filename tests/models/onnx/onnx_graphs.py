"""Small ONNX graphs for tests: built here, computed by onnxruntime, imported by us."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from bnnplan.backends.reference import evaluate
from bnnplan.models.graph import Network
from bnnplan.models.onnx import Imported, import_onnx

FLOAT = TensorProto.FLOAT


class Graph:
    """A graph under construction; arrays among the inputs of an operator become initialisers."""

    def __init__(self, shape, *, opset=13, element=FLOAT, batch="N"):
        self.opset, self.batch, self.element = opset, batch, element
        self.shape = tuple(int(extent) for extent in shape)
        self.nodes, self.constants = [], []
        self.count = 0

    def name(self) -> str:
        self.count += 1
        return f"t{self.count}"

    def constant(self, array) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def op(self, kind, *inputs, outputs=1, domain="", **attributes):
        names = [i if isinstance(i, str) else self.constant(i) for i in inputs]
        made = [self.name() for _ in range(outputs)]
        label = f"{kind}_{len(self.nodes)}"
        node = helper.make_node(kind, names, made, name=label, domain=domain, **attributes)
        self.nodes.append(node)
        return made[0] if outputs == 1 else made

    def axes_op(self, kind, source, axes, *, since, **attributes):
        """An operator whose axes became an input with operator set `since`."""
        if self.opset < since:
            return self.op(kind, source, axes=axes, **attributes)
        return self.op(kind, source, np.array(axes, np.int64), **attributes)

    def model(self, *outputs) -> onnx.ModelProto:
        domains = {node.domain for node in self.nodes} - {""}
        graph = helper.make_graph(
            self.nodes,
            "test",
            [helper.make_tensor_value_info("x", self.element, [self.batch, *self.shape])],
            [helper.make_empty_tensor_value_info(name) for name in outputs],
            self.constants,
        )
        opsets = [helper.make_opsetid("", self.opset)]
        opsets += [helper.make_opsetid(domain, 1) for domain in domains]
        return helper.make_model(graph, opset_imports=opsets, ir_version=10)


def import_model(model: onnx.ModelProto, folder: Path, **options) -> Imported:
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return import_onnx(path, **options)


def channels_last(array: np.ndarray) -> np.ndarray:
    return array.transpose(0, 2, 3, 1) if array.ndim == 4 else array


def run_onnx(model: onnx.ModelProto, x: np.ndarray) -> np.ndarray:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    return session.run(None, {"x": x})[0]


def run_network(network: Network, x: np.ndarray) -> np.ndarray:
    """Evaluate with an array in the axes of the network's input."""
    ((name, type),) = network.inputs.items()
    fed = x.reshape(len(x), *type.shape).astype(type.element.dtype)
    return evaluate(network, {name: fed})[network.outputs[0]]


def agree(model: onnx.ModelProto, x: np.ndarray, folder: Path, *, exact=True, nhwc=False):
    """Import the model and compare with onnxruntime; returns what was imported."""
    imported = import_model(model, folder)
    wanted = run_onnx(model, x)
    got = run_network(imported.network, x if nhwc else channels_last(x))
    if not nhwc:
        wanted = channels_last(wanted)
    if exact:
        np.testing.assert_array_equal(got.reshape(wanted.shape), wanted)
    else:
        np.testing.assert_allclose(got.reshape(wanted.shape), wanted, rtol=1e-4, atol=1e-4)
    return imported


def kinds(network: Network) -> list[str]:
    return [node.layer.kind for node in network.nodes]


def signs(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.choice(np.array([-1, 1], np.float32), shape)
