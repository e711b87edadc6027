"""What the cases of the solver benchmark share: solving one problem, and saying what it gave."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from attrs import evolve, frozen
from outcomes import WORKERS, Outcome

from bnnplan.planner.problem import Problem
from bnnplan.planner.solvers import SolverResult, solve

HERE = Path(__file__).resolve()
DATA = Path(os.environ.get("BNNPLAN_DATA", HERE.parents[3] / "shared" / "data")) / "planner"
QUICK_SECONDS = 0.5
"""The time limit of each problem in a quick run, where the whole one allows more."""
HANDED_OVER = 0.97
"""The share of the seconds aimed at that the solver may search: reading and checking take some."""


@frozen
class Case:
    """A line of the benchmark: `run` makes its outcome, and is told whether it has to be quick."""

    suite: str
    name: str
    run: Callable[[bool], Outcome]


@frozen
class Aim:
    """What a solution has to be: within `seconds`, proven, or at most `gap` from the proof."""

    seconds: float
    gap: float = 0.0

    def words(self) -> str:
        """For the table."""
        proof = "proven optimal" if not self.gap else f"gap ≤ {self.gap:.0%}"
        return f"{proof} within {self.seconds:g} s"

    def reached(self, outcome: Outcome) -> bool:
        """Whether an outcome is that."""
        gap = outcome.gap
        return gap is not None and gap <= self.gap and outcome.seconds <= self.seconds


def one(
    name: str, problem: Problem, aim: Aim, *, quick: bool, unit: str = "ms", scale: float = 1e6
) -> tuple[Outcome, SolverResult]:
    """Solve a problem as users do, and say whether that is what is aimed at."""
    limit = QUICK_SECONDS if quick else HANDED_OVER * aim.seconds
    outcome, result = one_by(name, problem, "auto", limit, unit=unit, scale=scale)
    outcome = evolve(outcome, target=aim.words(), limit=aim.seconds)
    return evolve(outcome, passed=aim.reached(outcome)), result


def one_by(
    name: str,
    problem: Problem,
    method: str,
    time_limit: float,
    *,
    unit: str = "ms",
    scale: float = 1e6,
) -> tuple[Outcome, SolverResult]:
    """Solve a problem by a method; `scale` of the problem's units are one `unit` of the table."""
    began = time.perf_counter()
    result = solve(problem, method, time_limit=time_limit, workers=WORKERS)
    outcome = Outcome(
        name,
        "",
        None if result.objective is None else result.objective / scale,
        None if result.bound is None else result.bound / scale,
        unit,
        time.perf_counter() - began,
        note=result.method if result.objective is not None else result.message or "no plan",
        memory=peak_memory(),
    )
    return outcome, result


def worst(name: str, outcomes: Sequence[Outcome]) -> Outcome:
    """The one of several that is furthest from what is aimed at, under the name of all."""

    def merit(outcome: Outcome) -> tuple[bool, float, float]:
        gap = 1.0 if outcome.gap is None else outcome.gap
        return not outcome.passed, gap, outcome.seconds

    chosen = max(outcomes, key=merit)
    note = f"worst of {len(outcomes)}; {chosen.note}" if len(outcomes) > 1 else chosen.note
    return evolve(chosen, name=name, note=note, memory=peak_memory())


def peak_memory() -> float:
    """Most MiB that this process held so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
