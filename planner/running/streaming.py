"""Runs frames of a source through a pipeline, for their results or for the rate alone."""

from __future__ import annotations

import functools
import itertools
import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from bnnplan.planner.execution.pipelines import Frame, Pipeline, Result
from bnnplan.planner.execution.runner import check_feeds
from bnnplan.planner.frames.repeating import Repeated
from bnnplan.planner.frames.sources import Source
from bnnplan.planner.plan import MeasuredPipeline
from bnnplan.planner.running.energy_use import EnergyUse
from bnnplan.planner.running.record import Running
from bnnplan.planner.running.whole_steps import WholeSteps
from bnnplan.planner.trials.pipeline import together

TICK_SECONDS = 0.1
"""Between two looks of whoever watches."""
TURN_SECONDS = 0.25
"""Of a part of a run for the rate, after which can be told how far it is."""
LEAST_BATCHES = 32
"""Of such a part."""

Take = Callable[[Result], None]
Progress = Callable[[float, str], None]


def run_all(
    pipeline: Pipeline, source: Source, count: int | None, take: Take, progress: Progress
) -> Running:
    """Run every frame, and hand over its result in order.

    Parameters
    ----------
    pipeline : Pipeline
        Entered.
    source : Source
    count : int or None
        How many frames; a source with fewer begins anew. None: one time what there is.
    take : callable
        Takes a result. The pipeline waits for it, once it is a window ahead.
    progress : callable
        Takes the share that is done (0 where that is unknown), and a text.

    Returns
    -------
    Running
        Also after KeyboardInterrupt: of the frames so far.
    """
    frames = Repeated(source, count)
    taken, next_look, is_interrupted = 0, 0.0, False

    def take_one(result: Result) -> None:
        nonlocal taken, next_look
        take(result)
        taken += 1
        if (now := time.monotonic()) >= next_look:
            next_look = now + TICK_SECONDS
            progress(taken / frames.expected if frames.expected else 0.0, f"{taken:,} frames")

    with EnergyUse() as use:
        try:
            with WholeSteps() as steps:
                for result in pipeline.map(frames):
                    steps.run(functools.partial(take_one, result))
        except KeyboardInterrupt:
            is_interrupted = True
    report = pipeline.report()
    return Running(
        plan=pipeline.plan,
        frames=taken,
        seconds=report.seconds,
        measured=report.measured,
        source=source.name,
        distinct=min(taken, frames.distinct),
        joules=use.joules,
        interrupted=is_interrupted,
    )


def run_rate(
    pipeline: Pipeline, source: Source, count: int, take: Take, progress: Progress
) -> Running:
    """Run one batch again and again, with nothing in the way that would not be pipeline.

    Parameters
    ----------
    pipeline : Pipeline
        Entered.
    source : Source
        Of which the first batch is taken.
    count : int
        How many frames.
    take : callable
        Takes the results of the first batch.
    progress : callable
        Takes the share that is done, and a text.

    Returns
    -------
    Running
        Also after KeyboardInterrupt: of the frames so far.
    """
    plan = pipeline.plan
    batch = plan.batch
    frames = [*itertools.islice(iter(source), min(batch, count))]
    turns: list[MeasuredPipeline] = []
    computed, seconds, is_interrupted = 0, 0.0, False
    use = EnergyUse()
    try:
        for result in pipeline.map(frames):
            take(result)
        arrays = _encoded(pipeline, frames)
        left = -(-count // batch)
        period = max(plan.predicted.period_ns or plan.predicted.latency_ns, 1)
        with use:
            while left:
                size = min(left, max(LEAST_BATCHES, round(1e9 * TURN_SECONDS / period)))
                turns.append(pipeline.run_batches(arrays, size))
                report = pipeline.report()
                computed += report.frames
                seconds += report.seconds
                left -= size
                period = max(turns[-1].period.median, 1)
                done = min(count, batch * sum(turn.batches for turn in turns))
                progress(done / count, f"{done:,} frames")
    except KeyboardInterrupt:
        is_interrupted = True
    done = min(count, batch * sum(turn.batches for turn in turns))
    # More are computed than are counted: they fill the pipeline before, and keep it full.
    share = done / max(computed, 1)
    return Running(
        plan=plan,
        frames=done,
        seconds=seconds * share,
        measured=together(turns) if turns else None,
        source=source.name,
        distinct=min(done, len(frames)),
        joules={name: joules * share for name, joules in use.joules.items()},
        only_rate=True,
        interrupted=is_interrupted,
    )


def _encoded(pipeline: Pipeline, frames: Sequence[Frame]) -> dict[str, np.ndarray]:
    """A batch of frames in the shared formats, filled up with the same ones."""
    (first, *_) = pipeline.network.inputs
    named = [frame if isinstance(frame, Mapping) else {first: frame} for frame in frames]
    batch = pipeline.plan.batch
    rows = [*itertools.islice(itertools.cycle(named), batch)]
    feeds = {name: np.stack([row[name] for row in rows]) for name in pipeline.network.inputs}
    return check_feeds(pipeline.network, feeds, batch)
