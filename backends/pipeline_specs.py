"""What a pipeline on native threads is made of: stages, what each runs, and what it waits for."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import field, frozen

from bnnplan.backends.cpu.native import CData, ffi
from bnnplan.backends.interface import NativeProgram
from bnnplan.models.converters import as_tuple


@frozen
class BindingSpec:
    """A pointer that a stage sets anew before every turn: to slot ``turn % count``.

    Parameters
    ----------
    pointer : int
        Address of the pointer, such as one of `NativeProgram.pointers`.
    base : int
        Address of slot 0.
    stride : int
        Bytes from one slot to the next.
    count : int
        Slots, at least 1.
    window : bool
        Whether slots are counted by the number of the frame instead of the turn: those where
        frames enter and leave the pipeline.
    """

    pointer: int
    base: int
    stride: int
    count: int
    window: bool = False


@frozen
class WaitSpec:
    """Before turn t of a stage, `stage` of the same stream must have ended turn ``t - lag``."""

    stage: int
    lag: int = 0


@frozen
class StageSpec:
    """What one thread does in every turn.

    Parameters
    ----------
    work : tuple of NativeProgram
        In order. None: threads of the caller run the stage with `NativePipeline.begin` and `end`.
    bindings : tuple of BindingSpec
    waits : tuple of WaitSpec
    cores : tuple of int
        That its native thread is kept on; none: anywhere.
    spins : bool
        Whether its thread may spin while it waits: not where stages share a core.
    """

    work: tuple[NativeProgram, ...] = field(default=(), converter=as_tuple)
    bindings: tuple[BindingSpec, ...] = field(default=(), converter=as_tuple)
    waits: tuple[WaitSpec, ...] = field(default=(), converter=as_tuple)
    cores: tuple[int, ...] = field(default=(), converter=as_tuple)
    spins: bool = True


def in_c(type: str, entries: Sequence[object], arrays: list[CData]) -> CData:
    """Something new in C, which `arrays` keeps."""
    arrays.append(ffi.new(type, entries))
    return arrays[-1]


def stage_in_c(spec: StageSpec, arrays: list[CData]) -> CData:
    """A stage in C; `arrays` keeps what it points to."""
    work = [
        (ffi.cast("bnn_task", program.function), ffi.cast("void *", program.context))
        for program in spec.work
    ]
    bindings = [
        (
            ffi.cast("void **", binding.pointer),
            ffi.cast("char *", binding.base),
            binding.stride,
            binding.count,
            binding.window,
        )
        for binding in spec.bindings
    ]
    waits = [(wait.stage, wait.lag) for wait in spec.waits]
    stage = in_c("bnn_stage *", (), arrays)
    stage.work = in_c("bnn_work[]", work, arrays) if work else ffi.NULL
    stage.work_count = len(work)
    stage.bindings = in_c("bnn_binding[]", bindings, arrays)
    stage.binding_count = len(bindings)
    stage.waits = in_c("bnn_wait[]", waits, arrays)
    stage.wait_count = len(waits)
    stage.cores = in_c("int[]", spec.cores, arrays) if spec.cores else ffi.NULL
    stage.core_count = len(spec.cores)
    stage.spins = spec.spins
    return stage[0]
