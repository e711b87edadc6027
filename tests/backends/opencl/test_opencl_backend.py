"""What the conformance kit cannot know of the OpenCL backend: its own axes, tiles and launches."""

import os
import subprocess
import sys

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bnnplan.backends.interface import Configuration, DeviceError, Step
from bnnplan.backends.opencl import OpenClBackend, pocl
from bnnplan.backends.opencl.backend import AXES, GPU_CHUNK, OTHERS, PRODUCTS
from bnnplan.backends.opencl.discovery import discover
from bnnplan.backends.opencl.kernel import ClKernel
from bnnplan.backends.reference import compute
from bnnplan.models.errors import InputError, UnsupportedError
from bnnplan.models.graph import BoundLayer
from bnnplan.models.layers import (
    Add,
    BinaryConv2d,
    BinaryDense,
    BinaryWeightConv2d,
    Concat,
    Flatten,
    FloatConv2d,
    MaxPool2d,
    Quantize,
    ScaleBias,
    Split,
    Threshold,
    Transpose,
)
from bnnplan.models.tensors import ElementType, TensorType, decode, encode

BACKEND = OpenClBackend()
DEVICES, MISSING = BACKEND.devices()
REASONS = "; ".join(item.reason for item in MISSING)
BIT, UINT8, INT32 = ElementType.BIT, ElementType.UINT8, ElementType.INT32

pytestmark = pytest.mark.skipif(not DEVICES, reason=f"no OpenCL device: {REASONS}")


@pytest.fixture(params=DEVICES, ids=lambda device: device.name)
def device(request):
    return request.param


def signs(rng, *shape):
    return rng.choice(np.array([-1, 1], np.int8), shape)


def fused(rng, neurons, reach):
    return Threshold(
        rng.integers(-reach, reach + 1, neurons).astype(np.int32), rng.random(neurons) < 0.5
    )


def values_of(rng, type, batch):
    shape = (batch, *type.shape)
    if type.element is BIT:
        return signs(rng, *shape)
    if type.element is ElementType.FLOAT32:
        return rng.standard_normal(shape, dtype=np.float32)
    return rng.integers(0, 100, shape).astype(type.element.dtype)


def buffers(device, bound, values):
    inputs = []
    for type, array in zip(bound.inputs, values, strict=True):
        inputs.append(BACKEND.allocate(device, type, bound.batch, type.format))
        BACKEND.upload(encode(array, type), inputs[-1])
    outputs = [BACKEND.allocate(device, type, bound.batch, type.format) for type in bound.outputs]
    return inputs, outputs


def assert_exact(kernel, device, values):
    bound = kernel.bound
    inputs, outputs = buffers(device, bound, values)
    kernel.run(inputs, outputs)
    expected = compute(bound.layer, values)
    for buffer, wanted in zip(outputs, expected, strict=True):
        np.testing.assert_array_equal(BACKEND.download(buffer), encode(wanted, buffer.type))


CONVOLUTIONS = st.builds(
    dict,
    seed=st.integers(0, 2**16),
    batch=st.integers(1, 3),
    rows=st.integers(3, 7),
    columns=st.integers(3, 7),
    channels=st.sampled_from([1, 5, 64, 65, 130]),
    neurons=st.sampled_from([1, 7, 8, 9, 63, 72, 130]),
    stride=st.integers(1, 2),
    pad=st.integers(0, 2),
    pad_value=st.sampled_from([0, 1, -1]),
    threshold=st.booleans(),
)


def convolution(*, seed, batch, rows, columns, channels, neurons, stride, pad, **more):
    rng = np.random.default_rng(seed)
    layer = BinaryConv2d(
        signs(rng, neurons, 3, 3, channels),
        strides=stride,
        pads=(pad, 0, 1, pad),
        pad_value=more["pad_value"],
        threshold=fused(rng, neurons, 9) if more["threshold"] else None,
    )
    bound = BoundLayer(layer, (TensorType((rows, columns, channels), BIT),), batch)
    return bound, [values_of(rng, bound.inputs[0], batch)]


