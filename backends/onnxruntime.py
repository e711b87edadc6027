"""Float layers through onnxruntime, as one more backend; an optional extra.

Every layer becomes an ONNX model of one operator, between the transpositions that ONNX's channel
order needs. onnxruntime chooses its own order of sums, so results agree to a tolerance only.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bnnplan.backends.host import HostBuffer, HostMemory, host_space
from bnnplan.backends.interface import (
    Backend,
    Buffer,
    Configuration,
    Device,
    DeviceError,
    Kernel,
    Unavailable,
)
from bnnplan.models.errors import UnsupportedError
from bnnplan.models.graph import BoundLayer
from bnnplan.models.layers import (
    AveragePool2d,
    BatchNorm,
    FloatConv2d,
    FloatDense,
    ScaleBias,
    Softmax,
)
from bnnplan.models.tensors import ElementType, TensorType

if TYPE_CHECKING:
    from onnx import ModelProto

OPSET = 17
IR_VERSION = 8
"""Both are old enough for every onnxruntime that bnnplan allows."""

Operator = tuple[str, list[np.ndarray], dict[str, Any]]
"""Name of an ONNX operator, its inputs after the first, and its attributes."""


def _conv(layer: FloatConv2d) -> list[Operator]:
    weight = np.ascontiguousarray(layer.weight.transpose(0, 3, 1, 2))
    attributes = {
        "kernel_shape": layer.kernel,
        "strides": layer.strides,
        "pads": layer.pads,
        "dilations": layer.dilations,
        "group": layer.groups,
    }
    parameters = [weight] if layer.bias is None else [weight, layer.bias]
    return [_FIRST, ("Conv", parameters, attributes), _LAST]


def _dense(layer: FloatDense) -> list[Operator]:
    parameters = [layer.weight] if layer.bias is None else [layer.weight, layer.bias]
    return [("Gemm", parameters, {"transB": 1})]


def _average_pool(layer: AveragePool2d) -> list[Operator]:
    attributes = {
        "kernel_shape": layer.kernel,
        "strides": layer.strides,
        "pads": layer.pads,
        "count_include_pad": int(layer.count_pads),
    }
    return [_FIRST, ("AveragePool", [], attributes), _LAST]


def _scale_bias(layer: ScaleBias) -> list[Operator]:
    return [("Mul", [layer.scale], {}), ("Add", [layer.bias], {})]


def _batch_norm(layer: BatchNorm) -> list[Operator]:
    return _scale_bias(layer.scale_bias())


def _softmax(layer: Softmax) -> list[Operator]:
    return [("LogSoftmax" if layer.log else "Softmax", [], {"axis": -1})]


_FIRST: Operator = ("Transpose", [], {"perm": (0, 3, 1, 2)})
_LAST: Operator = ("Transpose", [], {"perm": (0, 2, 3, 1)})

OPERATORS: dict[str, Callable[[Any], list[Operator]]] = {
    "FloatConv2d": _conv,
    "FloatDense": _dense,
    "AveragePool2d": _average_pool,
    "ScaleBias": _scale_bias,
    "BatchNorm": _batch_norm,
    "Softmax": _softmax,
}
"""The ONNX operators of every supported kind of layer, in order."""


def build_model(bound: BoundLayer) -> ModelProto:
    """An ONNX model that computes a layer on arrays in the shared format.

    Parameters
    ----------
    bound : BoundLayer
        Of a kind in :data:`OPERATORS`, on float32 inputs.
    """
    from onnx import TensorProto, helper, numpy_helper

    nodes, parameters, last = [], [], "x"
    for place, (operator, arrays, attributes) in enumerate(
        OPERATORS[bound.layer.kind](bound.layer)
    ):
        names = [f"p{place}_{index}" for index in range(len(arrays))]
        parameters += [
            numpy_helper.from_array(array, name) for array, name in zip(arrays, names, strict=True)
        ]
        nodes.append(helper.make_node(operator, [last, *names], [f"t{place}"], **attributes))
        last = f"t{place}"

    def describe(name: str, type: TensorType) -> Any:
        shape = type.array_shape(bound.batch)
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    graph = helper.make_graph(
        nodes,
        bound.layer.kind,
        [describe("x", bound.inputs[0])],
        [describe(last, bound.outputs[0])],
        parameters,
    )
    opset = helper.make_opsetid("", OPSET)
    return helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION)


class OnnxRuntimeKernel(Kernel):
    """One layer as a session of its own."""

    def __init__(self, bound: BoundLayer, device: Device, configuration: Configuration) -> None:
        import onnxruntime

        model = build_model(bound)
        both = (*bound.inputs, *bound.outputs)
        super().__init__(
            bound,
            device,
            configuration,
            weight_bytes=sum(len(tensor.raw_data) for tensor in model.graph.initializer),
            workspace_bytes=sum(type.nbytes(bound.batch) for type in both),
        )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = configuration.threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Idle threads that spin would take the cores from the next device of a plan.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = onnxruntime.InferenceSession(
                model.SerializeToString(), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:
            line = " ".join(str(error).split())
            raise DeviceError(f"device {device.name} refused {bound.layer.kind}: {line}") from error
        self._output = self._session.get_outputs()[0].name

    def run(self, inputs: Sequence[Buffer], outputs: Sequence[Buffer]) -> None:
        """Compute straight from the input's memory into the output's."""
        binding = self._session.io_binding()
        source, target = _array(inputs[0]), _array(outputs[0])
        binding.bind_input("x", "cpu", 0, np.float32, source.shape, source.ctypes.data)
        binding.bind_output(self._output, "cpu", 0, np.float32, target.shape, target.ctypes.data)
        self._session.run_with_iobinding(binding)


def _array(buffer: Buffer) -> np.ndarray:
    assert isinstance(buffer, HostBuffer)
    return buffer.array


class OnnxRuntimeBackend(HostMemory, Backend):
    """The CPU provider of onnxruntime as one device."""

    name = "onnxruntime"
    float_tolerance = 1e-4

    def devices(self) -> tuple[list[Device], list[Unavailable]]:
        """One device, if onnxruntime is installed."""
        try:
            import onnxruntime
        except ImportError as error:
            reason = f"{error}; pip install 'bnnplan[onnxruntime]'"
            return [], [Unavailable("onnxruntime0", " ".join(reason.split()))]
        cores = os.sched_getaffinity(0)
        device = Device(
            name="onnxruntime0",
            backend=self.name,
            kind="cpu",
            description=f"onnxruntime {onnxruntime.__version__} on the CPU",
            space=host_space(),
            resources=frozenset(f"core:{core}" for core in cores),
            threads=len(cores),
            properties={"onnxruntime": onnxruntime.__version__},
        )
        return [device], []

    def supports(self, bound: BoundLayer, device: Device) -> str | None:
        """Float layers that are one or two ONNX operators."""
        if bound.layer.kind not in OPERATORS:
            return f"runs {', '.join(OPERATORS)} only"
        if bound.inputs[0].element is not ElementType.FLOAT32:
            return f"takes float32 inputs only, not {bound.inputs[0].element}"
        return None

    def configurations(self, bound: BoundLayer, device: Device) -> list[Configuration]:
        """Threads: the powers of two, and all."""
        counts = {2**power for power in range(device.threads.bit_length())} | {device.threads}
        return [Configuration(threads=count) for count in sorted(counts)]

    def prepare(self, bound: BoundLayer, device: Device, configuration: Configuration) -> Kernel:
        """Build the layer's model and load it."""
        reason = self.supports(bound, device)
        if reason is not None:
            raise UnsupportedError(f"device {device.name}: {reason}")
        if configuration not in self.configurations(bound, device):
            raise UnsupportedError(
                f"device {device.name} has no configuration {configuration.label!r}"
            )
        return OnnxRuntimeKernel(bound, device, configuration)
