"""What a simulation says, as text."""

from __future__ import annotations

from collections.abc import Iterator

from bnnplan.planner.report.tables import Rows
from bnnplan.planner.report.units import duration, per_second, percent, share, size, times
from bnnplan.planner.simulation.simulated import PeriodInterval, Simulated, SimulatedUse

BUSY = 0.97
"""Share of the time from which something is as busy as it can be."""
NO_NEWS = 0.001


def simulation_text(found: Simulated, *, verbose: bool = False) -> Iterator[str | Rows]:
    """Give the lines and tables of a simulation, the most important first.

    Parameters
    ----------
    found : Simulated
    verbose : bool
        Whether to list cores, queues and links too.
    """
    images = "1 image" if found.batch == 1 else f"{found.batch} images"
    yield (
        f"simulated {found.network} on {found.board}: {_batches(found.batches)} of {images}, "
        + (
            f"{found.streams} {'stream' if found.streams == 1 else 'streams'}, at most "
            f"{_batches(found.window)} at once"
            if found.pipelined
            else "one after the other"
        )
    )
    yield f"durations: {found.costs}; jitter: {found.jitter}"
    speed = per_second(found.images_per_second, " images")
    yield (
        f"a batch every {duration(found.period_ns)} ({speed})"
        + (_against(found.period_ns, found.predicted_period_ns) if found.rate is None else "")
    )
    if found.interval is not None:
        yield _interval(found.interval, pipelined=found.pipelined)
    taken = found.latency
    since = "from its begin" if found.rate is None else "from when its last image arrives"
    yield (
        f"latency of a batch {since}: p50 {duration(taken.p50_ns)}, p90 {duration(taken.p90_ns)}, "
        f"p99 {duration(taken.p99_ns)}, most {duration(taken.most_ns)}"
        + (_against(taken.p50_ns, found.predicted_latency_ns) if _is_comparable(found) else "")
    )
    if found.rate is not None:
        yield _arriving(found)
    yield _limit(found)
    yield _stages(found)
    if len(found.devices) > 1 or verbose:
        yield _uses("device", found.devices)
    if verbose:
        yield _uses("core, queue or link", found.resources)
    if found.rings:
        yield _rings(found)


def _interval(interval: PeriodInterval, *, pipelined: bool) -> str:
    count = interval.uncertain
    layers = "the cost of 1 layer is" if count == 1 else f"the costs of {count} layers are"
    stages = "; all devices off the same way at once" if pipelined else ""
    return (
        f"  {layers} not measured: between {duration(interval.low)} and "
        f"{duration(interval.high)} by their intervals, if layers of one kind are off the same "
        f"way, different kinds independently{stages}"
    )


def _against(value: float, predicted: int | None) -> str:
    """What the plan predicts, and how far that is off."""
    if not predicted:
        return ""
    off = value / predicted - 1
    if abs(off) < NO_NEWS:
        return ", as the plan predicts"
    shown = times(1 + off) if off >= 1 else f"{'+' if off > 0 else '−'}{percent(abs(off))}"
    return f"; the plan predicts {duration(predicted)} ({shown})"


def _batches(count: int) -> str:
    return "1 batch" if count == 1 else f"{count:,} batches"


def _is_comparable(found: Simulated) -> bool:
    """Whether the plan's latency, of its slowest stream, is that of all batches."""
    return found.rate is None and found.streams == 1


def _is_flooded(found: Simulated, rate: float) -> bool:
    """Whether more images arrive than are computed."""
    return found.images_per_second < 0.98 * rate


def _arriving(found: Simulated) -> str:
    assert found.rate is not None
    if _is_flooded(found, found.rate):
        return (
            f"arriving: {per_second(found.rate, ' images')}, more than are computed: batches wait "
            f"ever longer, at the end {found.waiting:,} of them"
        )
    count = _batches(found.waiting)
    return f"arriving: {per_second(found.rate, ' images')}; {count} waiting at the most"


def _limit(found: Simulated) -> str:
    busiest = f"{found.bottleneck}, busy {share(found.bottleneck_busy)} of the time"
    if found.bottleneck_busy >= BUSY:
        return f"bottleneck: {busiest}"
    if found.rate is not None and not _is_flooded(found, found.rate):
        return f"no bottleneck: images arrive more slowly; busiest is {busiest}"
    if not found.pipelined:
        return f"bottleneck: {busiest}"
    why = (
        f"at most {_batches(found.window)} may be on the way"
        if found.jitter.startswith("none")
        else "durations scatter"
    )
    return f"no bottleneck: stages wait for each other, since {why}; busiest is {busiest}"


def _stages(found: Simulated) -> Rows:
    rows = Rows(
        "stage",
        "devices",
        "layers",
        "a batch",
        "busy",
        "starved",
        "blocked",
        "contending",
        left=3,
        optional=("contending",),
        wrapped="layers",
    )
    for stage in found.stages:
        number = f"{stage.stage}" if found.streams == 1 else f"{stage.stream}.{stage.stage}"
        names = stage.layers
        if len(names) > 2:
            names = (f"{names[0]} … {names[-1]} ({len(names)})",)
        rows.add_row(
            number,
            ", ".join(stage.devices),
            ", ".join(names),
            duration(stage.busy_ns) if stage.share else "–",
            share(stage.busy),
            share(stage.starved),
            share(stage.blocked),
            share(stage.contending),
        )
    return rows


def _uses(title: str, uses: tuple[SimulatedUse, ...]) -> Rows:
    rows = Rows(title, "a batch", "busy")
    for use in uses:
        rows.add_row(use.name, duration(use.busy_ns), share(use.busy))
    return rows


def _rings(found: Simulated) -> Rows:
    rows = Rows(
        "tensor between stages", "memory", "of each", "copies", "used", "on average", left=2
    )
    for ring in found.rings:
        name = ring.tensor if found.streams == 1 else f"{ring.tensor} (stream {ring.stream})"
        rows.add_row(
            name, ring.space, size(ring.nbytes), f"{ring.count}", f"{ring.most}", f"{ring.mean:.1f}"
        )
    return rows
