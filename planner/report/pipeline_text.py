"""What a pipeline does, stream by stream and stage by stage, as text."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

from bnnplan.planner.cores import cluster_of
from bnnplan.planner.execution.pipelines.sizes import wanted_slack
from bnnplan.planner.plan import Plan, PlannedLayer, PlannedStream
from bnnplan.planner.report.origin_text import estimate, mark, plan_origin
from bnnplan.planner.report.units import duration, per_second, percent
from bnnplan.planner.uncertainty import least_known


def pipeline_lines(plan: Plan) -> Iterator[str]:
    """Period, rate and latency of a pipeline, and the layers of each stage; else nothing."""
    period = plan.predicted.period_ns
    if period is None:
        return
    streams = plan.streams
    several = f"{len(streams)} streams, together " if len(streams) > 1 else ""
    known = plan_origin(plan)
    yield (
        f"pipeline: {several}a batch every {estimate(period, known)} "
        f"({mark(known)}{_rate(plan, period)}), latency of "
        f"each {'at most ' if several else ''}{estimate(plan.predicted.latency_ns, known)}"
        f"{_of_stages(plan)}"
    )
    for mine in alike(streams):
        if several:
            named = " and ".join(stream_devices(stream) for stream in mine)
            each = "each " if len(mine) > 1 else ""
            first = mine[0]
            its = least_known(row.origin for row in first.layers)
            yield (
                f"  {_counted(len(mine))} on {named}: {each}a batch every "
                f"{estimate(first.period_ns, its)} ({mark(its)}{_rate(plan, first.period_ns)}), "
                f"latency {estimate(first.latency_ns, its)}"
            )
        stages: dict[int, list[PlannedLayer]] = defaultdict(list)
        for row in mine[0].layers:
            stages[row.stage or 0].append(row)
        for number in sorted(stages):
            yield f"  {'  ' if several else ''}stage {number}: {_devices(stages[number])}"
    yield from _measured(plan, period)


def has_loads(plan: Plan) -> bool:
    """Whether layers were predicted under load too, which the period is made of."""
    return plan.request.is_pipeline and any(row.loaded_ns is not None for row in plan.layers)


def basis_lines(plan: Plan) -> Iterator[str]:
    """What the times of a pipeline's layers mean, and why they have none that are measured."""
    if not plan.request.is_pipeline:
        return
    if has_loads(plan):
        corrected = ", corrected by what stages measured" if _is_corrected(plan) else ""
        yield (
            '"predicted" is of one batch alone, as are the sums; "under load" is while other '
            f"batches and devices work{corrected}: stages and period are made of that"
        )
    if plan.pipeline is not None:
        yield "of a running pipeline only whole stages are timed, so no layer has a measured time"


def _is_corrected(plan: Plan) -> bool:
    """Whether costs under load are those that an earlier round on the board has shown."""
    return plan.pipeline is not None and plan.agreement is not None and plan.agreement.rounds > 1


def alike(streams: Sequence[PlannedStream]) -> list[list[PlannedStream]]:
    """The streams in groups that differ only in which of equal cores they have."""
    groups: dict[object, list[PlannedStream]] = defaultdict(list)
    for stream in streams:
        rows = [(row.name, cluster_of(row.device), row.configuration) for row in stream.layers]
        groups[tuple(rows), stream.period_ns, stream.latency_ns].append(stream)
    return list(groups.values())


def stream_devices(stream: PlannedStream) -> str:
    """The devices of a stream, in the order of its layers."""
    return " + ".join(dict.fromkeys(row.device for row in stream.layers))


def alone_note(plan: Plan) -> str | None:
    """What is run where a plan of several streams runs batch by batch; None if it has one."""
    if not plan.replicas:
        return None
    return (
        f"{len(plan.streams)} streams; this is the first one alone, on "
        f"{stream_devices(plan.streams[0])}, one batch at a time"
    )


def compared_note(plan: Plan) -> str | None:
    """What is compared of a plan for throughput, whose latency alone is no aim; else None."""
    if not plan.request.is_pipeline:
        return None
    what = alone_note(plan) or "a plan for throughput, run one batch at a time"
    return (
        f"{what}: latencies are compared; for throughput run this plan, and one solved with other "
        "wishes, with 'run PLAN --frames N'"
    )


def streams_text(streams: Iterable[PlannedStream]) -> str:
    """The devices of all streams."""
    return ", ".join(map(stream_devices, streams))


def _measured(plan: Plan, period: int) -> Iterator[str]:
    found = plan.pipeline
    if found is None:
        if plan.measured:
            yield (
                "  predicted only: batches were run one after the other, and the measured latency "
                "is that of one alone"
            )
        return
    whole = found.period
    yield (
        f"  measured: a batch every {duration(whole.median)} ({_rate(plan, whole.median)}; 95 % "
        f"{duration(whole.low)} to {duration(whole.high)}), from which the predicted period "
        f"differs by {percent(period / max(whole.median, 1) - 1)}; latency "
        f"{duration(found.latency_p50_ns)}, p90 {duration(found.latency_p90_ns)}, p99 "
        f"{duration(found.latency_p99_ns)}"
    )


def _of_stages(plan: Plan) -> str:
    """What the latency of stages is, since a pipeline with room between them lets batches wait."""
    if all(not row.stage for stream in plan.streams for row in stream.layers):
        return ""
    waits = "; longer where slack lets batches wait between stages" if wanted_slack(plan) else ""
    return f" (stages × period{waits})"


def _rate(plan: Plan, period: int) -> str:
    return per_second(plan.batch * 1e9 / max(period, 1), " images")


def _counted(streams: int) -> str:
    return "1 stream" if streams == 1 else f"{streams} equal streams"


def _devices(rows: list[PlannedLayer]) -> str:
    """The layers of each device that works in a stage, and the time of them."""
    by_device: Counter[str] = Counter()
    starting: Counter[str] = Counter()
    mine: dict[str, list[PlannedLayer]] = defaultdict(list)
    for row in rows:
        mine[row.device].append(row)
        by_device[row.device] += row.period_ns
        starting[row.device] += row.launch_ns
    parts = []
    for device, total in by_device.items():
        names = [row.name for row in mine[device]]
        known = least_known(row.origin for row in mine[device])
        shown = names[0] if len(names) == 1 else f"{names[0]} … {names[-1]}"
        count = "1 layer" if len(names) == 1 else f"{len(names)} layers"
        launch = f", and {duration(starting[device])} to start them" if starting[device] else ""
        parts.append(f"{device} ({count}, {shown}: {estimate(total, known)}{launch})")
    return " and ".join(parts)
