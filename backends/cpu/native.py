"""The C library as Python sees it: the extension, errors, arguments and ownership."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bnnplan.backends.cpu._native import ffi, lib  # type: ignore[import-not-found]
from bnnplan.backends.interface import Configuration, DeviceError, PipelineStoppedError
from bnnplan.models.errors import BnnplanError, InputError, UnsupportedError
from bnnplan.models.tensors import ElementType

CData = Any
"""A cffi object; cffi has no static types."""

AXES = {"X": lib.BNN_X, "Y": lib.BNN_Y, "Z": lib.BNN_Z}
ELEMENTS = {
    ElementType.BIT: lib.BNN_BIT,
    ElementType.UINT8: lib.BNN_UINT8,
    ElementType.INT8: lib.BNN_INT8,
    ElementType.INT32: lib.BNN_INT32,
    ElementType.FLOAT32: lib.BNN_FLOAT32,
}
ISAS = {
    "": lib.BNN_ISA_BEST,
    "portable": lib.BNN_ISA_PORTABLE,
    "avx2": lib.BNN_ISA_AVX2,
    "avx512bw": lib.BNN_ISA_AVX512BW,
    "avx512": lib.BNN_ISA_AVX512,
    "neon": lib.BNN_ISA_NEON,
}
"""Instruction sets by name; none names the best."""
LOOKUPS = {isa: f"{isa}-lookup" for isa in ("avx2", "avx512bw")}
"""The kernel variants that look the products of bits up instead of counting them, by the name of
their instruction set."""
VARIANTS = {
    **{
        name: (isa, lib.BNN_METHOD_COUNT if name else lib.BNN_METHOD_BEST)
        for name, isa in ISAS.items()
    },
    **{name: (ISAS[isa], lib.BNN_METHOD_LOOKUP) for isa, name in LOOKUPS.items()},
}
"""Instruction set and method of products of bits, by the name of the kernel variant."""

_ERRORS: dict[int, type[BnnplanError]] = {
    lib.BNN_BAD_ARGUMENT: InputError,
    lib.BNN_NO_MEMORY: DeviceError,
    lib.BNN_UNSUPPORTED: UnsupportedError,
    lib.BNN_STOPPED: PipelineStoppedError,
    lib.BNN_FAILED: DeviceError,
}
_C_TYPES = {
    "bool": "uint8_t[]",
    "int8": "int8_t[]",
    "uint8": "uint8_t[]",
    "int32": "int32_t[]",
    "int64": "int64_t[]",
    "uint64": "uint64_t[]",
    "float32": "float[]",
}


def check(status: int) -> None:
    """Raise the error that a status of the C library stands for.

    Raises
    ------
    InputError, DeviceError, PipelineStoppedError, UnsupportedError
    """
    if status != lib.BNN_OK:
        message = ffi.string(lib.bnn_last_error()).decode("utf-8", "replace")
        raise _ERRORS.get(status, DeviceError)(message)


def pointer(array: np.ndarray | None) -> CData:
    """A C array over a contiguous numpy array, which it keeps alive; NULL for None."""
    if array is None:
        return ffi.NULL
    return ffi.from_buffer(_C_TYPES[array.dtype.name], np.ascontiguousarray(array))


def execution(configuration: Configuration) -> CData:
    """The C form of a configuration.

    Raises
    ------
    UnsupportedError
        If it names an axis or a variant that there is not.
    """
    if configuration.variant not in VARIANTS or set(configuration.axes) - set(AXES):
        raise UnsupportedError(
            f"a CPU kernel cannot run as {configuration.label!r}; axes are of XYZ, variants are "
            f"{', '.join(filter(None, VARIANTS))}"
        )
    axes = sum(AXES[axis] for axis in configuration.axes)
    isa, method = VARIANTS[configuration.variant]
    return ffi.new("bnn_execution *", (isa, axes, configuration.threads, method))


def create(function: Callable[..., int], *arguments: object) -> CData:
    """Call a create function of the C library; the result destroys itself when unused.

    Parameters
    ----------
    function : C function
        Its last parameter receives the new ``bnn_kernel *``.
    *arguments
        All others.
    """
    made = ffi.new("bnn_kernel **")
    check(function(*arguments, made))
    return ffi.gc(made[0], lib.bnn_kernel_destroy)


def best_variant() -> str:
    """Name of the instruction set in use: the fastest here, or what BNNPLAN_ISA forces.

    Raises
    ------
    InputError, UnsupportedError
        If BNNPLAN_ISA names none, or one that this machine lacks.
    """
    chosen = ffi.new("bnn_isa *")
    check(lib.bnn_isa_choose(lib.BNN_ISA_BEST, chosen))
    return ffi.string(lib.bnn_isa_name(chosen[0])).decode()
