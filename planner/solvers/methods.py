"""The methods by name, imported when they are used: ortools alone takes a second."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from functools import cached_property
from types import ModuleType

from bnnplan.planner.problem import Problem
from bnnplan.planner.problem_rules import listed
from bnnplan.planner.solvers.base import Solver, SolverError, SolverResult
from bnnplan.planner.solvers.features import Feature, features
from bnnplan.planner.solvers.lexicographic import solve_in_order, with_objective
from bnnplan.planner.solvers.structure import Graph

# Modules by name of the method.
METHODS = {
    "auto": "auto",
    "cpsat": "cpsat.any_problem",
    "dynamic-programming": "exact.dynamic_programming",
    "elimination": "exact.elimination",
    "exhaustive": "exact.exhaustive",
    "greedy": "heuristics.greedy",
    "gscip": "milp.gscip",
    "heft": "heuristics.heft",
    "highs": "milp.highs",
    "layer-switching": "heuristics.layer_switching",
    "list-scheduling": "heuristics.list_scheduling",
    "load-fronts": "pipelines.load_fronts",
    "part-splits": "pipelines.part_splits",
    "pipe-it": "pipelines.pipe_it",
    "priority": "heuristics.priority",
    "single-device": "heuristics.single",
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


def is_complete(name: str) -> bool:
    """Tell whether a method finds a solution wherever there is one, given the time."""
    complete: bool = _module(name).COMPLETE
    return complete


def able(problem: Problem) -> list[str]:
    """List the methods that can solve a problem, its size apart."""
    asked = _Asked(problem)
    return [name for name in METHODS if not asked.refusal(name)]


def refusal(name: str, problem: Problem) -> str:
    """Tell why a method cannot solve a problem, its size apart; empty if it can.

    Its module tells: what it understands (``SUPPORTS``), what must be asked for (``REQUIRES``, if
    there is such), and what else it is not for (``unsuited``, a function of the graph, if there is
    such).

    Raises
    ------
    SolverError
        If there is no such method.
    """
    return _Asked(problem).refusal(name)


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
        If there is no such method, or it cannot solve the problem.
    """
    solver = method(name)
    if why := refusal(name, problem):
        raise SolverError(f"method {name!r} {why}; methods that can: {', '.join(able(problem))}")
    return solve_in_order(
        problem, solver, time_limit=time_limit, workers=workers, seed=seed, hint=hint
    )


class _Asked:
    """What a problem asks for: with each of its objectives alone, since they are solved so."""

    def __init__(self, problem: Problem) -> None:
        self.problems = [with_objective(problem, measure) for measure in problem.objectives]
        self.features = [features(one) for one in self.problems]

    @cached_property
    def graphs(self) -> list[Graph]:
        return [Graph(one) for one in self.problems]

    def refusal(self, name: str) -> str:
        """Why a method cannot solve it; empty if it can."""
        module = _module(name)
        if missing := frozenset[Feature]().union(*self.features) - supports(name):
            return f"does not understand {', '.join(sorted(missing))}"
        required: frozenset[Feature] = getattr(module, "REQUIRES", frozenset())
        if any(required - asked for asked in self.features):
            return f"is only for {' with '.join(sorted(required))}"
        unsuited: Callable[[Graph], str] | None = getattr(module, "unsuited", None)
        if unsuited is None:
            return ""
        return next((why for graph in self.graphs if (why := unsuited(graph))), "")


def _module(name: str) -> ModuleType:
    if name not in METHODS:
        raise SolverError(f"no method {name!r}; there are {listed(METHODS)}")
    return importlib.import_module(f"bnnplan.planner.solvers.{METHODS[name]}")
