"""What a pipeline did while it ran for a user: figures that are printed and written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs
from attrs import field, frozen

from bnnplan.models.converters import as_tuple
from bnnplan.planner.plan import MeasuredPipeline, MeasuredStage, MemoryUse, Plan

STARVED = 0.9
"""Share of the time in which the busiest stage works at least, where nothing else is in its way."""
IDLE = 0.5
"""Share of the time in which the busiest stage works at most, where something kept the cores."""
UNEVEN = 1.25
"""Mean period by its median, from which on something has held the pipeline up now and then."""
HELD_UP_NS = 5_000_000
"""What it has cost in all then, at least: filling a pipeline is no such thing."""
LEAST_BATCHES = 16
"""That a period is told of: most of fewer fill the pipeline, or empty it."""


@frozen
class Running:
    """A plan that ran as a pipeline.

    Parameters
    ----------
    plan : Plan
    frames : int
        Computed.
    seconds : float
        In which they were computed.
    measured : MeasuredPipeline or None
        None where it ended before anything could be measured.
    source : str
        Where frames came from.
    distinct : int
        How many of them were different ones; the others are the same once more.
    window : int
        Batches that may be inside at once.
    window_bytes : int
        Of these batches and their results.
    memory : tuple of MemoryUse
        One a space, without the window.
    joules : mapping of str to float
        By name of the sensor, of all frames; empty where no sensor can be read.
    only_rate : bool
        Whether one batch was computed again and again, with nothing in its way.
    interrupted : bool
        Whether more frames were asked for.
    """

    plan: Plan
    frames: int
    seconds: float
    measured: MeasuredPipeline | None
    source: str
    distinct: int
    window: int = 0
    window_bytes: int = 0
    memory: tuple[MemoryUse, ...] = field(default=(), converter=as_tuple)
    joules: Mapping[str, float] = field(factory=dict)
    only_rate: bool = False
    interrupted: bool = False

    @property
    def frames_per_second(self) -> float:
        """Frames by the time of all of them."""
        return self.frames / self.seconds if self.seconds else 0.0

    @property
    def predicted_period_ns(self) -> int:
        """From batch to batch: of the pipeline; of a plan that is none, its latency."""
        return self.plan.predicted.period_ns or self.plan.predicted.latency_ns

    @property
    def median_period_ns(self) -> int | None:
        """From batch to batch, mostly; None where there were too few of them."""
        if self.measured is None or self.frames < LEAST_BATCHES * self.plan.batch:
            return None
        return self.measured.period.median

    @property
    def mean_period_ns(self) -> int | None:
        """The time of all batches by their number; None where there were too few of them."""
        if self.median_period_ns is None:
            return None
        return round(1e9 * self.seconds * self.plan.batch / self.frames)

    @property
    def period_ratio(self) -> float | None:
        """Median period by the predicted one."""
        if self.median_period_ns is None or not self.predicted_period_ns:
            return None
        return self.median_period_ns / self.predicted_period_ns

    @property
    def millijoules_per_frame(self) -> dict[str, float]:
        """By name of the sensor."""
        return {name: 1e3 * joules / max(self.frames, 1) for name, joules in self.joules.items()}

    @property
    def is_starved(self) -> bool:
        """Whether the source, or who took results, was slower than every stage."""
        busiest = max((stage.busy for stage in self.stages), default=1.0)
        return not self.only_rate and busiest < STARVED

    @property
    def is_idle(self) -> bool:
        """Whether the stages rested, though nothing but they had anything to do."""
        busiest = max((stage.busy for stage in self.stages), default=1.0)
        return self.only_rate and self.median_period_ns is not None and busiest < IDLE

    @property
    def is_uneven(self) -> bool:
        """Whether the stages were held up now and then, by nothing that is part of the pipeline."""
        if self.median_period_ns is None or self.mean_period_ns is None or self.is_starved:
            return False
        excess = self.mean_period_ns - self.median_period_ns
        return (
            excess > (UNEVEN - 1) * self.median_period_ns
            and excess * self.frames > HELD_UP_NS * self.plan.batch
        )

    @property
    def is_skewed(self) -> bool:
        """Whether stages took longer on average than batches mostly came apart."""
        if self.median_period_ns is None or self.is_starved or self.is_uneven:
            return False
        each = self.median_period_ns * len(self.plan.streams)
        return any(stage.busy_ns > UNEVEN * each for stage in self.stages)

    def predicted_ns(self, stage: MeasuredStage) -> int:
        """What the layers of a stage were predicted to take for a batch, and to start them."""
        layers = self.plan.streams[stage.stream].layers
        mine = [row for row in layers if row.name in stage.layers]
        return sum(row.period_ns + row.launch_ns for row in mine)

    def document(self) -> dict[str, Any]:
        """As JSON, see the table of what commands print in the documentation of files."""
        found = self.measured
        return {
            "network": self.plan.network,
            "source": self.source,
            "frames": self.frames,
            "distinct": self.distinct,
            "batch": self.plan.batch,
            "only_rate": self.only_rate,
            "interrupted": self.interrupted,
            "seconds": self.seconds,
            "frames_per_second": self.frames_per_second,
            "predicted_period_ns": self.predicted_period_ns,
            "measured_period_ns": self.median_period_ns,
            "mean_period_ns": self.mean_period_ns,
            "period_ratio": self.period_ratio,
            "latency_ns": None
            if found is None
            else {
                "p50": found.latency_p50_ns,
                "p90": found.latency_p90_ns,
                "p99": found.latency_p99_ns,
            },
            "stages": [
                {
                    **attrs.asdict(stage),
                    "busy_ns": stage.busy_ns or None,
                    "predicted_ns": self.predicted_ns(stage),
                }
                for stage in self.stages
            ],
            "window": self.window,
            "window_bytes": self.window_bytes,
            "memory": [attrs.asdict(row) for row in self.memory],
            "millijoules_per_frame": self.millijoules_per_frame,
        }

    @property
    def stages(self) -> Sequence[MeasuredStage]:
        """Of all streams."""
        return () if self.measured is None else self.measured.stages
