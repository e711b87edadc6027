"""A pipeline whose threads run: batches go in and come out in order."""

from __future__ import annotations

import contextlib
import os
import threading
import weakref
from collections import Counter
from collections.abc import Iterator, Sequence

from bnnplan.backends.interface import DeviceError, PipelineStoppedError
from bnnplan.backends.pipeline import BindingSpec, NativePipeline, StageSpec, WaitSpec
from bnnplan.models.errors import BnnplanError
from bnnplan.planner.execution.pipelines.errors import StageError
from bnnplan.planner.execution.pipelines.prepared import PreparedStage, PreparedStream
from bnnplan.planner.execution.pipelines.stage_events import StageTurns
from bnnplan.planner.execution.pipelines.tally import StageLabel
from bnnplan.planner.execution.pipelines.turns import Turns

Errors = dict[tuple[int, int], BaseException]
"""Why stages have failed that threads of the interpreter run, by stream and position."""


class LeftError(DeviceError):
    """A pipeline that was left before all results were taken."""


@contextlib.contextmanager
def _telling() -> Iterator[None]:
    try:
        yield
    except PipelineStoppedError:
        raise LeftError(
            "the pipeline was left before all results were taken; take them within its 'with' block"
        ) from None


class Started:
    """The threads of a pipeline, and how many batches have entered and left it.

    Parameters
    ----------
    streams : sequence of PreparedStream
    labels : sequence of StageLabel
        Of all stages, stream by stream.
    window : int
        Slots.
    kept : int
        Turns of every stage that are kept.

    Attributes
    ----------
    native : NativePipeline
    put, taken : int
        Batches that have entered, and that have left.
    """

    def __init__(
        self,
        streams: Sequence[PreparedStream],
        labels: Sequence[StageLabel],
        window: int,
        kept: int = 0,
    ) -> None:
        self.window = window
        self.put = 0
        self.taken = 0
        self._labels = labels
        self._streams = streams
        self._errors: Errors = {}
        specs = [
            [_spec(stage, spins) for stage, spins in zip(stream.stages, spinning, strict=True)]
            for stream, spinning in zip(streams, _spinning(streams), strict=True)
        ]
        self.native = NativePipeline(specs, window, keep=streams, kept=kept)
        weakref.finalize(self, self.native.stop)
        self._threads = [
            threading.Thread(
                target=_run_turns,
                args=(self.native, *place, stage.turns, self._errors),
                name="bnnplan-stage",
                daemon=True,
            )
            for place, stage in self._places()
            if stage.turns is not None
        ]
        try:
            self.native.start()
            for thread in self._threads:
                thread.start()
        except BaseException:
            self.close()
            raise

    @property
    def inside(self) -> int:
        """Batches that have entered and not left."""
        return self.put - self.taken

    @property
    def room(self) -> int:
        """Slots that are free."""
        return self.window - self.inside

    def recount(self) -> None:
        """Count again: Ctrl-C may have come after batches had entered or left, before they counted.

        It ends the call in which it comes, so only one of both counts can be behind.
        """
        with contextlib.suppress(PipelineStoppedError):
            missed = self.room - self.native.room(0)
            self.put += max(missed, 0)
            self.taken += max(-missed, 0)

    def enter(self, count: int) -> None:
        """The next batches are in their slots, which were free.

        Raises
        ------
        DeviceError
            If the pipeline was left.
        """
        if count:
            with _telling():
                self.native.put(count)
            self.put += count

    def ready(self, least: int, timeout: float) -> int:
        """How many of the next batches are computed; waits until so many are, at most `timeout` s.

        Raises
        ------
        StageError
            If a stage has failed, and the first batch without result is the next one.
        DeviceError
            If the pipeline was left.
        """
        try:
            with _telling():
                return self.native.take(least, timeout)
        except BnnplanError as error:
            # Whatever a stage was refused: the reason is what counts.
            failure = self._failure(error)
        raise failure

    def leave(self, count: int) -> None:
        """The slots of the next batches are free."""
        if count:
            self.native.release(count)
            self.taken += count

    def turns(self) -> list[list[StageTurns]]:
        """The turns that are kept, by stream and position in it."""
        found: list[list[StageTurns]] = [[] for _ in self._streams]
        for ((number, position), stage), label in zip(self._places(), self._labels, strict=True):
            turns = self.native.turns(number, position)
            found[number].append(
                StageTurns(number, label.stage, position, label.devices, stage.laid.waits, turns)
            )
        return found

    def close(self) -> None:
        """End all threads, each after the turn that it is in."""
        self.native.stop()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()
        self.native.close()

    def _failure(self, error: Exception) -> Exception:
        failure = None if isinstance(error, LeftError) else self.native.failure
        if failure is None:
            return error
        place = (failure.stream, failure.stage)
        label = next(
            label
            for (at, _), label in zip(self._places(), self._labels, strict=True)
            if at == place
        )
        reason = self._errors.get(place, error)
        found = StageError(
            label.stream,
            label.stage,
            label.devices,
            label.layers,
            failure.number,
            " ".join(str(reason).split()) or type(reason).__name__,
        )
        found.__cause__ = self._errors.get(place)
        return found

    def _places(self) -> list[tuple[tuple[int, int], PreparedStage]]:
        """All stages by stream, and position in it."""
        return [
            ((number, position), stage)
            for number, stream in enumerate(self._streams)
            for position, stage in enumerate(stream.stages)
        ]


def _run_turns(
    native: NativePipeline, stream: int, position: int, turns: Turns, errors: Errors
) -> None:
    """What a thread of the interpreter does: turn after turn, until there are no more.

    It does not hold the pipeline, which may so be forgotten without being left.
    """
    settled = False
    while (turn := native.begin(stream, position)) is not None:
        try:
            if not settled:
                turns.settle()
                settled = True
            turns.run(*turn)
        except BaseException as error:
            errors[stream, position] = error
            native.end(stream, position, failed=True)
            return
        native.end(stream, position)


def _spinning(streams: Sequence[PreparedStream]) -> list[list[bool]]:
    """Which stages may spin: those on cores that they do not share.

    A stage that is a whole stream waits for the caller alone, who needs a core to bring frames.
    """
    stages = [stage for stream in streams for stage in stream.stages]
    uses = Counter(core for stage in stages for core in stage.cores)
    has_spare = not uses.keys() >= os.sched_getaffinity(0)
    return [
        [
            bool(stage.cores)
            and all(uses[core] == 1 for core in stage.cores)
            and (has_spare or len(stream.stages) > 1)
            for stage in stream.stages
        ]
        for stream in streams
    ]


def _spec(stage: PreparedStage, spins: bool) -> StageSpec:
    """A stage for the native pipeline."""
    named = (core for program in stage.work for core in program.cores)
    return StageSpec(
        work=stage.work,
        bindings=[
            BindingSpec(
                bound.pointer,
                bound.slots.base,
                bound.slots.stride,
                len(bound.slots.buffers),
                bound.in_window,
            )
            for bound in stage.bounds
        ],
        waits=[WaitSpec(wait.stage, wait.lag) for wait in stage.laid.waits],
        cores=tuple(dict.fromkeys(named)),
        spins=spins,
    )
