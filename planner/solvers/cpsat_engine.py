"""How CP-SAT is run: parameters by number of workers, and a status that can be trusted.

Below 8 workers the default portfolio of CP-SAT leaves out the search that closes assignment
models: with one worker it is asked for by its linearisation level, with more as `max_lp`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

from attrs import evolve, frozen
from ortools.sat.python import cp_model

from bnnplan.planner.solvers.base import SolverError, Status

Expression = cp_model.LinearExpr | int
"""A linear expression; a plain number where nothing is variable."""


@frozen
class Answer:
    """What CP-SAT said: `value` reads a variable of the solution, if there is one."""

    status: Status
    objective: int | None
    bound: int | None
    value: Callable[[cp_model.LinearExprT], int]


@frozen
class Effort:
    """What a run may use: a deadline of ``time.perf_counter``, threads, and a seed."""

    deadline: float
    workers: int
    seed: int

    @property
    def over(self) -> bool:
        """Whether the deadline has passed."""
        return time.perf_counter() > self.deadline

    @property
    def left(self) -> float:
        """Seconds left, a moment at least, so that presolve can find a plain contradiction."""
        return max(0.05, self.deadline - time.perf_counter())

    def extended(self, seconds: float) -> Effort:
        """Give an effort with at least `seconds` from now."""
        return evolve(self, deadline=max(self.deadline, time.perf_counter() + seconds))


def run(model: cp_model.CpModel, effort: Effort) -> Answer:
    """Solve `model`. INFEASIBLE is told only if a second run with other parameters agrees."""
    answer = _run(model, effort, _usual)
    if answer.status is not Status.INFEASIBLE:
        return answer
    second = _run(model, effort, _other)
    return answer if second.status is Status.UNKNOWN else second


def _usual(solver: cp_model.CpSolver, effort: Effort) -> None:
    settings = solver.parameters
    settings.num_workers = effort.workers
    settings.random_seed = effort.seed
    if effort.workers == 1:
        settings.linearization_level = 2
    else:
        settings.extra_subsolvers.append("max_lp")


def _other(solver: cp_model.CpSolver, effort: Effort) -> None:
    """Set what shares least with the usual parameters: most false INFEASIBLE came from presolve."""
    settings = solver.parameters
    settings.num_workers = 1
    settings.random_seed = effort.seed + 1
    settings.cp_model_presolve = False
    settings.linearization_level = 1


def _run(
    model: cp_model.CpModel,
    effort: Effort,
    prepare: Callable[[cp_model.CpSolver, Effort], None],
) -> Answer:
    solver = cp_model.CpSolver()
    prepare(solver, effort)
    solver.parameters.max_time_in_seconds = effort.left
    code = solver.solve(model)
    if code == cp_model.MODEL_INVALID:
        raise SolverError(f"CP-SAT refuses the model: {model.validate()}")
    status = {
        cp_model.OPTIMAL: Status.OPTIMAL,
        cp_model.FEASIBLE: Status.FEASIBLE,
        cp_model.INFEASIBLE: Status.INFEASIBLE,
    }.get(code, Status.UNKNOWN)
    solved = status in (Status.OPTIMAL, Status.FEASIBLE)
    return Answer(
        status=status,
        objective=round(solver.objective_value) if solved else None,
        bound=None if status is Status.INFEASIBLE else _whole(solver.best_objective_bound),
        value=solver.value,
    )


def _whole(bound: float) -> int | None:
    """Round a bound up: objectives are whole numbers, only the float is off by a little."""
    return math.ceil(bound - 1e-6) if math.isfinite(bound) else None


def any_of(
    model: cp_model.CpModel, literals: Sequence[cp_model.IntVar], name: str
) -> cp_model.IntVar:
    """Give a literal that tells whether one of `literals`, at most one of them true, is true."""
    if len(literals) == 1:
        return literals[0]
    literal = model.new_bool_var(name)
    model.add(sum(literals) == literal)
    return literal
