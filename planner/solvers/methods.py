"""The methods by name, imported when they are used: ortools alone takes a second."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from types import ModuleType

from bnnplan.planner.problem import Problem
from bnnplan.planner.problem_rules import listed
from bnnplan.planner.solvers.base import Solver, SolverError, SolverResult
from bnnplan.planner.solvers.features import Feature, features
from bnnplan.planner.solvers.lexicographic import solve_in_order, with_objective

# Modules by name of the method.
METHODS = {
    "auto": "auto",
    "cpsat": "cpsat",
    "dynamic-programming": "dynamic_programming",
    "elimination": "elimination",
    "exhaustive": "exhaustive",
    "greedy": "greedy",
    "gscip": "milp_gscip",
    "heft": "heft",
    "highs": "milp_highs",
    "layer-switching": "layer_switching",
    "list-scheduling": "list_scheduling",
    "load-fronts": "load_fronts",
    "part-splits": "part_splits",
    "pipe-it": "pipe_it",
    "priority": "priority",
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


def supports(name: str) -> frozenset[Feature]:
    """Tell what a method understands beyond the least latency."""
    known: frozenset[Feature] = _module(name).SUPPORTS
    return known


def able(problem: Problem) -> list[str]:
    """List the methods that understand everything that a problem asks for."""
    asked = _asked(problem)
    return [name for name in METHODS if asked <= supports(name)]


def run(
    problem: Problem,
    name: str,
    *,
    time_limit: float,
    workers: int = 1,
    seed: int = 0,
    hint: Sequence[int] | None = None,
) -> SolverResult:
    """Solve a problem with a method, as it tells it; `INFEASIBLE` is not confirmed here.

    Raises
    ------
    SolverError
        If there is no such method, or it does not understand the problem.
    """
    solver = method(name)
    if missing := _asked(problem) - supports(name):
        raise SolverError(
            f"method {name!r} does not understand {', '.join(sorted(missing))}; "
            f"methods that do: {', '.join(able(problem)) or 'none'}"
        )
    return solve_in_order(
        problem, solver, time_limit=time_limit, workers=workers, seed=seed, hint=hint
    )


def _asked(problem: Problem) -> frozenset[Feature]:
    return frozenset[Feature]().union(
        *(features(with_objective(problem, measure)) for measure in problem.objectives)
    )


def _module(name: str) -> ModuleType:
    if name not in METHODS:
        raise SolverError(f"no method {name!r}; there are {listed(METHODS)}")
    return importlib.import_module(f"bnnplan.planner.solvers.{METHODS[name]}")
