"""Plays a model: draws what every activity takes, and lets the events happen."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
from attrs import field, frozen

from bnnplan.models.converters import as_tuple
from bnnplan.planner.execution.trace import Event
from bnnplan.planner.simulation.engine import Events, Thread
from bnnplan.planner.simulation.model import Activity, Model, ModelledStage, ModelledStream

SHOWN = 100
"""Turns of each thread of which it is kept how long every activity took."""


@frozen(eq=False)
class Played:
    """A thread after the simulation.

    Parameters
    ----------
    activities : tuple of Activity
    means : tuple of float
        Nanoseconds of each activity, for one turn.
    shown : ndarray, shape (activities, turns)
        Nanoseconds of the first turns.
    step_of : tuple of int
        By activity: in which step of the thread it is; -1 where it takes no time.
    thread : Thread
    """

    activities: tuple[Activity, ...] = field(converter=as_tuple)
    means: tuple[float, ...] = field(converter=as_tuple)
    shown: np.ndarray
    step_of: tuple[int, ...] = field(converter=as_tuple)
    thread: Thread

    @property
    def turns(self) -> int:
        """That it did."""
        return len(self.thread.ends)

    @property
    def busy(self) -> int:
        """Nanoseconds that it worked, in all."""
        return sum(sum(taken[: self.turns]) for _, taken in self.thread.steps)

    def spans(self) -> list[tuple[int, int]]:
        """When its first turns began and ended, ns."""
        count = self.shown.shape[1]
        return [*zip(self.thread.begins[:count], self.thread.ends[:count], strict=False)]

    def events(self, row: str) -> Iterator[Event]:
        """What it did in its first turns, as events of a trace in a row."""
        for turn in range(min(self.turns, self.shown.shape[1])):
            moment = 0
            before = -1
            for activity, step, taken in zip(
                self.activities, self.step_of, self.shown[:, turn], strict=True
            ):
                if step < 0:
                    continue
                if step != before:
                    before, moment = step, self.thread.starts[step][turn]
                yield Event(activity.kind, activity.name, row, moment, int(taken))
                moment += int(taken)


@frozen(eq=False)
class History:
    """A simulation that was played.

    Parameters
    ----------
    streams : tuple of tuple of Played
    numbers : tuple of ndarray
        Of the batches that each stream took.
    begins, ends : ndarray, shape (batches,)
        When a batch's first stage began and its last ended, ns.
    arrivals : ndarray, shape (batches,)
    """

    streams: tuple[tuple[Played, ...], ...] = field(converter=as_tuple)
    numbers: tuple[np.ndarray, ...] = field(converter=as_tuple)
    begins: np.ndarray
    ends: np.ndarray
    arrivals: np.ndarray

    @property
    def threads(self) -> list[Played]:
        """All of them, stream by stream."""
        return [played for stream in self.streams for played in stream]


def play(model: Model, arrivals: np.ndarray, random: np.random.Generator) -> History:
    """Simulate batches.

    Parameters
    ----------
    model : Model
    arrivals : ndarray of int64, shape (batches,)
        When each batch may enter, ascending.
    random : numpy.random.Generator
    """
    count = len(arrivals)
    shared = _contended([stage for stream in model.streams for stage in stream.stages])
    streams = [
        tuple(_thread(stage, shared, count, random) for stage in stream.stages)
        for stream in model.streams
    ]
    threads = [[played.thread for played in stream] for stream in streams]
    events = Events(threads, model.window, arrivals.tolist(), _by_latency(model.streams))
    events.run()
    begins, ends = np.zeros(count, np.int64), np.zeros(count, np.int64)
    numbers = [np.array(taken, np.int64) for taken in events.numbers]
    for stream, taken in zip(streams, numbers, strict=True):
        begins[taken] = stream[0].thread.begins
        ends[taken] = np.max([played.thread.ends for played in stream], axis=0)
    return History(streams, numbers, begins, ends, arrivals)


def _by_latency(streams: Sequence[ModelledStream]) -> list[int]:
    """The streams' numbers, those first that take the least time for a batch alone."""
    latencies = []
    for stream in streams:
        ends: list[int] = []
        for stage in stream.stages:
            read = [ends[wait.stage] for wait in stage.waits if not wait.lag]
            ends.append(max(read, default=0) + sum(one.ns for one in stage.activities))
        latencies.append(max(ends))
    return sorted(range(len(latencies)), key=latencies.__getitem__)


def _contended(stages: Sequence[ModelledStage]) -> dict[str, int]:
    """Resources that more than one thread keeps busy, numbered."""
    users: dict[str, set[int]] = defaultdict(set)
    for index, stage in enumerate(stages):
        for activity in stage.activities:
            for resource in activity.resources if activity.ns else ():
                users[resource].add(index)
    shared = sorted(resource for resource, threads in users.items() if len(threads) > 1)
    return {resource: number for number, resource in enumerate(shared)}


def _thread(
    stage: ModelledStage, shared: dict[str, int], count: int, random: np.random.Generator
) -> Played:
    """A thread: its activities, joined to steps where they queue for the same."""
    factor = stage.spread.draw(random, count) if stage.spread else 1.0
    needs: list[tuple[int, ...]] = []
    sums: list[np.ndarray] = []
    means, step_of = [], []
    shown = np.zeros((len(stage.activities), min(count, SHOWN)), np.int64)
    for position, activity in enumerate(stage.activities):
        if not activity.ns:
            means.append(0.0)
            step_of.append(-1)
            continue
        own = activity.spread.draw(random, count) if activity.spread else np.ones(count)
        taken = np.rint(activity.ns * factor * own).astype(np.int64)
        needed = tuple(sorted(shared[name] for name in activity.resources if name in shared))
        if not needs or needs[-1] != needed:
            needs.append(needed)
            sums.append(np.zeros(count, np.int64))
        sums[-1] += taken
        means.append(float(taken.mean()))
        step_of.append(len(needs) - 1)
        shown[position] = taken[: shown.shape[1]]
    steps = [(needed, taken.tolist()) for needed, taken in zip(needs, sums, strict=True)]
    waits = [(wait.stage, wait.lag) for wait in stage.waits]
    return Played(stage.activities, means, shown, step_of, Thread(steps, waits, stage.pause))
