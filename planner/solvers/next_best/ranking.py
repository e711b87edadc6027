"""What the searches for the next best solutions have in common."""

from __future__ import annotations

import time
from collections.abc import Sequence

from attrs import frozen

from bnnplan.planner.problem import Problem
from bnnplan.planner.solution import Solution
from bnnplan.planner.solvers.interruption import is_asked


@frozen
class Candidate:
    """One of the best solutions.

    Attributes
    ----------
    problem : int
        Which of the problems it solves.
    solution : Solution
    bound : int
        No solution that differs enough from all candidates before is below.
    """

    problem: int
    solution: Solution
    bound: int

    @property
    def proven(self) -> bool:
        """Whether it is certainly the best of those that differ from all before."""
        return self.bound >= self.solution.objective


@frozen
class Root:
    """The best known solution of a problem, if there is one, and what none of it is below."""

    problem: int
    solution: Solution | None
    bound: int


@frozen
class Search:
    """What is searched, and with what effort.

    Attributes
    ----------
    problems : sequence of Problem
    distance : int
        In so many tasks at least each candidate differs from all before.
    end : float
        Of the search, by ``time.perf_counter``.
    workers, seed
        As for every `Solver`.
    """

    problems: Sequence[Problem]
    distance: int
    end: float
    workers: int
    seed: int

    @property
    def left(self) -> float:
        """Seconds until the end; not above 0 after it, or after Ctrl-C."""
        left = self.end - time.perf_counter()
        return min(left, 0.0) if is_asked() else left
