"""Methods that solve a problem, under one interface, by name.

``solve(problem)`` chooses the method by the structure of the problem; ``METHODS`` names them.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve

from bnnplan.planner.problem import Problem
from bnnplan.planner.solvers.base import Solver, SolverError, SolverResult, Status, verified
from bnnplan.planner.solvers.checking.checker import check
from bnnplan.planner.solvers.heuristics.single import single_devices, single_groups
from bnnplan.planner.solvers.interruption import is_asked
from bnnplan.planner.solvers.methods import (
    METHODS,
    able,
    is_complete,
    method,
    refusal,
    run,
    supports,
)
from bnnplan.planner.solvers.schedules.solutions import evaluate
from bnnplan.planner.solvers.skipping import unsearched

__all__ = [
    "METHODS",
    "Solver",
    "SolverError",
    "SolverResult",
    "Status",
    "able",
    "check",
    "evaluate",
    "is_complete",
    "method",
    "refusal",
    "single_devices",
    "single_groups",
    "solve",
    "supports",
    "verified",
]


def solve(
    problem: Problem,
    method_name: str = "auto",
    *,
    time_limit: float = 60.0,
    workers: int = 1,
    seed: int = 0,
    hint: Sequence[int] | None = None,
) -> SolverResult:
    """Solve `problem` with a method; the result is checked before it is returned.

    Within :func:`~.interruption.heeding`, Ctrl-C gives the best so far; once it has been pressed,
    nothing is begun.

    Parameters
    ----------
    problem : Problem
        What to solve.
    method_name : str
        One of `METHODS`; ``auto`` chooses by the structure of the problem.
    time_limit, workers, seed, hint
        As for every `Solver`.
    """
    if hint is not None:
        _check_hint(problem, hint)
    if not time_limit > 0:
        raise SolverError(f"time limit must be above 0 s, not {time_limit}")
    if workers < 1:
        raise SolverError(f"workers must be at least 1, not {workers}")
    if is_asked():
        return unsearched(problem, method_name)
    result = run(problem, method_name, time_limit=time_limit, workers=workers, seed=seed, hint=hint)
    if result.status is Status.INFEASIBLE:
        from bnnplan.planner.solvers.reasons.confirming import confirmed

        result = confirmed(problem, result, workers=workers, seed=seed)
    is_open = result.status in (Status.FEASIBLE, Status.UNKNOWN)
    return evolve(result, interrupted=is_open and is_asked())


def _check_hint(problem: Problem, hint: Sequence[int]) -> None:
    counts = [len(task.options) for task in problem.tasks]
    if len(hint) != len(counts) or any(
        not 0 <= index < count for index, count in zip(hint, counts, strict=True)
    ):
        raise SolverError("hint must be an option index for each task of the problem")
