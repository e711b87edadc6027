"""What a plan is made of: layers, transfers, streams, memory, and what was measured of them."""

from __future__ import annotations

from attrs import field, frozen

from bnnplan.backends.interface import Configuration
from bnnplan.models.converters import as_tuple
from bnnplan.planner.plan_errors import PlanError
from bnnplan.planner.profile import MOST, Origin, Time, check_configuration, check_figures


@frozen
class PlannedLayer:
    """One layer of a plan.

    Parameters
    ----------
    name, kind : str
    device : str
    configuration : Configuration
    start_ns : int
        When it starts in the predicted schedule of one batch that runs alone.
    predicted_ns : int
    measured_ns : int or None
        Median in the running plan; None where it was not run.
    stage : int or None
        Of the pipeline, from 0: stages work on different batches at the same time. None in plans
        that are no pipelines.
    launch_ns : int
        Predicted: starting a program on the device, before it.
    loaded_ns : int or None
        Predicted while other devices work, which is what the period is made of; None where that
        is `predicted_ns`.
    origin : Origin
        How the cost that it was planned with is known.
    """

    name: str
    kind: str
    device: str
    configuration: Configuration
    start_ns: int
    predicted_ns: int
    measured_ns: int | None = None
    stage: int | None = None
    launch_ns: int = 0
    loaded_ns: int | None = None
    origin: Origin = Origin.MEASURED

    def __attrs_post_init__(self) -> None:
        figures = (self.start_ns, self.predicted_ns, self.measured_ns or 0, self.stage or 0)
        more = (self.launch_ns, self.loaded_ns or 0)
        check_figures(f"layer {self.name!r}: times and stages", *figures, *more)
        check_configuration(self.configuration)

    @property
    def period_ns(self) -> int:
        """Predicted as the period of a pipeline counts it."""
        return self.predicted_ns if self.loaded_ns is None else self.loaded_ns


@frozen
class PlannedTransfer:
    """A tensor that moves from one space to another; ``user`` is the caller's memory."""

    tensor: str
    source: str
    target: str
    nbytes: int
    predicted_ns: int
    measured_ns: int | None = None

    def __attrs_post_init__(self) -> None:
        figures = (self.nbytes, self.predicted_ns, self.measured_ns or 0)
        check_figures(f"transfer of {self.tensor!r}: bytes and nanoseconds", *figures)


@frozen
class PlannedStream:
    """A stream of a plan: the whole network on devices that no other stream uses.

    Parameters
    ----------
    layers : tuple of PlannedLayer
        In the order of the schedule.
    transfers : tuple of PlannedTransfer
    period_ns : int
        Predicted, from batch to batch of this stream.
    latency_ns : int
        Predicted: its stages times its period.
    """

    layers: tuple[PlannedLayer, ...] = field(converter=as_tuple)
    transfers: tuple[PlannedTransfer, ...] = field(converter=as_tuple)
    period_ns: int
    latency_ns: int

    def __attrs_post_init__(self) -> None:
        check_figures("period and latency of a stream", self.period_ns, self.latency_ns)


@frozen
class MeasuredStage:
    """A stage as it worked in the running pipeline.

    Parameters
    ----------
    stream, stage : int
    devices : tuple of str
        That its layers run on, one after the other.
    layers : tuple of str
    busy_ns : int
        Mean for one batch.
    busy : float
        Share of the time in which it worked.
    """

    stream: int
    stage: int
    devices: tuple[str, ...] = field(converter=as_tuple)
    layers: tuple[str, ...] = field(converter=as_tuple)
    busy_ns: int
    busy: float

    def __attrs_post_init__(self) -> None:
        check_figures("figures of a stage", self.stream, self.stage, self.busy_ns, self.busy)


@frozen
class MeasuredPipeline:
    """A pipeline as it ran on the board.

    Parameters
    ----------
    period : Time
        From batch to batch, over all streams: the median of windows of many batches.
    batches : int
        That were timed.
    latency_p50_ns, latency_p90_ns, latency_p99_ns : int
        Of a batch, from when its first stage begins to when its last ends.
    stages : tuple of MeasuredStage
    """

    period: Time
    batches: int
    latency_p50_ns: int
    latency_p90_ns: int
    latency_p99_ns: int
    stages: tuple[MeasuredStage, ...] = field(converter=as_tuple)

    def __attrs_post_init__(self) -> None:
        latencies = (self.latency_p50_ns, self.latency_p90_ns, self.latency_p99_ns)
        check_figures("batches and latencies of a pipeline", self.batches, *latencies)


@frozen
class MemoryUse:
    """What running a plan allocates in one memory space, bytes.

    Parameters
    ----------
    space : str
    weight_bytes : int
        As packed for the chosen kernels.
    activation_bytes : int
        Of the arena that tensors share.
    alive_bytes : int
        The most bytes of tensors that must be held at once; no arena can be smaller.
    workspace_bytes : int
        Of all programs.
    predicted_bytes : int or None
        The most, of all of these, that the solver counted at any moment of the schedule.
    """

    space: str
    weight_bytes: int
    activation_bytes: int
    alive_bytes: int
    workspace_bytes: int
    predicted_bytes: int | None = None

    def __attrs_post_init__(self) -> None:
        figures = (self.weight_bytes, self.activation_bytes, self.alive_bytes)
        more = (self.workspace_bytes, self.predicted_bytes or 0)
        check_figures(f"bytes in memory space {self.space!r}", *figures, *more)

    @property
    def allocated_bytes(self) -> int:
        """Everything that is allocated."""
        return self.weight_bytes + self.activation_bytes + self.workspace_bytes

    @property
    def ratio(self) -> float:
        """Bytes allocated for tensors by those that must be held at once."""
        return self.activation_bytes / max(self.alive_bytes, 1)


@frozen
class Ratio:
    """Median of the ratios of paired runs, with the ends of its 95 % interval."""

    median: float
    low: float
    high: float

    def __attrs_post_init__(self) -> None:
        if not all(0 <= figure <= MOST for figure in (self.median, self.low, self.high)):
            raise PlanError(f"a ratio of times must be from 0 to {MOST}")

    @property
    def is_one(self) -> bool:
        """Whether the interval includes 1: then nothing is known to be faster."""
        return self.low <= 1.0 <= self.high


@frozen
class Measured:
    """The plan as it ran on the board, nanoseconds.

    ``layers + transfers + launches + unattributed - timing`` is the median end to end.

    Parameters
    ----------
    end_to_end : Time
        Of runs in which only the whole is timed.
    layers_ns, transfers_ns, launches_ns : int
        Sums over the plan, of the runs in which every part is timed.
    unattributed_ns : int
        Of the same runs: end to end, less the three sums.
    timing_ns : int
        How much longer the runs took in which every part is timed. Part of it is timing itself; a
        plan that runs devices at the same time runs them one after the other there.
    """

    end_to_end: Time
    layers_ns: int
    transfers_ns: int
    launches_ns: int
    unattributed_ns: int
    timing_ns: int = 0

    def __attrs_post_init__(self) -> None:
        parts = (self.layers_ns, self.transfers_ns, self.launches_ns)
        rest = (abs(self.unattributed_ns), abs(self.timing_ns))
        check_figures("a measured time in nanoseconds", *parts, *rest)