@pytest.mark.parametrize("axes", ["", *AXES])
@settings(max_examples=15, deadline=None)
@given(case=CONVOLUTIONS)
def test_every_axis_gives_the_same_at_any_batch(axes, case):
    bound, values = convolution(**case)
    for device in DEVICES:
        assert_exact(BACKEND.prepare(bound, device, Configuration(axes)), device, values)


@settings(max_examples=30, deadline=None)
@given(case=CONVOLUTIONS, tile=st.sampled_from([(1, 1), (1, 2), (2, 2), (3, 1), (2, 4)]))
def test_every_tile_gives_the_same(case, tile):
    bound, values = convolution(**case)
    for device in DEVICES:
        tiled = Configuration("XY", variant="tiled", tile=tile)
        assert_exact(BACKEND.prepare(bound, device, tiled), device, values)


def gpu_cases():
    rng = np.random.default_rng(5)
    image, vector = TensorType((6, 5, 70), BIT), TensorType((70,), BIT)
    numbers, floats = TensorType((6, 5, 3), UINT8), TensorType((6, 5, 3), ElementType.FLOAT32)
    ones = np.ones(3, np.float32)
    yield BinaryConv2d(signs(rng, 40, 3, 3, 70), pads=1, threshold=fused(rng, 40, 9)), (image,)
    yield BinaryConv2d(signs(rng, 20, 3, 3, 7), groups=10), (image,)
    yield BinaryDense(signs(rng, 21, 70)), (vector,)
    yield BinaryWeightConv2d(signs(rng, 21, 3, 3, 3), pads=1), (numbers,)
    yield FloatConv2d(rng.standard_normal((9, 3, 3, 3)), bias=np.arange(9)), (floats,)
    yield MaxPool2d(2, 2, minimum=rng.random(70) < 0.5), (image,)
    yield ScaleBias(rng.standard_normal(70), rng.standard_normal(70)), (image,)
    yield Quantize(ones / 3, ones, -8, 7), (floats,)
    yield Concat(), (image, image, image)
    yield Split((3, 64, 3)), (image,)
    yield Flatten(), (image,)
    yield Transpose((2, 0, 1)), (image,)
    yield Add(), (TensorType((6, 5, 3), INT32),) * 2


GPU_CASES = list(gpu_cases())
GPU_KINDS = [f"{layer.kind} {types[0]}" for layer, types in GPU_CASES]


@pytest.mark.parametrize("axes", ["X", "Y", "XYZ"])
@pytest.mark.parametrize(("layer", "types"), GPU_CASES, ids=GPU_KINDS)
def test_work_groups_and_chunks_of_a_gpu_give_the_same(device, layer, types, axes):
    bound = BoundLayer(layer, types, batch=2)
    planner = PRODUCTS.get(layer.kind) or OTHERS[layer.kind]
    kernel = ClKernel(
        bound,
        attrs.evolve(device, kind="gpu"),
        Configuration(axes),
        discover()[0][device.name][1],
        planner(bound, (), GPU_CHUNK),
    )
    rng = np.random.default_rng(1)
    assert_exact(kernel, device, [values_of(rng, type, 2) for type in types])


def chain(rng):
    """The second half of HEP-BNN's network for Fashion-MNIST, made small."""
    yield BinaryConv2d(signs(rng, 64, 3, 3, 64), pads=1, threshold=fused(rng, 64, 9))
    yield MaxPool2d(2, 2)
    yield Flatten()
    yield BinaryDense(signs(rng, 64, 3 * 3 * 64), threshold=fused(rng, 64, 9))
    yield BinaryDense(signs(rng, 10, 64))


def linked(device, batch):
    rng = np.random.default_rng(batch)
    source = TensorType((6, 6, 64), BIT)
    values = values_of(rng, source, batch)
    buffer = BACKEND.allocate(device, source, batch, source.format)
    BACKEND.upload(encode(values, source), buffer)
    steps = []
    for layer in chain(rng):
        bound = BoundLayer(layer, (buffer.type,), batch)
        configuration = BACKEND.configurations(bound, device)[-1]
        kernel = BACKEND.prepare(bound, device, configuration)
        target = BACKEND.allocate(device, bound.outputs[0], batch, kernel.output_formats[0])
        steps.append(Step(kernel, (buffer,), (target,)))
        values = compute(layer, [values])[0]
        buffer = target
    return BACKEND.link(steps), buffer, values


