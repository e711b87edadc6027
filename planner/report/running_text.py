"""What a pipeline did while it ran, as text."""

from __future__ import annotations

from collections.abc import Iterator

from bnnplan.planner.plan import MeasuredStage
from bnnplan.planner.report.plan_text import memory_line
from bnnplan.planner.report.tables import Rows
from bnnplan.planner.report.units import duration, energy, share, size, times
from bnnplan.planner.running.record import Running


def running_lines(running: Running) -> Iterator[str | Rows]:
    """Rate, period, latency and memory as lines, and the stages as a table."""
    cut = ", interrupted" if running.interrupted else ""
    yield (
        f"{_frames(running.frames)} in {duration(1e9 * running.seconds)}{cut}: "
        f"{_rate(running.frames_per_second)}"
    )
    yield _source(running)
    found = running.measured
    if found is not None:
        yield _period(running)
        yield (
            f"latency of {_batches(running.plan.batch)}: p50 {duration(found.latency_p50_ns)}, "
            f"p90 {duration(found.latency_p90_ns)}, p99 {duration(found.latency_p99_ns)}"
        )
        yield stage_table(running)
        if running.is_skewed:
            yield (
                "stages took longer on average than most of the time: the first batches, before "
                "caches and rings are full, count in so few frames; more --frames level that out"
            )
        if running.is_starved:
            yield (
                "no stage was busy all the time: frames came, or results were taken, more slowly "
                "than they are computed; to measure the pipeline alone, give --frames N with a "
                "file or random frames, and leave out --output and --top"
            )
        if running.is_idle:
            yield (
                "no stage was busy even half of the time, though batches were always there: the "
                "caller's thread, handing batches on, or other programs kept the cores"
            )
        elif running.is_uneven:
            yield (
                "the mean period is far above the median: the cores were taken away now and then, "
                "most likely by other programs; frames/s and the table count that too"
            )
    for row in running.memory:
        yield memory_line(row)
    yield f"window of {running.window:,} batches: {size(running.window_bytes)}"
    for name, millijoules in running.millijoules_per_frame.items():
        yield f"energy: {energy(1e6 * millijoules)} a frame ({name})"


def stage_table(running: Running) -> Rows:
    """A row a stage: what it runs, its share of the time, and its mean time for a batch."""
    columns = ("stream", "stage", "devices", "layers", "busy", "predicted", "measured (mean)")
    table = Rows(*columns, left=4, optional=("predicted",))
    for stage in running.stages:
        table.add_row(
            str(stage.stream),
            str(stage.stage),
            ", ".join(stage.devices),
            _layers(stage),
            share(stage.busy),
            duration(running.predicted_ns(stage)),
            duration(stage.busy_ns) if stage.busy_ns else "–",
        )
    return table


def _period(running: Running) -> str:
    text = (
        f"period of {_batches(running.plan.batch)}: predicted "
        f"{duration(running.predicted_period_ns)}"
    )
    if running.median_period_ns is None or running.mean_period_ns is None:
        return f"{text}; too few frames to measure it"
    ratio = "" if running.period_ratio is None else f" ({times(running.period_ratio)} of it)"
    return (
        f"{text}, measured median {duration(running.median_period_ns)}{ratio}, "
        f"mean {duration(running.mean_period_ns)}"
    )


def _frames(count: int) -> str:
    return f"{count:,} frame{'s' if count != 1 else ''}"


def _batches(batch: int) -> str:
    return "a frame" if batch == 1 else f"a batch of {batch}"


def _rate(rate: float) -> str:
    return f"{rate:,.0f} frames/s" if rate >= 100 else f"{rate:.3g} frames/s"


def _source(running: Running) -> str:
    again = ", again and again" if running.distinct < running.frames else ""
    return f"input: {_frames(running.distinct)} of {running.source}{again}"


def _layers(stage: MeasuredStage) -> str:
    names = stage.layers
    if len(names) == 1:
        return names[0]
    return f"{len(names)} ({names[0]} … {names[-1]})"
