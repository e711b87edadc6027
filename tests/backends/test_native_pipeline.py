"""Pipelines on native threads: every frame once, in order, whatever stages and callers do."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import signal
import threading
import time
import weakref

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pipeline_harness import TASK, Shape, StagePlan, Trial, shapes

from bnnplan.backends.interface import DeviceError, NativeProgram, PipelineStoppedError
from bnnplan.backends.pipeline import (
    BindingSpec,
    Failure,
    NativePipeline,
    StageSpec,
    StageUse,
    WaitSpec,
)
from bnnplan.models.errors import InputError

FRAMES = 30
CORES = sorted(os.sched_getaffinity(0))
FEW = settings(max_examples=30)
PLAIN = StagePlan(frozenset(), 1, False, False, 0, ())
NOTHING = TASK(lambda _context: 0)


def program(task: object) -> NativeProgram:
    return NativeProgram(ctypes.cast(task, ctypes.c_void_p).value or 0, 0, {})


@contextlib.contextmanager
def feeding(trial: Trial, frames: int):
    thread = threading.Thread(target=trial.feed_until_stopped, args=(frames,), daemon=True)
    thread.start()
    yield
    thread.join(60)
    assert not thread.is_alive()


@FEW
@given(shapes(), st.booleans(), st.sampled_from([0, 0, 5e-4]))
def test_every_frame_is_computed_once_by_every_stage_and_in_order(shape, alone, pause):
    trial = Trial(shape)
    with trial.running(), contextlib.nullcontext() if alone else feeding(trial, FRAMES):
        while trial.taken < FRAMES:
            if alone:
                trial.feed(FRAMES, least=0)
            assert trial.take()
            time.sleep(pause)
    for stages in trial.streams:
        for stage in stages:
            assert stage.seen == sorted(set(stage.seen))
            assert stage.seen == stages[0].seen
    firsts = [number for stages in trial.streams for number in stages[0].seen]
    assert sorted(firsts) == list(range(FRAMES))


@FEW
@given(shapes(), st.integers(0, 3), st.integers(0, FRAMES - 1))
def test_a_failure_comes_after_all_frames_before_it(shape, stage, number):
    stage = min(stage, min(map(len, shape.streams)) - 1)
    trial = Trial(shape, failing=(stage, number))
    with trial.running():
        with feeding(trial, FRAMES + shape.window):
            while trial.taken < number:
                assert trial.take()
            with pytest.raises(DeviceError, match=f"failed at frame {number}"):
                trial.take()
        assert trial.taken == number
        failure = trial.pipeline.failure
        assert failure is not None
        assert (failure.stage, failure.number) == (stage, number)
        assert trial.streams[failure.stream][stage].seen[-1] == number
        with pytest.raises(PipelineStoppedError, match="failed"):
            trial.pipeline.room(0)


@FEW
@given(shapes(), st.integers(0, 2000), st.booleans())
def test_a_stop_at_any_moment_lets_everyone_go(shape, microseconds, starving):
    trial = Trial(shape)
    with trial.running():
        timer = threading.Timer(microseconds / 1e6, trial.pipeline.stop)
        with feeding(trial, 3 if starving else 10**9):
            timer.start()
            with contextlib.suppress(PipelineStoppedError):
                while True:
                    trial.take()
        timer.join()
        assert trial.pipeline.failure is None


def test_a_stream_that_is_busy_takes_no_frames():
    with NativePipeline([[StageSpec()], [StageSpec()]], 6) as pipeline:
        pipeline.start()
        pipeline.put(6)
        assert pipeline.begin(0, 0) == (0, 0)
        for turn in range(5):
            assert pipeline.begin(1, 0) == (turn, turn + 1)
            pipeline.end(1, 0)
        assert pipeline.take(1, timeout=0) == 0  # in order: the first one is missing
        pipeline.end(0, 0)
        assert pipeline.take(6) == 6


def test_frames_wait_where_nobody_takes_them():
    trial = Trial(Shape(((PLAIN,),), 3))
    with trial.running():
        trial.feed(3)
        assert trial.pipeline.take(3) == 3
        assert trial.pipeline.room(1, timeout=0.01) == 0
        with pytest.raises(InputError, match="free slots"):
            trial.pipeline.put()
        trial.pipeline.release(2)
        assert trial.pipeline.room(1) == 2


def test_timeouts_tell_how_many_there_are():
    trial = Trial(Shape(((PLAIN,),), 3))
    with trial.running():
        assert trial.pipeline.take(1, timeout=0.01) == 0
        trial.feed(1)
        assert trial.pipeline.take(1) == 1
        assert trial.pipeline.take(2, timeout=0.01) == 1
        trial.pipeline.stop()
        assert trial.pipeline.take(3) == 1
        trial.pipeline.release()
        with pytest.raises(PipelineStoppedError, match="stopped"):
            trial.pipeline.take(1)


def test_the_use_of_stages_is_told():
    trial = Trial(Shape(((StagePlan(frozenset(), 1, False, False, 2e-3, ()),),), 4))
    with trial.running():
        trial.feed(4)
        trial.pipeline.take(4)
        use = trial.pipeline.use(0, 0)
        assert use.turns == 4
        assert use.busy_ns >= 4 * 2_000_000
        begin, end = trial.pipeline.span(3)
        assert end - begin >= 2_000_000


def test_shapes_that_cannot_be_are_refused():
    nothing = program(NOTHING)
    first = StageSpec([nothing])
    with pytest.raises(InputError, match="streams"):
        NativePipeline([], 1)
    with pytest.raises(InputError, match="window"):
        NativePipeline([[first]], 0)
    with pytest.raises(InputError, match="stages"):
        NativePipeline([[]], 1)
    with pytest.raises(InputError, match="that there is not"):
        NativePipeline([[StageSpec([nothing], waits=[WaitSpec(1, 2)])]], 1)
    with pytest.raises(InputError, match="waits for others in its turn"):
        NativePipeline([[StageSpec([nothing], waits=[WaitSpec(1)]), first]], 1)
    with pytest.raises(InputError, match="wait for each other"):
        NativePipeline([[first, StageSpec([nothing], waits=[WaitSpec(1)])]], 1)
    with pytest.raises(InputError, match="no slots"):
        NativePipeline([[StageSpec([nothing], [BindingSpec(8, 8, 1, 0)])]], 1)


def test_a_core_that_may_not_be_used_is_refused_at_the_start():
    with NativePipeline([[StageSpec([program(NOTHING)], cores=[100_000])]], 1) as pipeline:
        with pytest.raises(InputError, match="core 100000"):
            pipeline.start()
        with pytest.raises(PipelineStoppedError):
            pipeline.room()


@pytest.mark.skipif(len(CORES) < 2, reason="there is one core only")
def test_a_core_taken_away_is_named():
    with NativePipeline([[StageSpec([program(NOTHING)], cores=CORES[:1])]], 2) as pipeline:
        before = set(os.listdir("/proc/self/task"))
        pipeline.start()
        (thread,) = set(os.listdir("/proc/self/task")) - before
        pipeline.put()
        assert pipeline.take() == 1
        pipeline.release()
        os.sched_setaffinity(int(thread), CORES[1:2])
        pipeline.put()
        with pytest.raises(DeviceError, match=f"core {CORES[0]} has been taken away"):
            pipeline.take()
        assert pipeline.failure == Failure(0, 0, 1)


def test_a_closed_pipeline_says_so():
    pipeline = NativePipeline([[StageSpec([program(NOTHING)])]], 1)
    pipeline.start()
    pipeline.close()
    pipeline.close()
    pipeline.stop()
    for call in (pipeline.put, pipeline.room, pipeline.take):
        with pytest.raises(PipelineStoppedError, match="closed"):
            call()


def test_what_it_keeps_lives_as_long_as_its_threads():
    class Thing:
        pass

    thing = Thing()
    alive = weakref.ref(thing)
    pipeline = NativePipeline([[StageSpec([program(NOTHING)])]], 1, keep=thing)
    pipeline.start()
    del thing
    gc.collect()
    assert alive() is not None
    pipeline.close()
    gc.collect()
    assert alive() is None


def test_a_signal_reaches_who_waits():
    class AlarmError(Exception):
        pass

    def ring(_number: object, _frame: object) -> None:
        raise AlarmError

    former = signal.signal(signal.SIGALRM, ring)
    try:
        with NativePipeline([[StageSpec([program(NOTHING)])]], 1) as pipeline:
            pipeline.start()
            signal.setitimer(signal.ITIMER_REAL, 0.02)
            with pytest.raises(AlarmError):
                pipeline.take()
            pipeline.put()
            assert pipeline.take() == 1
    finally:
        signal.signal(signal.SIGALRM, former)


def test_stages_of_the_caller_are_asked_in_order():
    with NativePipeline([[StageSpec(), StageSpec(waits=[WaitSpec(0)])]], 2) as pipeline:
        pipeline.start()
        pipeline.put()
        assert pipeline.begin(0, 0) == (0, 0)
        with pytest.raises(InputError, match="not ended"):
            pipeline.begin(0, 0)
        with pytest.raises(InputError, match="begun no turn"):
            pipeline.end(0, 1)
        pipeline.end(0, 0)
        assert pipeline.begin(0, 1) == (0, 0)
        pipeline.end(0, 1, failed=True)
        with pytest.raises(DeviceError, match="stage 1 of stream 0 failed at frame 0"):
            pipeline.take()
        assert pipeline.begin(0, 0) is None
        assert pipeline.use(0, 0).turns == 1
        assert pipeline.use(0, 1) == StageUse(0, 0)


def test_nobody_waits_for_turns_that_a_failure_leaves_unbegun():
    stages = [StageSpec(), StageSpec(waits=[WaitSpec(0)]), StageSpec(waits=[WaitSpec(1)])]
    found: list[object] = []
    with NativePipeline([stages], 2) as pipeline:
        pipeline.start()
        pipeline.put()
        for stage in range(3):
            assert pipeline.begin(0, stage) == (0, 0)
            pipeline.end(0, stage, failed=stage == 2)
        waiting = threading.Thread(target=lambda: found.append(pipeline.begin(0, 1)))
        waiting.start()
        waiting.join(0.02)
        assert waiting.is_alive()  # the first stage may still begin one
        assert pipeline.begin(0, 0) is None
        waiting.join(60)
        assert found == [None]


@FEW
@given(shapes(), st.integers(1, 40))
def test_the_last_turns_of_every_stage_are_kept(shape, kept):
    trial = Trial(shape, kept=kept)
    with trial.running():
        while trial.taken < FRAMES:
            trial.feed(FRAMES, least=0)
            assert trial.take()
        for stages in trial.streams:
            for stage in stages:
                turns = trial.pipeline.turns(stage.stream, stage.index)
                count = len(stage.seen)
                assert [one.turn for one in turns] == [*range(max(0, count - kept), count)]
                assert [one.number for one in turns] == stage.seen[-kept:]
                times = [time for one in turns for time in (one.begin, one.end)]
                assert times == sorted(times)
                for read in stage.plan.reads:
                    before = {t.turn: t.end for t in trial.pipeline.turns(stage.stream, read)}
                    assert all(before.get(one.turn, 0) <= one.begin for one in turns)


def test_turns_are_kept_where_that_is_asked_for():
    trial = Trial(Shape(((PLAIN,),), 1))
    with trial.running(), pytest.raises(InputError, match="keeps no turns"):
        trial.pipeline.turns(0, 0)
    with pytest.raises(InputError, match="keeps 1 to 1048576 turns, not"):
        Trial(Shape(((PLAIN,),), 1), kept=2**20 + 1)
