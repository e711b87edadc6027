"""What a simulation says."""

from __future__ import annotations

from attrs import field, frozen

from bnnplan.models.converters import as_tuple


@frozen
class Latency:
    """Percentiles of the latency of batches, nanoseconds."""

    p50_ns: int
    p90_ns: int
    p99_ns: int
    most_ns: int
    mean_ns: int


@frozen
class SimulatedStage:
    """A stage, and how it spends its time.

    Parameters
    ----------
    stream, stage : int
        `stage` is its number in the plan; several threads may share it.
    devices, layers : tuple of str
    busy_ns : int
        Mean for one batch.
    busy, starved, blocked, contending : float
        Shares of the time: it works; waits for what it reads, or for batches; waits
        for room, since others still read what it made; waits for a core, queue or link that
        another thread uses. The rest is filling and emptying the pipeline.
    share : float
        Of all batches, that its stream takes.
    """

    stream: int
    stage: int
    devices: tuple[str, ...] = field(converter=as_tuple)
    layers: tuple[str, ...] = field(converter=as_tuple)
    busy_ns: int
    busy: float
    starved: float
    blocked: float
    contending: float
    share: float


@frozen
class SimulatedUse:
    """How busy something is: a device, a core or queue, a link.

    Parameters
    ----------
    name : str
    busy_ns : int
        For one batch, on average over all streams.
    busy : float
        Share of the time.
    """

    name: str
    busy_ns: int
    busy: float


@frozen
class SimulatedRing:
    """Copies of a tensor on its way between stages.

    Parameters
    ----------
    stream : int
    tensor, space : str
    count : int
        Slots that there are.
    nbytes : int
        Of a slot.
    most : int
        Slots that were in use at once.
    mean : float
        Slots in use on average.
    """

    stream: int
    tensor: str
    space: str
    count: int
    nbytes: int
    most: int
    mean: float


@frozen
class PeriodInterval:
    """Where the period is believed to lie, since costs are not known exactly.

    Parameters
    ----------
    low, high : int
        Nanoseconds; the period of the simulation is in between.
    uncertain : int
        Layers whose costs are not measured, each counted once for all streams.
    """

    low: int
    high: int
    uncertain: int


@frozen
class Simulated:
    """What a simulation says of a plan.

    Parameters
    ----------
    network, board : str
    batch, batches, streams, window : int
        Images in a batch; batches that were simulated; streams; slots for batches.
    pipelined : bool
        Whether batches overlap.
    period_ns : float
        From batch to batch, over all streams, once the pipeline is filled.
    images_per_second : float
    rate : float or None
        Images a second that arrive; None where there is always a next one.
    latency : Latency
        Of a batch, from when its first stage begins to when its last ends; with a `rate` from when
        its last image arrives.
    waiting : int
        The most batches that had arrived and were not begun.
    predicted_period_ns : int or None
    predicted_latency_ns : int
        Of the plan.
    bottleneck : str
        What is busiest, of stages, cores, queues and links.
    bottleneck_busy : float
    stages : tuple of SimulatedStage
    devices, resources : tuple of SimulatedUse
        Resources are cores, queues and links.
    rings : tuple of SimulatedRing
    jitter : str
        Where the spread of durations comes from.
    costs : str
        Where the durations come from.
    interval : PeriodInterval or None
        None where all costs are measured, or nothing is known of their origin.
    seed : int
    """

    network: str
    board: str
    batch: int
    batches: int
    streams: int
    window: int
    pipelined: bool
    period_ns: float
    images_per_second: float
    rate: float | None
    latency: Latency
    waiting: int
    predicted_period_ns: int | None
    predicted_latency_ns: int
    bottleneck: str
    bottleneck_busy: float
    stages: tuple[SimulatedStage, ...] = field(converter=as_tuple)
    devices: tuple[SimulatedUse, ...] = field(converter=as_tuple)
    resources: tuple[SimulatedUse, ...] = field(converter=as_tuple)
    rings: tuple[SimulatedRing, ...] = field(converter=as_tuple)
    jitter: str
    costs: str
    interval: PeriodInterval | None
    seed: int
