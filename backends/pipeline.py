"""Streams of stages on native threads: what one computes, the next one reads, without a lock.

A thin layer over ``bnnplan/pipeline.h`` of the C library, which says what streams, turns, frames,
rings and windows are. It knows nothing of networks: stages run programs, and set pointers before
they do so. Stages without programs are run by threads of the caller, which ask for their turns.
"""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable, Sequence
from types import TracebackType

from attrs import frozen

from bnnplan.backends.cpu.native import CData, check, ffi, lib
from bnnplan.backends.interface import PipelineStoppedError
from bnnplan.backends.pipeline_specs import BindingSpec, StageSpec, WaitSpec, in_c, stage_in_c

__all__ = [
    "BindingSpec",
    "Failure",
    "NativePipeline",
    "StageSpec",
    "StageTurn",
    "StageUse",
    "WaitSpec",
]

_INTERRUPTS = 0.1
"""Seconds after which a thread that waits lets the interpreter handle signals."""


@frozen
class StageUse:
    """What a stage has done since the start."""

    turns: int
    busy_ns: int


@frozen
class StageTurn:
    """A turn that a stage has ended.

    Parameters
    ----------
    turn : int
        Of its stream, from 0.
    number : int
        Of the frame.
    begin, end : int
        Nanoseconds of the monotonic clock, as `time.monotonic_ns`.
    """

    turn: int
    number: int
    begin: int
    end: int


@frozen
class Failure:
    """Which stage failed first, and at which frame."""

    stream: int
    stage: int
    number: int


