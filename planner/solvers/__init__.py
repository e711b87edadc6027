"""Methods that solve a problem, under one interface, by name.

``solve(problem)`` chooses the method by the structure of the problem; ``METHODS`` names them.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from types import ModuleType

from bnnplan.planner.problem import Problem
from bnnplan.planner.problem_rules import listed
from bnnplan.planner.solvers.base import Solver, SolverError, SolverResult, Status, verified
from bnnplan.planner.solvers.checking import check
from bnnplan.planner.solvers.evaluation import evaluate
from bnnplan.planner.solvers.features import Feature, features
from bnnplan.planner.solvers.lexicographic import solve_in_order, with_objective
from bnnplan.planner.solvers.single import single_devices, single_groups

__all__ = [
    "METHODS",
    "Solver",
    "SolverError",
    "SolverResult",
    "Status",
    "check",
    "evaluate",
    "method",
    "single_devices",
    "single_groups",
    "solve",
    "verified",
]

# Modules by name of the method, imported when used: ortools takes a second.
METHODS = {
    "auto": "auto",
    "cpsat": "cpsat_latency",
    "dynamic-programming": "dynamic_programming",
    "elimination": "elimination",
    "exhaustive": "exhaustive",
    "greedy": "greedy",
    "list-scheduling": "list_scheduling",
    "single-device": "single",
}


def method(name: str) -> Solver:
    """Give a method by name.

    Raises
    ------
    SolverError
        If there is none of that name.
    """
    solver: Solver = _module(name).solve
    return solver


def _module(name: str) -> ModuleType:
    if name not in METHODS:
        raise SolverError(f"no method {name!r}; there are {listed(METHODS)}")
    return importlib.import_module(f"{__name__}.{METHODS[name]}")


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
    solver = method(method_name)
    for measure in problem.objectives:
        _check_supported(with_objective(problem, measure), method_name)
    return solve_in_order(
        problem, solver, time_limit=time_limit, workers=workers, seed=seed, hint=hint
    )


def supports(name: str) -> frozenset[Feature]:
    """Tell what a method understands beyond the least latency."""
    known: frozenset[Feature] = _module(name).SUPPORTS
    return known


def _check_supported(problem: Problem, name: str) -> None:
    missing = features(problem) - supports(name)
    if missing:
        able = [other for other in METHODS if features(problem) <= supports(other)]
        raise SolverError(
            f"method {name!r} does not understand {', '.join(sorted(missing))}; "
            f"methods that do: {', '.join(able) or 'none'}"
        )


def _check_hint(problem: Problem, hint: Sequence[int]) -> None:
    counts = [len(task.options) for task in problem.tasks]
    if len(hint) != len(counts) or any(
        not 0 <= index < count for index, count in zip(hint, counts, strict=True)
    ):
        raise SolverError("hint must be an option index for each task of the problem")
