"""Run single native kernels and compare them with the reference, bit for bit."""

from __future__ import annotations

import functools

import numpy as np

from bnnplan.backends.cpu.native import ISAS, LOOKUPS, CData, check, ffi, lib
from bnnplan.backends.cpu.table import lookup
from bnnplan.backends.interface import Configuration
from bnnplan.backends.reference import compute
from bnnplan.models.errors import BnnplanError
from bnnplan.models.graph import BoundLayer
from bnnplan.models.tensors import ElementType, TensorType, decode, encode


def available_isas() -> list[str]:
    """Names of the instruction sets that this machine runs."""
    found = []
    for name in filter(None, ISAS):
        try:
            check(lib.bnn_isa_choose(ISAS[name], ffi.new("bnn_isa *")))
        except BnnplanError:
            continue
        found.append(name)
    return found


def available_variants() -> list[str]:
    """Names of the kernel variants of products of bits that this machine runs."""
    isas = available_isas()
    return [*isas, *(name for isa, name in LOOKUPS.items() if isa in isas)]


@functools.cache
def free_team(threads: int) -> CData:
    """A team that is not pinned, so that it may have more threads than there are cores."""
    made = ffi.new("bnn_team **")
    check(lib.bnn_team_create(ffi.NULL, threads, made))
    return ffi.gc(made[0], lib.bnn_team_destroy)


def random_values(random: np.random.Generator, type: TensorType, batch: int) -> np.ndarray:
    """Logical values of a tensor, small enough that sums stay exact where they must."""
    shape = (batch, *type.shape)
    if type.element is ElementType.BIT:
        return random.choice(np.array([-1, 1], np.int8), shape)
    if type.element is ElementType.FLOAT32:
        return random.standard_normal(shape).astype(np.float32)
    low, high = {"uint8": (0, 256), "int8": (-128, 128)}.get(type.element, (-1000, 1000))
    return random.integers(low, high, shape).astype(type.element.dtype)


def guarded(nbytes: int) -> tuple[np.ndarray, np.ndarray]:
    """Bytes between two guards, and the whole with them."""
    whole = np.full(nbytes + 128, 0xA5, np.uint8)
    return whole[64 : 64 + nbytes], whole


def run_native(
    bound: BoundLayer, configuration: Configuration, values: list[np.ndarray]
) -> list[np.ndarray]:
    """Logical outputs of the native kernel; checks that it writes nothing beside them."""
    function = lookup(bound)
    assert function is not None
    handle = function(bound, configuration)
    arrays = [encode(v, t) for v, t in zip(values, bound.inputs, strict=True)]
    buffers = [guarded(type.nbytes(bound.batch)) for type in bound.outputs]
    inputs = ffi.new("void *[]", [ffi.cast("void *", a.ctypes.data) for a in arrays])
    outputs = ffi.new("void *[]", [ffi.cast("void *", b.ctypes.data) for b, _ in buffers])
    step = ffi.new("bnn_step *", {"kernel": handle})
    step.inputs = ffi.cast("const void *const *", inputs)
    step.outputs = ffi.cast("void *const *", outputs)
    step.input_count, step.output_count = len(inputs), len(outputs)
    made = ffi.new("bnn_program **")
    check(lib.bnn_program_create(step, 1, free_team(configuration.threads), made))
    program = ffi.gc(made[0], lib.bnn_program_destroy)
    check(lib.bnn_program_run(program, ffi.NULL))
    results = []
    for type, (inner, whole) in zip(bound.outputs, buffers, strict=True):
        assert (whole[:64] == 0xA5).all(), "written before the output"
        assert (whole[-64:] == 0xA5).all(), "written behind the output"
        shape = type.array_shape(bound.batch)
        array = inner.view(type.element.dtype).reshape(shape)
        assert encode(decode(array, type), type).tobytes() == array.tobytes(), "tail bits are not 0"
        results.append(decode(array, type))
    return results


def assert_exact(bound: BoundLayer, configuration: Configuration, values: list[np.ndarray]) -> None:
    """The native kernel gives the very values of the reference."""
    got = run_native(bound, configuration, values)
    for result, expected in zip(got, compute(bound.layer, values), strict=True):
        np.testing.assert_array_equal(result, expected)
