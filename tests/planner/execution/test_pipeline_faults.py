"""What goes wrong while a pipeline runs: told, in order, and without threads that stay behind."""

import asyncio
import contextlib
import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from networks import chain
from pipeline_plans import (
    CORES,
    assert_same,
    core_board,
    frames_of,
    plan_of,
    stream_of,
    wanted_of,
)

from bnnplan.backends.interface import DeviceError
from bnnplan.backends.pipeline import NativePipeline
from bnnplan.backends.reference.backend import ReferenceKernel
from bnnplan.models.errors import InputError
from bnnplan.planner.execution.pipelines import Pipeline, StageError
from bnnplan.planner.execution.pipelines.flow import Flow
from bnnplan.planner.execution.pipelines.reading import GATHER_SECONDS
from bnnplan.planner.plan import PlanError

BOARD = core_board()
NETWORK = chain()
NATIVE = stream_of(NETWORK, ["c0"] * 3 + ["c1"] * 3, [0] * 3 + [1] * 3)
INTERPRETED = stream_of(NETWORK, "aaabbb", [0] * 3 + [1] * 3)
MIXED = stream_of(NETWORK, ["c0", "c0", "b", "b", "a", "c1"], [0, 0, 1, 1, 2, 3])


FRAMES = frames_of(NETWORK, 40)
WANTED = wanted_of(NETWORK, plan_of(NETWORK, BOARD, MIXED), FRAMES)


def plan(*streams, **changes):
    return plan_of(NETWORK, BOARD, *(streams or [MIXED]), **changes)


def stage_threads():
    """Names of threads of pipelines, those of native code included."""
    tasks = (task / "comm" for task in Path("/proc/self/task").iterdir())
    found = []
    for task in tasks:
        try:
            name = task.read_text().strip()
        except OSError:
            continue
        if name.startswith("bnn "):
            found.append(name)
    return found + [t.name for t in threading.enumerate() if t.name == "bnnplan-stage"]


@pytest.fixture(autouse=True)
def leaves_no_thread_behind():
    yield
    # A joined thread is listed until the system has cleared it away, a moment later.
    deadline = time.monotonic() + 60
    while stage_threads() and time.monotonic() < deadline:
        time.sleep(0.001)
    assert stage_threads() == []


@pytest.fixture
def fail_at(monkeypatch):
    """Let the numpy kernel of a kind fail in its run of a number."""

    def fail(kind, number, error):
        run = ReferenceKernel.run
        counts = itertools.count()

        def failing(kernel, inputs, outputs):
            if kernel.bound.layer.kind == kind and next(counts) == number:
                raise error
            run(kernel, inputs, outputs)

        monkeypatch.setattr(ReferenceKernel, "run", failing)

    return fail


@pytest.mark.parametrize(("kind", "stage", "layers"), [
    ("Flatten", 1, ("second", "flat")),
    ("BinaryDense", 2, ("dense",)),
])  # fmt: skip
@pytest.mark.parametrize("batch", [1, 3])
def test_a_stage_that_fails_is_told_after_all_results_before_it(
    fail_at, kind, stage, layers, batch
):
    fail_at(kind, 7, ValueError("the device\nhas gone"))
    results = []
    with (
        Pipeline(plan(batch=batch), NETWORK) as pipeline,
        pytest.raises(StageError, match=rf"frame {7 * batch}: stage {stage} of stream 0") as told,
    ):
        results.extend(pipeline.map(FRAMES))
    assert_same(NETWORK, results, WANTED[: 7 * batch])
    assert (told.value.stream, told.value.stage, told.value.layers) == (0, stage, layers)
    assert told.value.frame == 7 * batch
    assert told.value.reason == "the device has gone"


def test_a_pipeline_that_failed_can_be_entered_again(fail_at):
    frames, wanted = FRAMES[:9], WANTED[:9]
    pipeline = Pipeline(plan(), NETWORK)
    fail_at("Flatten", 3, DeviceError("lost"))
    with pipeline, pytest.raises(StageError, match="lost"):
        list(pipeline.map(frames))
    with pipeline:
        assert_same(NETWORK, list(pipeline.map(frames)), wanted)