class NativePipeline:
    """Streams that compute frame after frame, each stage on a thread of its own.

    One thread at a time may put frames (`room`, `put`), and one may take them (`take`, `release`);
    it may be the same. Methods that wait release the interpreter's lock, and let signals be
    handled. Leaving the context closes it.

    Parameters
    ----------
    streams : sequence of sequence of StageSpec
        The first stage of a stream begins every frame, and waits for no other with lag 0.
    window : int
        Slots for frames.
    keep : object
        What programs and buffers belong to; it lives as long as the threads.
    kept : int
        Turns of every stage that are kept for `turns`: the last ones.

    Raises
    ------
    InputError
        If a stage waits for one that there is not, or stages wait for each other.
    """

    def __init__(
        self,
        streams: Sequence[Sequence[StageSpec]],
        window: int,
        keep: object = None,
        *,
        kept: int = 0,
    ) -> None:
        self.window = window
        self.kept = kept
        arrays: list[CData] = []
        native = ffi.new("bnn_stream[]", len(streams))
        for entry, stages in zip(native, streams, strict=True):
            specs = [stage_in_c(stage, arrays) for stage in stages]
            entry.stages = in_c("bnn_stage[]", specs, arrays)
            entry.stage_count = len(stages)
        made = ffi.new("bnn_pipeline **")
        check(lib.bnn_pipeline_create(native, len(streams), window, made))
        self._owned: CData = ffi.gc(made[0], functools.partial(_destroy, keep))
        if kept:
            check(lib.bnn_pipeline_record(self._owned, kept))

    def start(self) -> None:
        """Start the threads of all stages that have work.

        Raises
        ------
        InputError
            If a core may not be used.
        DeviceError
            If a thread cannot be started.
        """
        check(lib.bnn_pipeline_start(self._handle))

    def room(self, least: int = 1, timeout: float = math.inf) -> int:
        """Wait until so many slots are free, at most `timeout` seconds; how many are.

        Raises
        ------
        PipelineStoppedError
            If the pipeline has failed or was stopped.
        """
        return self._wait(lib.bnn_pipeline_room, least, timeout)

    def put(self, count: int = 1) -> None:
        """Tell that the next frames are in their slots.

        Raises
        ------
        InputError
            If there is no room for so many.
        """
        check(lib.bnn_pipeline_put(self._handle, count))

    def take(self, least: int = 1, timeout: float = math.inf) -> int:
        """Wait until so many of the next frames are computed; how many are.

        They are counted from the first one that has not been released. Fewer than `least` are
        told when `timeout` seconds are over, after a failure, and after a stop.

        Raises
        ------
        DeviceError
            When a stage has failed, and all frames before the failed one are released.
        PipelineStoppedError
            When the pipeline was stopped, and none is computed.
        """
        return self._wait(lib.bnn_pipeline_take, least, timeout)

    def span(self, number: int) -> tuple[int, int]:
        """When a computed frame was begun, and when it was complete.

        Returns
        -------
        tuple of int
            Nanoseconds of the monotonic clock, as `time.monotonic_ns`.

        Raises
        ------
        InputError
            If the frame is not computed, or was released.
        """
        times = ffi.new("uint64_t[2]")
        check(lib.bnn_pipeline_span(self._handle, number, times, times + 1))
        return int(times[0]), int(times[1])

    def release(self, count: int = 1) -> None:
        """Free the slots of the next computed frames.

        Raises
        ------
        InputError
            If fewer are computed.
        """
        check(lib.bnn_pipeline_release(self._handle, count))

    def begin(self, stream: int, stage: int) -> tuple[int, int] | None:
        """Wait for the next turn of a stage that a thread of the caller runs.

        Returns
        -------
        tuple of int, or None
            The turn, and the number of the frame; None if the pipeline has no more for it.
        """
        numbers = ffi.new("uint64_t[2]")
        try:
            check(lib.bnn_pipeline_begin(self._handle, stream, stage, numbers, numbers + 1))
        except PipelineStoppedError:
            return None
        return int(numbers[0]), int(numbers[1])

    def end(self, stream: int, stage: int, *, failed: bool = False) -> None:
        """End the turn that `begin` began."""
        check(lib.bnn_pipeline_end(self._handle, stream, stage, failed))

    @property
    def failure(self) -> Failure | None:
        """Where the pipeline has failed, if it has."""
        handle = self._handle
        places, number = ffi.new("uint32_t[2]"), ffi.new("uint64_t *")
        if lib.bnn_pipeline_failure(handle, places, places + 1, number) != lib.BNN_OK:
            return None
        return Failure(int(places[0]), int(places[1]), int(number[0]))

    def use(self, stream: int, stage: int) -> StageUse:
        """What a stage has done so far."""
        use = ffi.new("bnn_stage_use *")
        check(lib.bnn_pipeline_use(self._handle, stream, stage, use))
        return StageUse(int(use.turns), int(use.busy_ns))

    def turns(self, stream: int, stage: int) -> list[StageTurn]:
        """The last turns that a stage has ended, in order: as many as are kept.

        Raises
        ------
        InputError
            If none are kept.
        """
        turns, count = ffi.new("bnn_turn[]", max(self.kept, 1)), ffi.new("uint32_t *")
        check(lib.bnn_pipeline_turns(self._handle, stream, stage, turns, count))
        return [
            StageTurn(int(one.turn), int(one.number), int(one.begin_ns), int(one.end_ns))
            for one in ffi.unpack(turns, count[0])
        ]

    def stop(self) -> None:
        """Begin no more turns, and let everyone return who waits. May be called by any thread."""
        if self._owned is not None:
            lib.bnn_pipeline_stop(self._owned)

    def close(self) -> None:
        """Stop, and wait for the threads; those of the caller must not come back afterwards."""
        self.stop()
        # A thread that is inside holds the pipeline until it has left.
        self._owned = None

    def __enter__(self) -> NativePipeline:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def _handle(self) -> CData:
        if self._owned is None:
            raise PipelineStoppedError("the pipeline is closed")
        return self._owned

    def _wait(self, function: Callable[..., int], least: int, timeout: float) -> int:
        handle, count = self._handle, ffi.new("uint32_t *")
        end = time.monotonic() + timeout
        try:
            while True:
                rest = min(max(end - time.monotonic(), 0), _INTERRUPTS)
                status = function(handle, least, round(rest * 1e9), count)
                if status != lib.BNN_OK and count[0] == 0:
                    check(status)
                if status != lib.BNN_OK or count[0] >= least or time.monotonic() >= end:
                    return int(count[0])
        finally:
            del handle  # The traceback of an error would keep the pipeline and its threads.


def _destroy(keep: object, handle: CData) -> None:
    """Free a pipeline; what it reads and writes is kept until then."""
    lib.bnn_pipeline_destroy(handle)
