"""How long it takes from the end of a stage until the next one has begun its turn.

Two stages on cores of their own that do nothing pass frames on, one at a time: the first one begins
a turn when the second has ended the one before. What a frame takes from its begin to its end is one
hand-over, and both empty turns. Python's threads, on the same cores, do the same with two
`queue.Queue`.
"""

from __future__ import annotations

import ctypes
import os
import queue
import statistics
import threading
import time

from bench import Result, spread

from bnnplan.backends.interface import NativeProgram
from bnnplan.backends.pipeline import NativePipeline, StageSpec, WaitSpec

WINDOW = 1000
"""Frames of one round."""
PEER = "queue.Queue"


def handovers(quick: bool) -> list[Result]:
    """Medians of rounds, spinning and asleep, against threads of Python."""
    cores = sorted(os.sched_getaffinity(0))[:2]
    rounds = 5 if quick else 25
    names = {"hand-over, spinning": True, "hand-over, asleep": False}
    if len(cores) < 2:
        return [Result(name, 1, 0.0, "µs", "none: there is one core only") for name in names]
    found: dict[str, list[float]] = {name: [] for name in names}
    theirs = []
    for _ in range(rounds):
        for name, spins in names.items():
            found[name].append(_round(cores, spins))
        theirs.append(_queues(cores))
    return [_result(name, ours, theirs) for name, ours in found.items()]


def _result(name: str, ours: list[float], theirs: list[float]) -> Result:
    mine, peer = statistics.median(ours), statistics.median(theirs)
    return Result(name, 2, mine, "µs", PEER, peer, peer / mine, spread(ours), len(ours))


def _round(cores: list[int], spins: bool) -> float:
    """Median microseconds of the frames of a round."""
    nothing = ctypes.cast(ctypes.CDLL(None).abs, ctypes.c_void_p).value or 0
    work = [NativeProgram(nothing, 0, {})]  # abs(0): a status of 0
    first = StageSpec(work, (), [WaitSpec(1, 1)], cores[:1], spins)
    second = StageSpec(work, (), [WaitSpec(0)], cores[1:], spins)
    with NativePipeline([[first, second]], WINDOW) as pipeline:
        pipeline.start()
        pipeline.put(WINDOW)
        pipeline.take(WINDOW)
        spans = [pipeline.span(number) for number in range(WINDOW)]
    return statistics.median(end - begin for begin, end in spans) / 1e3


def _queues(cores: list[int]) -> float:
    """Microseconds of a hand-over: half of there and back."""
    there: queue.Queue[int] = queue.Queue()
    back: queue.Queue[int] = queue.Queue()

    def answer() -> None:
        os.sched_setaffinity(0, cores[1:])
        for _ in range(WINDOW):
            back.put(there.get())

    former = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores[:1])
    thread = threading.Thread(target=answer)
    thread.start()
    start = time.perf_counter_ns()
    for number in range(WINDOW):
        there.put(number)
        back.get()
    taken = time.perf_counter_ns() - start
    thread.join()
    os.sched_setaffinity(0, former)
    return taken / (2 * WINDOW) / 1e3