def test_a_failed_pipeline_takes_no_more_of_an_endless_source(fail_at):
    frame = FRAMES[0]
    fail_at("Flatten", 20, DeviceError("lost"))
    with Pipeline(plan(), NETWORK) as pipeline, pytest.raises(StageError, match="frame 20:"):
        all(result is not None for result in pipeline.map(itertools.repeat(frame)))


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (
            np.zeros((8, 8, 2), np.uint8),
            r"frame 11: .*shape \(8, 8, 1\), not \(8, 8, 2\): height, width, channels$",
        ),
        (np.zeros((1, 8, 8, 1), np.uint8), r"frame 11: .*shape \(8, 8, 1\), not \(1, 8, 8, 1\)"),
        (np.zeros((8, 8, 1), np.float32), "frame 11: .*of type uint8, not float32"),
        ({"other": np.zeros((8, 8, 1), np.uint8)}, "frame 11: .*no input 'other'"),
        ({}, "frame 11: .*'pixels' .* is missing"),
        (None, "frame 11: NoneType is no array"),
        ("text", "frame 11: str is no array"),
    ],
)
@pytest.mark.parametrize("batch", [1, 4])
def test_a_frame_that_does_not_fit_is_told_after_all_results_before_it(bad, words, batch):
    frames, wanted = FRAMES[:20], WANTED[:20]
    results = []
    with Pipeline(plan(NATIVE, batch=batch), NETWORK) as pipeline:
        with pytest.raises(InputError, match=words):
            results.extend(pipeline.map([*frames[:11], bad, *frames[12:]]))
        assert_same(NETWORK, results, wanted[:11])
        assert_same(NETWORK, list(pipeline.map(frames)), wanted)


def test_an_error_of_the_source_comes_after_all_results_before_it():
    frames = FRAMES[:5]

    def breaking():
        yield from frames
        raise OSError("the camera is gone")

    results = []
    with (
        Pipeline(plan(batch=2), NETWORK) as pipeline,
        pytest.raises(OSError, match="the camera is gone"),
    ):
        results.extend(pipeline.map(breaking()))
    assert_same(NETWORK, results, WANTED[: len(frames)])


def test_a_consumer_that_stops_leaves_a_pipeline_that_can_go_on():
    frames, wanted = FRAMES[:30], WANTED[:30]
    with Pipeline(plan(), NETWORK, window=8) as pipeline:
        for taken in (0, 1, 9):
            results = pipeline.map(itertools.cycle(frames))
            assert_same(NETWORK, [*itertools.islice(results, taken)], wanted[:taken])
            results.close()
        assert_same(NETWORK, list(pipeline.map(frames)), wanted)


def test_an_error_of_the_consumer_ends_the_pipeline():
    frame = FRAMES[0]

    def stop(result):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), Pipeline(plan(), NETWORK) as pipeline:
        any(map(stop, pipeline.map(itertools.repeat(frame))))


def test_results_are_taken_within_the_block():
    frames = [*FRAMES, *FRAMES, *FRAMES[:20]]
    pipeline = Pipeline(plan(), NETWORK, window=4)
    with pytest.raises(DeviceError, match="'with' block"):
        pipeline.map(frames)
    with pipeline:
        results = pipeline.map(frames)
        next(results)
        with pytest.raises(DeviceError, match="maps other frames already"):
            next(pipeline.map(frames))
    with pytest.raises(DeviceError, match="was left"):
        list(results)
    with pipeline:
        assert len(list(pipeline.map(frames))) == 100
        with pytest.raises(DeviceError, match="runs already"):
            pipeline.__enter__()


@pytest.mark.parametrize("name", ["put", "release"])
def test_ctrl_c_between_two_counts_leaves_a_pipeline_that_can_go_on(name, monkeypatch):
    """It comes when batches have entered, or left, and this is not yet counted."""
    method = getattr(NativePipeline, name)

    def pressed(native, count):
        method(native, count)
        raise KeyboardInterrupt

    with Pipeline(plan(NATIVE), NETWORK, window=5) as pipeline:
        monkeypatch.setattr(NativePipeline, name, pressed)
        with pytest.raises(KeyboardInterrupt):
            list(pipeline.map(FRAMES))
        monkeypatch.undo()
        assert_same(NETWORK, list(pipeline.map(FRAMES)), WANTED)


def test_ctrl_c_while_turns_are_read_for_a_trace_leaves_no_thread(monkeypatch):
    def pressed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(NativePipeline, "turns", pressed)
    with pytest.raises(KeyboardInterrupt), Pipeline(plan(), NETWORK, kept=5) as pipeline:
        assert_same(NETWORK, list(pipeline.map(FRAMES)), WANTED)
    assert pipeline.trace().events == ()


