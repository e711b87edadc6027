"""What a search with several models knows so far: the best solution and the best bound."""

from __future__ import annotations

import time

from bnnplan.planner.problem import Problem
from bnnplan.planner.solution import Solution
from bnnplan.planner.solvers.base import SolverResult, Status
from bnnplan.planner.solvers.checking.checker import check


class Incumbent:
    """A base class of searches: one model after the other improves what is known.

    Attributes
    ----------
    best : Solution or None
        The best right solution.
    bound : int
        A value of the objective that no solution is below.
    infeasible : bool
        Whether a model has told that there is no solution, and none is known.
    message : str
    """

    def __init__(self, problem: Problem, method: str) -> None:
        self.started = time.perf_counter()
        self.problem = problem
        self.method = method
        self.bound = 0
        self.best: Solution | None = None
        self.infeasible = False
        self.message = ""

    def proven(self) -> bool:
        """Whether nothing can be better."""
        return self.best is not None and self.best.objective <= self.bound

    def found(self, solution: Solution | None) -> None:
        """Keep a solution if it is right and better."""
        if solution is None or check(self.problem, solution):
            return
        if self.best is None or solution.objective < self.best.objective:
            self.best = solution

    def told(self, status: Status, bound: int | None) -> None:
        """Take over what a model proves: a bound, or that there is no solution."""
        if status is Status.INFEASIBLE:
            self.infeasible = self.best is None
            if self.best is not None:
                self.message = "CP-SAT wrongly told that there is no plan: the proof is missing"
        elif bound is not None:
            self.bound = max(self.bound, bound)

    def stated(self) -> SolverResult:
        """What is known as the result of a method."""
        message = self.message
        if self.best is not None:
            status = Status.OPTIMAL if self.proven() else Status.FEASIBLE
        elif self.infeasible:
            status = Status.INFEASIBLE
        else:
            status = Status.UNKNOWN
            message = message or "no plan found within the time limit"
        return SolverResult(
            status=status,
            solution=self.best,
            objective=self.best.objective if self.best else None,
            bound=None if status is Status.INFEASIBLE else self.bound,
            runtime_s=time.perf_counter() - self.started,
            method=self.method,
            message=message,
        )
