"""Measures runners on the board, interleaved, so that drifts of the machine hit all alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping
from typing import Protocol

import numpy as np
from attrs import frozen

from bnnplan.planner.board import USER
from bnnplan.planner.execution.trace import EventKind, Trace
from bnnplan.planner.plan import Measured, Ratio
from bnnplan.planner.profile import Time
from bnnplan.planner.solvers.interruption import is_asked
from bnnplan.planner.statistics import percentile, summarize

WARM_UP = 3
MIN_RUNS = 20
RUNS_A_TURN = 4
TIMED_EVERY = 4
PRECISION = 0.005
LEAST_SECONDS = 0.2
"""However precise the first runs are: clocks settle, and other programs come and go."""


class Runnable(Protocol):
    """What can be measured: a runner, or another engine that behaves like one."""

    def run_encoded(self, arrays: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """Compute the outputs for inputs in the shared formats."""

    def run_timed(self, arrays: Mapping[str, np.ndarray]) -> Trace:
        """Run once and tell what took how long."""


@frozen
class Measurement:
    """Samples of one runner.

    Parameters
    ----------
    samples : list of int
        Nanoseconds end to end, one a run, in the order of the rounds.
    traces : list of Trace
    """

    samples: list[int]
    traces: list[Trace]

    def time(self, tolerance: float = 0.03) -> Time:
        """Median with confidence."""
        return summarize(self.samples, tolerance=tolerance)

    def percentile(self, percent: float) -> int:
        """Nearest-rank percentile of the runs, nanoseconds."""
        return percentile(sorted(self.samples), percent)

    def typical(self) -> list[Trace]:
        """The middle half of the traces by their totals; every figure of parts is their mean.

        Means of the same runs add up, which medians of single parts do not.
        """
        ordered = sorted(self.traces, key=lambda trace: trace.total)
        aside = len(ordered) // 4
        return ordered[aside : len(ordered) - aside]

    def mean_of(self, kind: EventKind) -> dict[str, int]:
        """Mean duration by name of the events of a kind in the typical traces."""
        rows = [trace.by_name(kind) for trace in self.typical()]
        return {name: round(statistics.fmean(row[name] for row in rows)) for name in rows[0]}

    def launches(self) -> list[tuple[str, str, int]]:
        """Mean of every launch of a run: the device before (``user`` for none), device, ns."""
        rows = [[e for e in t.events if e.kind is EventKind.LAUNCH] for t in self.typical()]
        devices = [event.device for event in rows[0]]
        return [
            (before, device, round(statistics.fmean(row[index].duration for row in rows)))
            for index, (before, device) in enumerate(
                zip([USER, *devices[:-1]], devices, strict=True)
            )
        ]

    def summary(self) -> Measured:
        """The whole, the sums of its parts, and what none of them explains."""
        whole = self.time()
        layers, transfers, launches = (
            sum(self.mean_of(kind).values())
            for kind in (EventKind.LAYER, EventKind.TRANSFER, EventKind.LAUNCH)
        )
        parts = layers + transfers + launches
        # Devices have clocks of their own: their parts may seem to take more than the whole.
        timed = max(parts, round(statistics.fmean(trace.total for trace in self.typical())))
        return Measured(whole, layers, transfers, launches, timed - parts, timed - whole.median)


def measure(
    runners: Mapping[str, Runnable],
    arrays: Mapping[str, np.ndarray],
    *,
    seconds: float,
    min_runs: int = MIN_RUNS,
    precision: float = PRECISION,
) -> dict[str, Measurement]:
    """Run all runners in turns until the time is spent, or Ctrl-C asks for what there is.

    It ends earlier where the medians of all are precise enough.

    Parameters
    ----------
    runners : mapping of str to Runnable
    arrays : mapping of str to ndarray
        Inputs in the shared formats; see :func:`bnnplan.planner.execution.runner.check_feeds`.
    seconds : float
    min_runs : int
        Runs of each, whatever time that takes.
    precision : float
        The share of a median that half of its 95 % interval may take for that; 0 spends the time.
    """
    found = {name: Measurement([], []) for name in runners}
    for runner in runners.values():
        for _ in range(WARM_UP):
            runner.run_encoded(arrays)
    begin = time.monotonic()
    looks = 0
    turn = 0
    while True:
        spent = time.monotonic() - begin
        if turn * RUNS_A_TURN >= min_runs:
            if spent >= seconds or is_asked():
                break
            if precision and spent >= (looks + 1) * LEAST_SECONDS:
                if all(one.time(precision).stable for one in found.values()):
                    break
                looks += 1
        order = list(runners)[:: 1 if turn % 2 else -1]
        for name in order:
            # The first run of a turn pays for what the others left: cold caches, sleeping teams.
            runners[name].run_encoded(arrays)
            for _ in range(RUNS_A_TURN):
                start = time.perf_counter_ns()
                runners[name].run_encoded(arrays)
                found[name].samples.append(time.perf_counter_ns() - start)
        if turn % TIMED_EVERY == 0:
            for name in order:
                runners[name].run_encoded(arrays)
                found[name].traces.append(runners[name].run_timed(arrays))
        turn += 1
    return found


def ratio_interval(first: Measurement, second: Measurement) -> Ratio:
    """Median of first / second over paired runs, with the ends of its 95 % interval."""
    scale = 10**9
    ratios = [
        round(scale * a / max(b, 1)) for a, b in zip(first.samples, second.samples, strict=True)
    ]
    spread = summarize(ratios, tolerance=0)
    return Ratio(spread.median / scale, spread.low / scale, spread.high / scale)
