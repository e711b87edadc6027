"""Assignments by SCIP."""

from __future__ import annotations

from collections.abc import Sequence

from bnnplan.planner.problem import Problem
from bnnplan.planner.solvers.base import SolverResult
from bnnplan.planner.solvers.milp.placement import SUPPORTS, solve_by

__all__ = ["COMPLETE", "METHOD", "SUPPORTS", "solve"]

METHOD = "gscip"
COMPLETE = True


def solve(
    problem: Problem,
    *,
    time_limit: float = 60.0,
    workers: int = 1,
    seed: int = 0,
    hint: Sequence[int] | None = None,
) -> SolverResult:
    """Solve any problem but pipelines; parameters and result as for every `Solver`."""
    return solve_by(METHOD, problem, time_limit, workers, seed, hint)
