"""The event loop: threads wait for each other's turns, and queue for what they share.

Threads are what execution makes of a plan: one a stage, and the caller, who fills slots and empties
them. The rules are those of ``bnnplan/pipeline.h``; they stand in `Events.begin_if_possible`. What
shares a core, a queue or a link is served in the order in which it asks, each until its turn is
done: between two steps of a turn, execution frees a device and takes it again before others wake.
Where several streams are idle as a batch comes, execution leaves open which one wakes first; here
it is the one that takes the least time for a batch.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from heapq import heappop, heappush

from attrs import Factory, define

Taken = list[int]
"""Nanoseconds, by turn."""


class Cause(enum.IntEnum):
    """What a thread waited for before a turn."""

    INPUT = 0
    """The stage, or the caller, that makes what it reads."""
    ROOM = 1
    """A stage that still reads what it would overwrite."""
    RESOURCE = 2
    """A core, queue or link that another thread used."""


@define(eq=False)
class Thread:
    """Something that does turns one after the other, each in steps.

    Parameters
    ----------
    steps : list of (tuple of int, list of int)
        Resources that others use too, and what the step takes by turn.
    waits : list of (int, int)
        Threads and lags: before turn t, the thread has ended turn t - lag.
    pause : int
        Nanoseconds from the end of a turn to the begin of the next, at the least.

    Attributes
    ----------
    followers : list of int
        Threads that wait for this one.
    starts : list of list of int
        When each step began, by step and turn.
    begins, ends : list of int
        When each turn began and ended.
    idle : list of int
        Nanoseconds spent waiting, by cause.
    """

    steps: list[tuple[tuple[int, ...], Taken]]
    waits: list[tuple[int, int]]
    pause: int = 0
    followers: list[int] = Factory(list)
    starts: list[list[int]] = Factory(list)
    begins: list[int] = Factory(list)
    ends: list[int] = Factory(list)
    idle: list[int] = Factory(lambda: [0] * len(Cause))
    step: int = -1
    """That it is in, or waits for; -1 between turns."""
    cause: Cause = Cause.INPUT
    asked: int = 0


class Events:
    """A simulation of batches.

    Parameters
    ----------
    streams : sequence of sequence of Thread
        Waits count threads in their stream.
    window : int
    arrivals : sequence of int
        When each batch may be put.
    fastest : sequence of int
        Streams in the order in which idle ones wake: who takes the least time for a batch first.

    Attributes
    ----------
    put, take : Thread
        The caller's, who fills slots and empties them in no time.
    numbers : list of list of int
        Of the batches that each stream has taken.
    """

    def __init__(
        self,
        streams: Sequence[Sequence[Thread]],
        window: int,
        arrivals: Sequence[int],
        fastest: Sequence[int],
    ) -> None:
        self.put, self.take = Thread([], [(1, window)]), Thread([], [])
        self.numbers: list[list[int]] = [[] for _ in streams]
        self._arrivals = arrivals
        self._streams = streams
        self._threads = [self.put, self.take]
        self._stream_of = [-1, -1]
        self._firsts: list[int] = []
        self._others: list[list[int]] = []
        """By stream: threads that wait for nothing but a batch."""
        for number, stream in enumerate(streams):
            first = len(self._threads)
            self._firsts.append(first)
            idle = [n for n, one in enumerate(stream) if n and all(lag for _, lag in one.waits)]
            self._others.append([first + n for n in idle])
            for thread in stream:
                thread.waits = [(first + other, lag) for other, lag in thread.waits]
            self._threads += stream
            self._stream_of += [number] * len(stream)
        self._fastest = [self._firsts[number] for number in fastest]
        for index, thread in enumerate(self._threads):
            thread.starts = [[] for _ in thread.steps]
            for other in dict.fromkeys(other for other, _ in thread.waits):
                self._threads[other].followers.append(index)
        self._unfinished: list[dict[int, int]] = [{} for _ in streams]
        """By stream and turn: threads that have not ended it."""
        self._done: set[int] = set()
        self._next = 0
        self._now = 0
        self._order = 0
        self._events: list[tuple[int, int, int]] = []
        """Time, order, and a thread whose step ends; inverted, one that may begin then."""
        self._queue: list[int] = []
        self._used: set[int] = set()

    def run(self) -> None:
        """Simulate until every batch has left."""
        self.begin_if_possible(0)
        while self._events:
            self._now, _, index = heappop(self._events)
            if index < 0:
                self.begin_if_possible(~index)
            else:
                self._end_step(index)

    def begin_if_possible(self, index: int) -> None:
        """Begin a thread's next turn, if it is idle and nothing is missing."""
        thread = self._threads[index]
        if thread.step >= 0:
            return
        turn = len(thread.ends)
        ready = thread.ends[-1] + thread.pause if turn else 0
        if ready > self._now:
            return
        for other, lag in thread.waits:
            if len(self._threads[other].ends) <= turn - lag:
                thread.cause = Cause.ROOM if lag else Cause.INPUT
                return
        if index == 0:
            if turn == len(self._arrivals):
                return
            if self._arrivals[turn] > self._now:
                thread.cause = Cause.INPUT
                self._push(self._arrivals[turn], ~index)
                return
        elif index == 1:
            if turn not in self._done:
                thread.cause = Cause.INPUT
                return
            self._done.discard(turn)
        elif not self._has_batch(index, turn):
            thread.cause = Cause.INPUT
            return
        thread.idle[thread.cause] += self._now - ready
        thread.begins.append(self._now)
        self._begin_step(index, thread, 0)

    def _has_batch(self, index: int, turn: int) -> bool:
        """Whether a stage's stream has a batch for a turn; a first stage takes the next one."""
        stream = self._stream_of[index]
        numbers = self.numbers[stream]
        if turn < len(numbers):
            return True
        if index != self._firsts[stream] or self._next == len(self.put.ends):
            return False
        numbers.append(self._next)
        self._unfinished[stream][turn] = len(self._streams[stream])
        self._next += 1
        for other in self._others[stream]:
            self.begin_if_possible(other)
        return True

    def _push(self, time: int, index: int) -> None:
        self._order += 1
        heappush(self._events, (time, self._order, index))

    def _begin_step(self, index: int, thread: Thread, step: int) -> None:
        thread.step = step
        if step < len(thread.steps) and thread.steps[step][0]:
            thread.asked = self._now
            self._queue.append(index)
            self._serve()
        else:
            self._run_step(index, thread)

    def _run_step(self, index: int, thread: Thread) -> None:
        step = thread.step
        if step == len(thread.steps):
            self._push(self._now, index)
            return
        thread.starts[step].append(self._now)
        self._push(self._now + thread.steps[step][1][len(thread.ends)], index)

    def _serve(self) -> None:
        """Start what queues and finds all that it needs free, none before what came earlier."""
        taken = set(self._used)
        waiting = []
        for index in self._queue:
            thread = self._threads[index]
            needed = thread.steps[thread.step][0]
            if taken.isdisjoint(needed):
                self._used.update(needed)
                thread.idle[Cause.RESOURCE] += self._now - thread.asked
                self._run_step(index, thread)
            else:
                waiting.append(index)
            taken.update(needed)
        self._queue = waiting

    def _end_step(self, index: int) -> None:
        thread = self._threads[index]
        step = thread.step
        if step < len(thread.steps):
            self._used.difference_update(thread.steps[step][0])
            if step + 1 < len(thread.steps):
                self._go_on(index, thread, step + 1)
                return
            self._serve()
        self._end_turn(index, thread)

    def _go_on(self, index: int, thread: Thread, step: int) -> None:
        """Begin the next step of a turn: before others if all that it needs is free."""
        needed = thread.steps[step][0]
        if needed and self._used.isdisjoint(needed):
            thread.step = step
            self._used.update(needed)
            self._run_step(index, thread)
            self._serve()
        else:
            self._serve()
            self._begin_step(index, thread, step)

    def _end_turn(self, index: int, thread: Thread) -> None:
        turn = len(thread.ends)
        thread.ends.append(self._now)
        thread.step = -1
        stream = self._stream_of[index]
        if stream >= 0:
            unfinished = self._unfinished[stream]
            unfinished[turn] -= 1
            if not unfinished[turn]:
                del unfinished[turn]
                self._done.add(self.numbers[stream][turn])
                self.begin_if_possible(1)
        elif index == 0:
            for first in self._fastest:
                self.begin_if_possible(first)
        for follower in thread.followers:
            self.begin_if_possible(follower)
        if thread.pause:
            self._push(self._now + thread.pause, ~index)
        else:
            self.begin_if_possible(index)
