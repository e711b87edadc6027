"""Kernels and programs of the CPU: one native call a run, with the interpreter's lock released."""

from __future__ import annotations

from collections.abc import Sequence

from bnnplan.backends.cpu.native import CData, check, ffi, lib
from bnnplan.backends.host import HostBuffer
from bnnplan.backends.interface import (
    Buffer,
    Configuration,
    Device,
    DeviceError,
    Kernel,
    NativeProgram,
    Program,
    Step,
)
from bnnplan.models.errors import InputError
from bnnplan.models.graph import BoundLayer
from bnnplan.models.tensors import TensorType

# Looked up once: a small network takes a microsecond.
_RUN, _NULL = lib.bnn_program_run, ffi.NULL
_CALL = int(ffi.cast("uintptr_t", ffi.addressof(lib, "bnn_program_call")))


class Team:
    """The threads of a device, pinned to its cores; they live as long as this object.

    Parameters
    ----------
    cores : sequence of int
        The calling thread is kept on them while a program runs.
    """

    cores: tuple[int, ...] = ()
    """Where its threads are kept; empty: anywhere."""

    def __init__(self, cores: Sequence[int]) -> None:
        self.threads = len(cores)
        self.cores = tuple(cores)
        made = ffi.new("bnn_team **")
        check(lib.bnn_team_create(list(cores), len(cores), made))
        self.handle: CData = ffi.gc(made[0], lib.bnn_team_destroy)


class CpuKernel(Kernel):
    """A layer as a native kernel.

    Parameters
    ----------
    bound : BoundLayer
    device : Device
    configuration : Configuration
    handle : bnn_kernel *
    team : Team
        Of the device; it runs the kernel.
    """

    def __init__(
        self,
        bound: BoundLayer,
        device: Device,
        configuration: Configuration,
        handle: CData,
        team: Team,
    ) -> None:
        super().__init__(
            bound,
            device,
            configuration,
            weight_bytes=handle.weight_bytes,
            workspace_bytes=handle.workspace_bytes,
        )
        self.handle = handle
        self.team = team

    @property
    def packed(self) -> object:
        """The native kernel, which blocks of a cluster share."""
        return self.handle

    def run(self, inputs: Sequence[Buffer], outputs: Sequence[Buffer]) -> None:
        """Compute the outputs and return when they are complete."""
        CpuProgram([Step(self, inputs, outputs)]).run()


class CpuProgram(Program):
    """Steps of one device that native code walks in one call.

    Parameters
    ----------
    steps : sequence of Step
        Their kernels are CpuKernels of one device, their buffers are HostBuffers.

    Raises
    ------
    DeviceError
        If the steps belong to different devices.
    InputError
        If a buffer does not have the type that its kernel reads or writes.
    """

    def __init__(self, steps: Sequence[Step]) -> None:
        super().__init__(steps)
        if not self.steps:
            return
        kernels = [_native_kernel(step) for step in self.steps]
        if len({kernel.team for kernel in kernels}) != 1:
            names = ", ".join(sorted({kernel.device.name for kernel in kernels}))
            raise DeviceError(f"a program runs on one prepared device, not on {names}")
        self._team = kernels[0].team
        native = ffi.new("bnn_step[]", len(kernels))
        pointers = []
        for entry, kernel, step in zip(native, kernels, self.steps, strict=True):
            entry.kernel = kernel.handle
            inputs = _pointers(step.inputs, kernel.bound.inputs, kernel)
            outputs = _pointers(step.outputs, kernel.bound.outputs, kernel)
            entry.inputs = ffi.cast("const void *const *", inputs)
            entry.outputs = ffi.cast("void *const *", outputs)
            entry.input_count, entry.output_count = len(inputs), len(outputs)
            pointers += [inputs, outputs]
        made = ffi.new("bnn_program **")
        check(lib.bnn_program_create(native, len(kernels), self._team.handle, made))
        self._handle = ffi.gc(made[0], lib.bnn_program_destroy)
        self._nanoseconds = ffi.new("uint64_t[]", len(kernels))

    @property
    def workspace_bytes(self) -> int:
        """Memory that the program holds besides its buffers and its kernels' weights."""
        return int(lib.bnn_program_workspace_bytes(self._handle)) if self.steps else 0

    @property
    def native(self) -> NativeProgram | None:
        """The program as threads of a pipeline run it; None if it has no steps."""
        if not self.steps:
            return None
        pointers = {
            (index, position, output): _address(self._handle, index, position, output)
            for index, step in enumerate(self.steps)
            for output in (False, True)
            for position in range(len(step.outputs if output else step.inputs))
        }
        context = int(ffi.cast("uintptr_t", self._handle))
        return NativeProgram(_CALL, context, pointers, self._team.cores)

    def run(self) -> None:
        """Run all steps and return when the last output is complete."""
        if self.steps and (status := _RUN(self._handle, _NULL)):
            check(status)

    def run_timed(self) -> list[int]:
        """Run all steps; nanoseconds of each, from the end of the one before it."""
        if not self.steps:
            return []
        check(lib.bnn_program_run(self._handle, self._nanoseconds))
        return list(self._nanoseconds)


def _address(handle: CData, step: int, position: int, output: bool) -> int:
    return int(ffi.cast("uintptr_t", lib.bnn_program_pointer(handle, step, position, output)))


def _native_kernel(step: Step) -> CpuKernel:
    if not isinstance(step.kernel, CpuKernel):
        raise DeviceError(
            f"a CPU program cannot run {step.kernel.bound.layer.kind} of device "
            f"{step.kernel.device.name}"
        )
    return step.kernel


def _pointers(buffers: Sequence[Buffer], types: Sequence[TensorType], kernel: CpuKernel) -> CData:
    what = f"{kernel.bound.layer.kind} on {kernel.device.name}"
    if len(buffers) != len(types):
        raise InputError(f"{what} takes {len(types)} buffers, not {len(buffers)}")
    found = ffi.new("void *[]", len(types))
    for i, (buffer, type) in enumerate(zip(buffers, types, strict=True)):
        fits = buffer.type == type and buffer.batch == kernel.bound.batch
        if not isinstance(buffer, HostBuffer) or not fits:
            raise InputError(
                f"{what} takes {kernel.bound.batch} × {type} in host memory, not "
                f"{buffer.batch} × {buffer.type} in {buffer.space.name}"
            )
        found[i] = ffi.cast("void *", buffer.array.ctypes.data)
    return found
