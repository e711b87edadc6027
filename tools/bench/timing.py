"""Times several engines in turns, so that drifts of a shared machine hit all of them."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Hashable, Mapping
from typing import TypeVar

from attrs import frozen
from bench import Result, spread

BURST_NS = 2_000_000
"""About how long the measured calls of one turn take, where one call takes less."""
LONG_NS = 20_000_000
"""What takes longer warms itself up."""
MOST_CALLS = 20
NOISY = 1.0
"""Spread from which on rounds say nothing about a ratio: something else ran on the cores."""
PAUSE = 0.012
"""Seconds between turns, in which the waiting threads of the engine before fall asleep.

Those of larq-compute-engine spin for about 10 ms, on a core that the next engine needs.
"""

Name = TypeVar("Name", bound=Hashable)


@frozen
class Effort:
    """How long to measure.

    Parameters
    ----------
    seconds : float
        For all that is compared, together; rounds are made whatever they take.
    rounds : int
        Least number of bursts of each.
    calls : int
        Least number of calls in a burst.
    patience : float
        Seconds after which `FEWEST` rounds are enough.
    """

    seconds: float
    rounds: int
    calls: int
    patience: float = math.inf


QUICK = Effort(0.1, 5, 1, patience=0.2)
FEWEST = 3
"""Rounds; of fewer there is no spread."""


def in_turns(
    actions: Mapping[Name, Callable[[], object]], effort: Effort
) -> dict[Name, list[float]]:
    """Run every action in a burst of calls, again and again; the median of each burst.

    Calls before a burst are not measured: they pay for cold caches and sleeping threads.

    Parameters
    ----------
    actions : mapping to callable
    effort : Effort

    Returns
    -------
    dict to list of float
        Nanoseconds a call, one figure a round.
    """
    calls = {name: _calls(action, effort.calls) for name, action in actions.items()}
    found: dict[Name, list[float]] = {name: [] for name in actions}
    start = time.monotonic()
    made = 0
    while (taken := time.monotonic() - start) < effort.seconds or made < (
        effort.rounds if taken < effort.patience else FEWEST
    ):
        for name in list(actions)[:: 1 if made % 2 else -1]:
            found[name].append(_burst(actions[name], *calls[name]))
        made += 1
    return found


def _calls(action: Callable[[], object], least: int) -> tuple[int, int]:
    """Calls to throw away, and calls to measure, in one burst."""
    start = time.perf_counter_ns()
    action()
    taken = max(time.perf_counter_ns() - start, 1)
    measured = min(max(BURST_NS // taken, least), MOST_CALLS)
    return 0 if taken > LONG_NS else max(measured // 3, 1), measured


def _burst(action: Callable[[], object], thrown_away: int, calls: int) -> float:
    time.sleep(PAUSE)
    for _ in range(thrown_away):
        action()
    samples = []
    for _ in range(calls):
        start = time.perf_counter_ns()
        action()
        samples.append(time.perf_counter_ns() - start)
    return statistics.median(samples)


def compared(name: str, threads: int, ours: list[float], peer: str, theirs: list[float]) -> Result:
    """Two series of nanoseconds, round by round, as one result in microseconds.

    Without a ratio where either was disturbed.
    """
    ratio = statistics.median(b / a for a, b in zip(ours, theirs, strict=True))
    disturbed = max(spread(ours), spread(theirs)) > NOISY
    return Result(
        name,
        threads,
        statistics.median(ours) / 1e3,
        "µs",
        peer,
        statistics.median(theirs) / 1e3,
        None if disturbed else ratio,
        spread(ours),
        len(ours),
    )


def refusal(name: str, threads: int, ours: list[float], peer: str, reason: str) -> Result:
    """Our time alone, with the reason why there is no other."""
    return Result(
        name,
        threads,
        statistics.median(ours) / 1e3,
        "µs",
        f"{peer}: {reason}",
        spread=spread(ours),
        runs=len(ours),
    )
