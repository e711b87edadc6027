"""When each memory space of a solution is fullest."""

from __future__ import annotations

from collections import defaultdict

from attrs import frozen

from bnnplan.planner.problem import Problem
from bnnplan.planner.solution import Solution
from bnnplan.planner.solvers.checking.checker import memory_peaks
from bnnplan.planner.solvers.checking.choice import Chosen
from bnnplan.planner.solvers.checking.schedule import holdings
from bnnplan.planner.solvers.insight.critical import times_of


@frozen
class Peak:
    """The most that a space holds at once.

    Attributes
    ----------
    space : str
    bytes : int
        Weights included.
    capacity : int or None
    when : str
        What starts at the moment when it is first so full; empty for pipelines, where everything
        goes on at the same time, and where weights alone are all.
    """

    space: str
    bytes: int
    capacity: int | None
    when: str = ""


def peaks(problem: Problem, solution: Solution) -> list[Peak]:
    """Give the peak of every space that holds anything."""
    most = memory_peaks(problem, solution)
    when = {} if problem.is_pipeline else _when(problem, solution)
    return [
        Peak(space.name, most[space.name], space.capacity, when.get(space.name, ""))
        for space in problem.spaces
        if most[space.name]
    ]


def _when(problem: Problem, solution: Solution) -> dict[str, str]:
    """What starts when each space is fullest: only starts make it fuller."""
    chosen = Chosen(problem, solution.choice)
    times = times_of(problem, solution)
    changes: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for space, size, start, end in holdings(chosen, times):
        if end > start and size:
            changes[space] += [(start, size), (end, -size)]
    starting: dict[int, str] = {}
    for key, (start, end) in times.items():
        if end > start:
            starting.setdefault(start, chosen.activities[key].words)
    found = {}
    for space, events in changes.items():
        level = most = 0
        for moment, change in sorted(events):
            level += change
            if level > most:
                most, found[space] = level, starting[moment]
    return found
