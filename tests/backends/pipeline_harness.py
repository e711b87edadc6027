"""Pipelines of any shape, whose stages compute numbers that tell what they were made of."""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
from attrs import Factory, define, frozen
from hypothesis import strategies as st

from bnnplan.backends.interface import NativeProgram, PipelineStoppedError
from bnnplan.backends.pipeline import BindingSpec, NativePipeline, StageSpec, WaitSpec

TASK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)
SIZE = 8
MASK = 2**64 - 1


def mix(state: int, value: int) -> int:
    state = ((state ^ value) * 0x9E3779B97F4A7C15) & MASK
    return state ^ state >> 29


@frozen
class StagePlan:
    """What a stage reads of stages before it, and how."""

    reads: frozenset[int]
    ring: int
    foreign: bool
    spins: bool
    pause: float
    later: tuple[tuple[int, int], ...]
    """Further stages that it waits for, with lags."""


@frozen
class Shape:
    streams: tuple[tuple[StagePlan, ...], ...]
    window: int


@st.composite
def shapes(draw: st.DrawFn, foreign: bool = True) -> Shape:
    def stream() -> tuple[StagePlan, ...]:
        count = draw(st.integers(1, 4))
        return tuple(
            StagePlan(
                draw(st.frozensets(st.integers(0, i - 1))) if i else frozenset(),
                draw(st.integers(1, 3)),
                foreign and draw(st.booleans()),
                draw(st.booleans()),
                draw(st.sampled_from([0, 0, 1e-5, 3e-4])),
                tuple(
                    draw(
                        st.lists(
                            st.tuples(st.integers(0, count - 1), st.integers(1, 9)), max_size=2
                        )
                    )
                ),
            )
            for i in range(count)
        )

    return Shape(tuple(stream() for _ in range(draw(st.integers(1, 3)))), draw(st.integers(1, 6)))


def expected(stages: tuple[StagePlan, ...], index: int, number: int) -> int:
    """What a stage must make of a frame."""
    value = mix(index + 1, number)
    for read in sorted(stages[index].reads):
        value = mix(value, expected(stages, read, number))
    return value


@define(eq=False)
class Stage:
    """A stage at work: its pointers, which bindings set, and what it has seen."""

    trial: Trial
    stream: int
    index: int
    plan: StagePlan
    ring: np.ndarray
    results: np.ndarray
    pointers: dict[Any, ctypes.c_void_p] = Factory(dict)
    seen: list[int] = Factory(list)

    def run(self, _context: object = None) -> int:
        number = self.read("number")
        self.seen.append(number)
        if self.plan.pause:
            time.sleep(self.plan.pause)
        stage, first = self.trial.failing
        if self.index == stage and number >= first:
            return 1
        value = mix(self.index + 1, number)
        for read in sorted(self.plan.reads):
            value = mix(value, self.read(read))
        self.at("ring").value = value
        self.at("result").value = value
        return 0

    def run_turns(self) -> None:
        """As a thread of the caller."""
        pipeline, turns = self.trial.pipeline, 0
        while (found := pipeline.begin(self.stream, self.index)) is not None:
            turn, number = found
            failed = turn != turns or number != self.read("number") or self.run() != 0
            pipeline.end(self.stream, self.index, failed=failed)
            turns += 1
            if failed:
                return

    def at(self, name: object) -> ctypes.c_uint64:
        return ctypes.c_uint64.from_address(self.pointers[name].value or 0)

    def read(self, name: object) -> int:
        return int(self.at(name).value)

    def bind(self, name: object, slots: np.ndarray, window: bool) -> BindingSpec:
        pointer = self.pointers[name] = ctypes.c_void_p()
        return BindingSpec(
            ctypes.addressof(pointer), slots.ctypes.data, SIZE, len(slots), window=window
        )

    def spec(self, others: list[Stage]) -> StageSpec:
        waits = [WaitSpec(read) for read in self.plan.reads]
        waits += [
            WaitSpec(other.index, len(self.ring))
            for other in others
            if self.index in other.plan.reads
        ]
        waits += [WaitSpec(stage, lag) for stage, lag in self.plan.later]
        bindings = [
            self.bind("number", self.trial.numbers, True),
            self.bind("result", self.results, True),
            self.bind("ring", self.ring, False),
            *(self.bind(read, others[read].ring, False) for read in self.plan.reads),
        ]
        work = []
        if not self.plan.foreign:
            task = TASK(self.run)
            self.trial.tasks.append(task)
            address = ctypes.cast(task, ctypes.c_void_p).value or 0
            work = [NativeProgram(address, 0, {})]
        return StageSpec(work, bindings, waits, spins=self.plan.spins)


class Trial:
    """A pipeline of a shape, fed with the numbers of its frames.

    A stage may fail, from a frame on.
    """

    def __init__(self, shape: Shape, failing: tuple[int, int] = (-1, 0), kept: int = 0) -> None:
        self.shape = shape
        self.failing = failing
        self.tasks: list[Any] = []
        self.numbers = np.zeros(shape.window, np.uint64)
        self.streams = [
            [
                Stage(self, s, i, plan, np.zeros(plan.ring, np.uint64), self._window())
                for i, plan in enumerate(stages)
            ]
            for s, stages in enumerate(shape.streams)
        ]
        specs = [[stage.spec(stages) for stage in stages] for stages in self.streams]
        self.pipeline = NativePipeline(specs, shape.window, keep=self, kept=kept)
        self.put = self.taken = 0

    def _window(self) -> np.ndarray:
        return np.zeros(self.shape.window, np.uint64)

    def feed(self, frames: int, least: int = 1) -> None:
        """Put what fits until so many are put."""
        while self.put < frames:
            room = self.pipeline.room(least, 10)
            for _ in range(min(room, frames - self.put)):
                self.numbers[self.put % self.shape.window] = self.put
                self.pipeline.put()
                self.put += 1
            if not least:
                return

    def feed_until_stopped(self, frames: int) -> None:
        with suppress(PipelineStoppedError):
            self.feed(frames)

    def take(self, timeout: float = 60) -> int:
        """Take and check what is computed, at least one."""
        count = self.pipeline.take(1, timeout)
        for number in range(self.taken, self.taken + count):
            begin, end = self.pipeline.span(number)
            assert begin <= end
            assert self.holds(number), f"frame {number} is wrong"
        self.pipeline.release(count)
        self.taken += count
        return count

    def holds(self, number: int) -> bool:
        """Whether all stages of a stream have made of the frame what they must."""
        slot = number % self.shape.window
        return any(
            all(
                int(stage.results[slot]) == expected(plans, stage.index, number) for stage in stages
            )
            for stages, plans in zip(self.streams, self.shape.streams, strict=True)
        )

    @contextmanager
    def running(self) -> Iterator[None]:
        """Start all threads; end them, whatever happens."""
        foreign = [stage for stages in self.streams for stage in stages if stage.plan.foreign]
        threads = [threading.Thread(target=stage.run_turns, daemon=True) for stage in foreign]
        try:
            self.pipeline.start()
            for thread in threads:
                thread.start()
            yield
        finally:
            self.pipeline.stop()
            for thread in threads:
                thread.join(60)
            self.pipeline.close()
        assert not any(thread.is_alive() for thread in threads)