def test_a_linked_segment_gives_what_the_layers_give(device):
    program, buffer, expected = linked(device, batch=3)
    for _ in range(2):
        program.run()
        np.testing.assert_array_equal(decode(BACKEND.download(buffer), buffer.type), expected)


def test_a_timed_run_gives_the_result_and_a_time_for_each_step(device):
    program, buffer, expected = linked(device, batch=1)
    times = program.run_timed()
    assert len(times) == 5
    assert all(type(time) is int for time in times)
    assert min(times) >= 0 < sum(times)
    np.testing.assert_array_equal(decode(BACKEND.download(buffer), buffer.type), expected)


def test_all_plain_configurations_share_one_compiled_program(device, monkeypatch):
    session = discover()[0][device.name][1]
    compiled = []
    compile_really = session.compile

    def count(source, options):
        compiled.append(options)
        return compile_really(source, options)

    monkeypatch.setattr(session, "_programs", {})
    monkeypatch.setattr(session, "compile", count)
    layer = BinaryConv2d(np.ones((16, 3, 3, 64), np.int8))
    for rows in (5, 6):
        bound = BoundLayer(layer, (TensorType((rows, 5, 64), BIT),), batch=2)
        for axes in AXES:
            BACKEND.prepare(bound, device, Configuration(axes))
    assert len(compiled) == 1


def small(device):
    bound = BoundLayer(Flatten(), (TensorType((2, 2, 3), UINT8),))
    return bound, BACKEND.prepare(bound, device, Configuration("Z"))


def test_buffers_must_fit_the_layer(device):
    bound, kernel = small(device)
    inputs, outputs = buffers(device, bound, [np.zeros((1, 2, 2, 3), np.uint8)])
    with pytest.raises(InputError, match=r"takes input buffers .* 2×2×3 uint8, batch 1"):
        kernel.run(outputs, outputs)
    with pytest.raises(InputError, match="output buffers"):
        kernel.run(inputs, [])


def test_an_array_must_fit_the_buffer(device):
    type = TensorType((3,), UINT8)
    buffer = BACKEND.allocate(device, type, 1, type.format)
    with pytest.raises(InputError, match=r"shape \(2, 3\)"):
        BACKEND.upload(np.zeros((2, 3), np.uint8), buffer)
    with pytest.raises(InputError, match="float32"):
        BACKEND.upload(np.zeros((1, 3), np.float32), buffer)


def test_no_arena_is_larger_than_one_piece_of_memory(device):
    limit = BACKEND._session(device).handle.max_mem_alloc_size
    assert BACKEND.allocate_arena(device, limit + 1) is None
    assert BACKEND.alignment(device) % 64 == 0


def test_a_tensor_beyond_the_device_is_refused_in_one_line(device):
    type = TensorType((2**30,), INT32)
    with pytest.raises(DeviceError, match=f"{device.name} cannot hold .* use a smaller batch"):
        BACKEND.allocate(device, type, 64, type.format)
    bound = BoundLayer(Add(), (type, type), 64)
    assert "in one piece" in BACKEND.supports(bound, device)


@pytest.mark.parametrize(
    "configuration",
    [
        Configuration("ZX"),
        Configuration("Z", threads=2),
        Configuration("Z", variant="avx2"),
        Configuration("Z", variant="tiled", tile=(9, 1)),
        Configuration("Z", tile=(2, 2)),
    ],
)
def test_unknown_configurations_are_refused(device, configuration):
    bound = BoundLayer(BinaryDense(np.ones((2, 3), np.int8)), (TensorType((3,), BIT),))
    with pytest.raises(UnsupportedError, match="use a configuration that it offers"):
        BACKEND.prepare(bound, device, configuration)