def test_time_counts_from_when_the_first_frame_is_there():
    """A source may take long to open a camera, or to load what it gives."""
    moments = []

    def opening():
        time.sleep(0.05)
        moments.append(time.monotonic())
        yield from FRAMES

    with Pipeline(plan(), NETWORK) as pipeline:
        assert len(list(pipeline.map(opening()))) == len(FRAMES)
        report = pipeline.report()
    assert report.seconds <= time.monotonic() - moments[0]


def test_a_frame_enters_before_the_source_waits_for_the_next_one():
    """The first one comes at once: nothing tells that the second will not."""
    computed = []
    with Pipeline(plan(), NETWORK) as pipeline:

        def live():
            yield FRAMES[0]
            computed.append(pipeline._started.ready(1, 60))
            yield FRAMES[1]

        assert_same(NETWORK, list(pipeline.map(live())), WANTED[:2])
    assert computed == [1]


def test_results_of_a_slow_source_are_given_before_its_next_frame(monkeypatch):
    monkeypatch.setattr("bnnplan.planner.execution.pipelines.pipeline.WAITING_SHARE", 1e4)
    results, given = [], []

    def live():
        for frame in FRAMES[:4]:
            time.sleep(2 * GATHER_SECONDS)
            yield frame
            given.append(len(results))

    with Pipeline(plan(), NETWORK) as pipeline:
        for result in pipeline.map(live()):
            results.append(result)  # noqa: PERF402
    assert given == [1, 2, 3, 4]
    assert_same(NETWORK, results, WANTED[:4])


@pytest.mark.parametrize("stream", [NATIVE, MIXED], ids=["native", "mixed"])
def test_a_pipeline_that_is_forgotten_ends_its_threads(stream):
    pipeline = Pipeline(plan(stream), NETWORK)
    pipeline.__enter__()
    assert_same(NETWORK, list(pipeline.map(FRAMES)), WANTED)
    threads = [one for one in threading.enumerate() if one.name == "bnnplan-stage"]
    del pipeline
    for thread in threads:
        thread.join(60)


def test_a_slow_consumer_holds_the_stages_back():
    """As long as nobody takes results, no more frames are computed than the window has slots."""
    frame = FRAMES[0]
    with Pipeline(plan(NATIVE), NETWORK, window=4) as pipeline:
        results = pipeline.map(itertools.repeat(frame))
        next(results)
        for _ in range(1000):
            time.sleep(0)
        assert pipeline.report().frames <= 1 + 4
        assert pipeline.report().measured is None or pipeline.report().measured.batches <= 8


def keep_threads_on(cores):
    """Of all threads but this one."""
    for task in map(int, os.listdir("/proc/self/task")):
        # Threads that have ended meanwhile do not matter.
        with contextlib.suppress(ProcessLookupError):
            if task != threading.get_native_id():
                os.sched_setaffinity(task, cores)


@pytest.mark.skipif(len(CORES) < 2, reason="takes one of two cores away")
@pytest.mark.parametrize("stream", [NATIVE, INTERPRETED], ids=["native", "interpreted"])
def test_a_core_that_is_taken_away_is_named(stream):
    frame = FRAMES[0]
    with Pipeline(plan(stream), NETWORK) as pipeline:
        results = pipeline.map(itertools.repeat(frame, 5000))
        next(results)
        keep_threads_on({CORES[0]})
        try:
            with pytest.raises(StageError, match=f"core {CORES[1]} has been taken away"):
                all(result is not None for result in results)
        finally:
            keep_threads_on(CORES)


def test_stages_that_cannot_follow_each_other_are_refused():
    together = stream_of(NETWORK, ["c0"] * 3 + ["c1"] * 3, [0] * 6)
    with pytest.raises(PlanError, match="'flat' of stage 0 reads what 'second' makes in stage 0"):
        Pipeline(plan(together), NETWORK)


@pytest.mark.parametrize(
    "wrong",
    [
        *({"slack": value} for value in (-1, 10**9, 0.5)),
        *({"window": value} for value in (0, 1 << 21, "x")),
    ],
)
def test_slack_and_window_are_checked(wrong):
    with pytest.raises(InputError, match=rf"{next(iter(wrong))} must be from [01] to 1,\d"):
        Pipeline(plan(), NETWORK, **wrong)


@pytest.mark.parametrize("wrong", ["plan.json", None])
def test_what_is_no_plan_is_refused(wrong):
    with pytest.raises(InputError, match=r"runs a Plan, not .*; load_plan reads one"):
        Pipeline(wrong)


