"""Why a schedule takes as long as it does: what waits for what, from the end to the start."""

from __future__ import annotations

from attrs import frozen

from bnnplan.planner.problem import Problem
from bnnplan.planner.solution import Solution
from bnnplan.planner.solvers.checking.choice import Chosen, Key


@frozen
class Step:
    """Something on the critical path.

    Attributes
    ----------
    words : str
        Which task, transfer or export it is.
    start, end : int
        Nanoseconds; the entry of a task is part of it.
    after : str
        The resource that was busy until then, if that is what it waited for; empty if it waited
        for what it reads, or for nothing.
    """

    words: str
    start: int
    end: int
    after: str = ""


def critical_path(problem: Problem, solution: Solution) -> list[Step]:
    """Give what decides the latency of one inference, in the order of time.

    Each step waits for the one before, by what it reads or by a resource; what takes no time is
    left out. Where something waits for the whole part of a contiguous device, there is a gap.
    """
    chosen = Chosen(problem, solution.choice)
    times = times_of(problem, solution)
    now: Key | None = max(times, key=lambda key: times[key][1])
    path: list[Step] = []
    seen: set[Key] = set()
    while now is not None and now not in seen:
        seen.add(now)
        start, end = times[now]
        mine = chosen.activities[now]
        read = {key for key in mine.after if times[key][1] <= start}
        busy = {
            key
            for key, (other, until) in times.items()
            if other < until <= start and chosen.activities[key].resources & mine.resources
        }
        before = max(read | busy, key=lambda key: (times[key][1], key in read, key), default=None)
        after = ""
        if before is not None and before not in read:
            after = min(chosen.activities[before].resources & mine.resources)
        if end > start:
            path.append(Step(mine.words, start, end, after))
        now = before
    return path[::-1]


def times_of(problem: Problem, solution: Solution) -> dict[Key, tuple[int, int]]:
    """Start and end of everything in a solution, ns."""
    tasks = zip(problem.tasks, solution.starts, solution.ends, strict=True)
    times: dict[Key, tuple[int, int]] = {(t.name,): (start, end) for t, start, end in tasks}
    times |= {(m.tensor, m.target): (m.start, m.end) for m in solution.transfers}
    return times | {(e.tensor, e.port, "export"): (e.start, e.end) for e in solution.exports}
