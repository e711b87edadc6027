"""What a running pipeline did: when batches were begun and complete, and how its stages worked."""

from __future__ import annotations

import time
from collections.abc import Sequence

from attrs import frozen

from bnnplan.backends.pipeline import NativePipeline, StageUse
from bnnplan.planner.plan_parts import MeasuredPipeline, MeasuredStage
from bnnplan.planner.statistics import percentile, summarize

SPAN_EVERY_NS = 200_000
"""How often a batch is looked at: that takes a microsecond."""
LEAST_SPANS = 64
WINDOW_NS = 5_000_000
"""How long a sample of the period is at least, if there are then some samples."""
SAMPLES = 8
TOLERANCE = 0.03


@frozen
class Span:
    """A batch, with the times of the monotonic clock (ns)."""

    number: int
    begin: int
    end: int


@frozen
class StageLabel:
    """A stage, as reports name it."""

    stream: int
    stage: int
    devices: tuple[str, ...]
    layers: tuple[str, ...]


class Tally:
    """Looks at batches as they are taken.

    One of so many is looked at, which are a multiple of the streams: then all that are looked at
    are at one point of the round in which streams of one speed take them.

    Parameters
    ----------
    native : NativePipeline
    labels : sequence of StageLabel
        Of all stages, stream by stream.
    """

    def __init__(self, native: NativePipeline, labels: Sequence[StageLabel]) -> None:
        self._native = native
        self._labels = tuple(labels)
        self._places = places_of(labels)
        self._stride = 1 + labels[-1].stream
        self._before = self._uses()
        self._after: tuple[int, list[StageUse]] | None = None
        self.spans: list[Span] = []
        self.begin = time.monotonic_ns()
        self.end = self.begin

    def start(self) -> None:
        """The first frame is there: until now the stages could not have done anything."""
        self.begin = self.end = time.monotonic_ns()

    def note(self, first: int, count: int) -> None:
        """Look at some of `count` batches that are computed and not released."""
        self.end = time.monotonic_ns()
        for number in range(first + -first % self._stride, first + count, self._stride):
            self.spans.append(Span(number, *self._native.span(number)))
        most = max(LEAST_SPANS, (self.end - self.begin) // SPAN_EVERY_NS)
        while len(self.spans) > min(most, 100 * LEAST_SPANS):
            self._stride *= 2
            self.spans = [span for span in self.spans if span.number % self._stride == 0]

    def close(self) -> None:
        """Stages are not looked at any more."""
        if self._after is None:
            self._after = (time.monotonic_ns(), self._uses())

    def measured(self, first: int, last: int) -> MeasuredPipeline | None:
        """What was seen of the batches from `first` to before `last`; None if too little was."""
        spans = [span for span in self.spans if first <= span.number < last]
        if len(spans) < 2:
            return None
        times = sorted(span.end - span.begin for span in spans)
        now, after = self._after or (time.monotonic_ns(), self._uses())
        seconds = max((self.end if self._after is None else now) - self.begin, 1)
        return MeasuredPipeline(
            period=summarize(_periods(spans), tolerance=TOLERANCE),
            batches=last - first,
            latency_p50_ns=percentile(times, 50),
            latency_p90_ns=percentile(times, 90),
            latency_p99_ns=percentile(times, 99),
            stages=[
                _stage(label, one, other, seconds)
                for label, one, other in zip(self._labels, self._before, after, strict=True)
            ],
        )

    def _uses(self) -> list[StageUse]:
        return [self._native.use(*place) for place in self._places]


def places_of(labels: Sequence[StageLabel]) -> list[tuple[int, int]]:
    """Stream and position in it, which is not the stage's number where stages are side by side."""
    found: list[tuple[int, int]] = []
    for label in labels:
        position = sum(stream == label.stream for stream, _ in found)
        found.append((label.stream, position))
    return found


def _periods(spans: Sequence[Span]) -> list[int]:
    """Samples of the period, each over many batches.

    Streams overtake each other: what counts is when so many batches were complete, not which.
    """
    ends = sorted(span.end for span in spans)
    steps = len(spans) - 1
    per_step = max((ends[-1] - ends[0]) / steps, 1)
    size = max(1, min(round(WINDOW_NS / per_step), steps // SAMPLES))
    samples = []
    for start in range(0, steps - size + 1, size):
        batches = spans[start + size].number - spans[start].number
        samples.append(round((ends[start + size] - ends[start]) / batches))
    return samples


def _stage(label: StageLabel, one: StageUse, other: StageUse, elapsed: int) -> MeasuredStage:
    busy = other.busy_ns - one.busy_ns
    return MeasuredStage(
        label.stream,
        label.stage,
        label.devices,
        label.layers,
        round(busy / max(other.turns - one.turns, 1)),
        min(busy / elapsed, 1.0),
    )