ENDLESS = """
import itertools
from networks import chain
from pipeline_plans import core_board, frames_of, plan_of, stream_of
from bnnplan.planner.execution.pipelines import Pipeline

network = chain()
stream = stream_of(network, ["c0", "c0", "b", "b", "a", "c1"], [0, 0, 1, 1, 2, 3])
(frame,) = frames_of(network, 1)
with Pipeline(plan_of(network, core_board(), stream), network) as pipeline:
    for number, _ in enumerate(pipeline.map(itertools.repeat(frame))):
        if number == 10:
            print("running", flush=True)
"""


def test_ctrl_c_ends_an_endless_pipeline():
    here = Path(__file__).parent
    paths = [str(here), str(here.parent), *sys.path]
    process = subprocess.Popen(
        [sys.executable, "-c", ENDLESS],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "running\n", process.stderr.read()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGINT
    assert errors.rstrip().endswith("KeyboardInterrupt")


async def collect(results):
    return [result async for result in results]


async def sent(frames):
    for frame in frames:
        await asyncio.sleep(0)
        yield frame


@pytest.mark.parametrize("source", [list, iter, sent])
@pytest.mark.parametrize("batch", [1, 4])
def test_results_come_in_order_in_asyncio(source, batch):
    frames = FRAMES

    async def run():
        with Pipeline(plan(batch=batch), NETWORK, window=8) as pipeline:
            return await collect(pipeline.amap(source(frames)))

    assert_same(NETWORK, asyncio.run(run()), WANTED[: len(frames)])


def test_the_event_loop_goes_on_while_stages_work(monkeypatch):
    """A stage waits for what only the event loop does."""
    went_on = threading.Event()
    run = ReferenceKernel.run

    def waiting(kernel, inputs, outputs):
        assert went_on.wait(60)
        run(kernel, inputs, outputs)

    frames, wanted = FRAMES[:5], WANTED[:5]
    monkeypatch.setattr(ReferenceKernel, "run", waiting)

    async def run_both():
        with Pipeline(plan(), NETWORK) as pipeline:
            results = asyncio.ensure_future(collect(pipeline.amap(frames)))
            await asyncio.sleep(0.01)
            went_on.set()
            return await results

    assert_same(NETWORK, asyncio.run(run_both()), wanted)


def test_errors_reach_asyncio_after_all_results_before_them(fail_at):
    frames, wanted = FRAMES[:9], WANTED[:9]
    results = []

    async def run(source):
        results.clear()
        with Pipeline(plan(), NETWORK) as pipeline:
            async for result in pipeline.amap(source):
                results.append(result)  # noqa: PERF401

    for source in (list, sent):
        with pytest.raises(InputError, match="frame 4:"):
            asyncio.run(run(source([*frames[:4], None, *frames[5:]])))
        assert_same(NETWORK, results, wanted[:4])
    fail_at("Flatten", 6, DeviceError("lost"))
    with pytest.raises(StageError, match=r"frame 6: .* lost"):
        asyncio.run(run(frames))
    assert_same(NETWORK, results, wanted[:6])


def test_a_task_that_is_cancelled_leaves_a_pipeline_that_can_go_on():
    frames = FRAMES[:9]
    has_begun = asyncio.Event()

    async def endless():
        for frame in itertools.cycle(frames):
            has_begun.set()
            await asyncio.sleep(0)
            yield frame

    async def run():
        with Pipeline(plan(), NETWORK, window=4) as pipeline:
            task = asyncio.ensure_future(collect(pipeline.amap(endless())))
            await has_begun.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            return await collect(pipeline.amap(frames))

    assert_same(NETWORK, asyncio.run(run()), WANTED[: len(frames)])


def test_a_task_ends_only_when_no_thread_is_inside_the_pipeline(monkeypatch):
    is_inside, may_leave = threading.Event(), threading.Event()
    step = Flow.step

    def waiting(flow, timeout):
        is_inside.set()
        assert may_leave.wait(60)
        return step(flow, timeout)

    monkeypatch.setattr(Flow, "step", waiting)

    async def run():
        with Pipeline(plan(), NETWORK) as pipeline:
            task = asyncio.ensure_future(collect(pipeline.amap(FRAMES)))
            await asyncio.to_thread(is_inside.wait, 60)
            task.cancel()
            for _ in range(20):
                await asyncio.sleep(0)
            assert not task.done()
            may_leave.set()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(run())