def test_a_device_lost_while_running_is_named(device, monkeypatch):
    bound, kernel = small(device)
    inputs, outputs = buffers(device, bound, [np.zeros((1, 2, 2, 3), np.uint8)])
    cl = discover()[0][device.name][1].cl

    def lose(*arguments):
        raise cl.RuntimeError("clEnqueueNDRangeKernel failed: OUT_OF_RESOURCES\nmore")

    monkeypatch.setattr(cl, "enqueue_nd_range_kernel", lose)
    with pytest.raises(DeviceError) as caught:
        kernel.run(inputs, outputs)
    message = str(caught.value)
    assert "\n" not in message
    assert device.name in message
    assert "OUT_OF_RESOURCES" in message
    assert "profile again" in message


def test_a_device_that_is_gone_is_named(device):
    gone = attrs.evolve(device, name="opencl99")
    bound = BoundLayer(Flatten(), (TensorType((2, 2, 3), UINT8),))
    with pytest.raises(DeviceError, match=r"no OpenCL device opencl99 .* any more"):
        BACKEND.supports(bound, gone)


def test_a_compile_error_shows_the_first_line_of_the_log(device):
    session = discover()[0][device.name][1]
    with pytest.raises(DeviceError, match=r"^device .* cannot compile .*error.*") as caught:
        session.compile("kernel void broken(global int *output) { output[0] = missing; }", [])
    assert "\n" not in str(caught.value)


DESCRIBE = """
import sys
from bnnplan.backends.opencl import OpenClBackend, pocl
backend = OpenClBackend()
assert "pyopencl" not in sys.modules, "pyopencl is imported too early"
{prepare}
devices, missing = backend.devices()
print(len(devices), *(f"{{item.name}}: {{item.reason}}" for item in missing), sep="|")
"""


def described(prepare="", **environment):
    done = subprocess.run(
        [sys.executable, "-c", DESCRIBE.format(prepare=prepare)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return done.stdout.strip().split("|")


def test_without_a_platform_the_reason_says_what_to_install(tmp_path):
    count, reason = described(OCL_ICD_VENDORS=str(tmp_path / "none"))
    assert count == "0"
    assert reason.startswith("opencl: no OpenCL platform is installed")
    assert "pip install 'bnnplan[pocl]'" in reason


def test_without_pyopencl_the_reason_says_what_to_install():
    count, reason = described("sys.modules['pyopencl'] = None")
    assert count == "0"
    assert reason.startswith("opencl: pyopencl cannot be imported")
    assert "pip install pyopencl" in reason


def test_a_platform_that_fails_is_reported_and_the_others_are_used():
    count, *reasons = described(
        """
import pyopencl
class Failing:
    name = "Failing"
    def get_devices(self):
        raise pyopencl.RuntimeError("clGetDeviceIDs failed: OUT_OF_HOST_MEMORY")
real = pyopencl.get_platforms()
pyopencl.get_platforms = lambda: [Failing(), *real]
"""
    )
    assert int(count) == len(DEVICES)
    assert "OUT_OF_HOST_MEMORY" in reasons[0]


@pytest.mark.skipif(
    any(pocl.PLATFORM not in device.description for device in DEVICES),
    reason="another platform than PoCL is installed",
)
def test_pocl_without_a_cache_folder_says_which_setting_helps():
    count, reason = described(POCL_CACHE_DIR=os.devnull + "/cache")
    assert count == "0"
    assert "no device" in reason
    assert "POCL_CACHE_DIR" in reason


@pytest.mark.skipif(
    not any("processor" in device.properties for device in DEVICES),
    reason="no PoCL here is older than the processor",
)
def test_a_forbidden_repair_is_the_reason():
    repaired = [device for device in DEVICES if "processor" in device.properties]
    assert all("named the processor" in device.description for device in repaired)
    count, *reasons = described(**{pocl.SWITCH: "0"})
    assert int(count) == len(DEVICES) - len(repaired)
    assert any(f"{pocl.SWITCH}=0 forbids" in reason for reason in reasons)
