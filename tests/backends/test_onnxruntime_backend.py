"""The onnxruntime backend under the conformance kit, and without onnxruntime."""

import sys
from typing import ClassVar

import pytest

from bnnplan.backends.conformance import BackendConformance
from bnnplan.backends.onnxruntime import OnnxRuntimeBackend, build_model
from bnnplan.models.graph import BoundLayer
from bnnplan.models.layers import FloatDense
from bnnplan.models.tensors import TensorType


class TestOnnxRuntimeBackend(BackendConformance):
    make_backend = OnnxRuntimeBackend
    examples: ClassVar[int] = 60


@pytest.mark.slow
class TestOnnxRuntimeBackendAtLength(BackendConformance):
    make_backend = OnnxRuntimeBackend


def test_without_onnxruntime_the_device_is_unavailable_with_a_way_out(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    devices, missing = OnnxRuntimeBackend().devices()
    assert devices == []
    assert missing[0].name == "onnxruntime0"
    assert "pip install 'bnnplan[onnxruntime]'" in missing[0].reason


def test_models_pass_the_checker_of_onnx():
    onnx = pytest.importorskip("onnx")
    bound = BoundLayer(FloatDense([[1.0, 2.0]], [0.5]), (TensorType((2,), "float32"),), 3)
    onnx.checker.check_model(build_model(bound), full_check=True)
