"""From a simulation that was played to what it says."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator

import numpy as np

from bnnplan.backends.pipeline import StageTurn
from bnnplan.planner.execution.pipelines.stage_events import StageTurns, in_order, stage_events
from bnnplan.planner.execution.trace import Event, EventKind, Trace
from bnnplan.planner.simulation.engine import Cause
from bnnplan.planner.simulation.model import Activity, Model
from bnnplan.planner.simulation.playing import History, Played
from bnnplan.planner.simulation.simulated import (
    Latency,
    SimulatedRing,
    SimulatedStage,
    SimulatedUse,
)
from bnnplan.planner.statistics import percentile

SETTLING = 10
"""One of so many batches at the begin, and at the end, is not counted: the pipeline fills then."""


def period(history: History) -> float:
    """Nanoseconds from batch to batch while the pipeline is filled: the slope of when they end."""
    ends = np.sort(history.ends)
    first = len(ends) // SETTLING
    settled = ends[first : len(ends) - first].astype(float)
    if len(settled) < 2:
        return float((ends[-1] - history.begins[0]) / len(ends))
    turns = np.arange(len(settled)) - (len(settled) - 1) / 2
    return float(turns @ (settled - settled.mean()) / (turns @ turns))


def latency(history: History, *, arriving: bool) -> Latency:
    """Percentiles of the latency of batches, from their arrival or their begin."""
    since = history.arrivals if arriving else history.begins
    taken = np.sort((history.ends - since)[len(since) // SETTLING :]).tolist()
    return Latency(
        percentile(taken, 50),
        percentile(taken, 90),
        percentile(taken, 99),
        taken[-1],
        round(sum(taken) / len(taken)),
    )


def most_waiting(history: History) -> int:
    """The most batches that had arrived and were not begun."""
    begun = np.searchsorted(np.sort(history.begins), history.arrivals, side="right")
    return int((np.arange(1, len(begun) + 1) - begun).max(initial=0))


def stage_rows(model: Model, history: History, taken_ns: float) -> Iterator[SimulatedStage]:
    """How every stage spends its time, where a batch leaves every `taken_ns`."""
    batches = len(history.ends)
    span = max(1, int(history.ends.max()))
    for number, (stream, played) in enumerate(zip(model.streams, history.streams, strict=True)):
        for stage, one in zip(stream.stages, played, strict=True):
            idle = one.thread.idle
            yield SimulatedStage(
                number,
                stage.number,
                stage.devices,
                stage.layers,
                round(one.busy / max(1, one.turns)),
                _share(one.busy / batches, taken_ns),
                idle[Cause.INPUT] / span,
                idle[Cause.ROOM] / span,
                idle[Cause.RESOURCE] / span,
                one.turns / batches,
            )


def device_uses(history: History, taken_ns: float) -> list[SimulatedUse]:
    """How busy every device is with layers and launches."""
    return _uses(
        history,
        taken_ns,
        lambda one: () if one.kind is EventKind.TRANSFER else (one.device,),
    )


def resource_uses(history: History, taken_ns: float) -> list[SimulatedUse]:
    """How busy every core, queue and link is."""
    return _uses(history, taken_ns, lambda one: sorted(one.resources))


def _uses(
    history: History, taken_ns: float, users: Callable[[Activity], tuple[str, ...] | list[str]]
) -> list[SimulatedUse]:
    sums: dict[str, float] = defaultdict(float)
    for played in history.threads:
        for activity, mean in zip(played.activities, played.means, strict=True):
            for name in users(activity):
                sums[name] += mean * played.turns / len(history.ends)
    return [
        SimulatedUse(name, round(taken), _share(taken, taken_ns))
        for name, taken in sorted(sums.items())
    ]


def _share(busy: float, taken_ns: float) -> float:
    return min(1.0, busy / max(taken_ns, 1.0))


def ring_rows(model: Model, history: History) -> Iterator[SimulatedRing]:
    """How full the rings were."""
    span = max(1, int(history.ends.max()))
    for number, (stream, played) in enumerate(zip(model.streams, history.streams, strict=True)):
        for ring in stream.rings:
            taken, freed = held(played, ring.maker, ring.readers)
            still = np.searchsorted(freed, taken, side="right")
            in_use = np.arange(1, len(taken) + 1) - still
            yield SimulatedRing(
                number,
                ring.tensor,
                ring.space,
                ring.count,
                ring.nbytes,
                int(in_use.max(initial=0)),
                float((freed - taken).sum() / span),
            )


def held(
    played: tuple[Played, ...], maker: int, readers: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """When each turn's copy of a tensor is begun to be made, and when its last reader ends."""
    ends = [played[stage].thread.ends for stage in (maker, *readers)]
    return np.array(played[maker].thread.begins, np.int64), np.max(ends, axis=0, initial=0)


def bottleneck(stages: list[SimulatedStage], resources: list[SimulatedUse]) -> tuple[str, float]:
    """What is busiest, and its share of the time: a stage, or something that stages share."""
    offered = [(one.busy, stage_name(one)) for one in stages]
    offered += [(one.busy, one.name) for one in resources]
    # Of a stage that alone uses a core, the stage is what a person can change.
    most = max(busy for busy, _ in offered)
    return next((name, busy) for busy, name in offered if busy >= most - 1e-6)


def stage_name(stage: SimulatedStage) -> str:
    """What a person calls a stage."""
    on = " and ".join(stage.devices) or "the caller's memory"
    return f"stage {stage.stage} of stream {stage.stream} ({on})"


def trace_of(model: Model, history: History) -> Trace:
    """The first turns of every thread as one trace, a row for each."""
    events: list[Event] = []
    for number, (stream, played) in enumerate(zip(model.streams, history.streams, strict=True)):
        batches = history.numbers[number].tolist()
        threads = [
            StageTurns(
                number,
                stage.number,
                index,
                stage.devices,
                stage.waits,
                [StageTurn(turn, batches[turn], *times) for turn, times in enumerate(one.spans())],
                stage.pause,
            )
            for index, (stage, one) in enumerate(zip(stream.stages, played, strict=True))
        ]
        events += stage_events(threads)
        for thread, one in zip(threads, played, strict=True):
            events += one.events(thread.row)
    return in_order(events)
