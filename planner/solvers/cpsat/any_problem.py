"""CP-SAT for any problem: one model for one inference, another for a pipeline."""

from __future__ import annotations

from collections.abc import Sequence

from bnnplan.planner.problem import Problem
from bnnplan.planner.solvers.base import SolverResult
from bnnplan.planner.solvers.features import EVERYTHING

SUPPORTS = EVERYTHING
COMPLETE = True


def solve(
    problem: Problem,
    *,
    time_limit: float = 60.0,
    workers: int = 1,
    seed: int = 0,
    hint: Sequence[int] | None = None,
) -> SolverResult:
    """Solve any problem; parameters and result as for every `Solver`."""
    if problem.is_pipeline:
        from bnnplan.planner.solvers.cpsat.throughput import solve as solver
    else:
        from bnnplan.planner.solvers.cpsat.latency import solve as solver
    return solver(problem, time_limit=time_limit, workers=workers, seed=seed, hint=hint)
