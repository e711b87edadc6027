"""Linear models of CP-SAT as mixed integer programs, solved by other solvers through MathOpt.

The models have no big M and only Booleans are really integer: other variables follow from them.
So they are taken over row by row, and what two solvers of different kinds agree on is no fault of
one of them.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable, Iterator
from typing import Any

from attrs import define, field, frozen
from ortools.math_opt.python import mathopt
from ortools.sat.python import cp_model
from ortools.util.python.solve_interrupter import SolveInterrupter

from bnnplan.planner.solvers.base import SolverError, Status
from bnnplan.planner.solvers.cpsat.engine import SEEDS, Effort
from bnnplan.planner.solvers.interruption import interruptible

SOLVERS = {"gscip": mathopt.SolverType.GSCIP, "highs": mathopt.SolverType.HIGHS}

# What a bound may be off by: part of it, and absolutely. Solvers of MILPs compute with floats, of
# which sums of thousands are off by less. A larger part would be whole nanoseconds from 1 s on.
INEXACT = 1e-12
TOLERANCE = 1e-6


@frozen
class MilpAnswer:
    """What a solver said, as `Answer` does; `value` reads a variable of the CP-SAT model."""

    status: Status
    objective: int | None
    bound: int | None
    value: Callable[[cp_model.LinearExprT], int]


def solve_as_milp(model: cp_model.CpModel, solver: str, effort: Effort) -> MilpAnswer:
    """Solve a model of Booleans, sums and linear constraints by the solver of that name.

    Parameters
    ----------
    model : CpModel
        Minimised; its hints are taken over.
    solver : str
        One of `SOLVERS`.
    effort : Effort
        What may be used; Ctrl-C ends a run of HiGHS as it ends one of CP-SAT. GSCIP as it comes
        with OR-Tools 9.15 cannot listen: it goes on to the deadline, or a second Ctrl-C.

    Raises
    ------
    SolverError
        If a constraint is not linear, or the solver fails.
    """
    milp = _Milp(model)
    interrupter = SolveInterrupter()
    parameters = mathopt.SolveParameters(
        time_limit=datetime.timedelta(seconds=effort.left),
        relative_gap_tolerance=0.0,
        # Objectives are whole numbers.
        absolute_gap_tolerance=0.9,
        random_seed=effort.seed % SEEDS,
    )

    def work() -> mathopt.SolveResult:
        return mathopt.solve(
            milp.model,
            SOLVERS[solver],
            params=parameters,
            model_params=milp.hints(),
            interrupter=interrupter if solver == "highs" else None,
        )

    try:
        result = interruptible(work, interrupter.interrupt, lambda: effort.is_stopped)
    except Exception as error:  # Of many types, and MathOpt fails to translate some of them.
        raise SolverError(f"{solver} refuses the model: {error.__context__ or error}") from error
    return _answer(milp, result)


def _answer(milp: _Milp, result: mathopt.SolveResult) -> MilpAnswer:
    reason = result.termination.reason
    if reason is mathopt.TerminationReason.INFEASIBLE:
        return MilpAnswer(Status.INFEASIBLE, None, None, lambda _: 0)
    bound = _whole(result.termination.objective_bounds.dual_bound)
    if not result.solutions or result.solutions[0].primal_solution is None:
        return MilpAnswer(Status.UNKNOWN, None, bound, lambda _: 0)
    values = result.variable_values()
    objective = round(result.objective_value())
    optimal = bound is not None and bound >= objective

    def read(variable: cp_model.LinearExprT) -> int:
        assert isinstance(variable, cp_model.IntVar)
        return round(values[milp.variables[variable.index]])

    return MilpAnswer(
        status=Status.OPTIMAL if optimal else Status.FEASIBLE,
        objective=objective,
        bound=None if bound is None else min(bound, objective),
        value=read,
    )


def _whole(bound: float) -> int | None:
    """Round a bound up, but not what only the float is off by."""
    if not math.isfinite(bound):
        return None
    return math.ceil(bound - abs(bound) * INEXACT - TOLERANCE)


@define
class _Row:
    """A linear constraint under construction: coefficients by variable, and a constant."""

    terms: dict[int, int] = field(factory=dict)
    constant: int = 0

    def add(self, index: int, coefficient: int) -> None:
        """Add a multiple of a variable; a negative index is the negation of a literal."""
        if index < 0:
            index, coefficient = -index - 1, -coefficient
            self.constant -= coefficient
        self.terms[index] = self.terms.get(index, 0) + coefficient


class _Milp:
    """A model of MathOpt with the variables and rows of a model of CP-SAT."""

    def __init__(self, source: cp_model.CpModel) -> None:
        self.proto = source.proto
        self.model = mathopt.Model()
        domains = [list(variable.domain) for variable in self.proto.variables]
        self.variables = [
            self.model.add_variable(lb=domain[0], ub=domain[-1], is_integer=domain == [0, 1])
            for domain in domains
        ]
        for constraint in self.proto.constraints:
            for row, low, high in _rows(constraint):
                self._add(row, low, high)
        objective = self.proto.objective
        self.model.minimize_linear_objective(
            mathopt.LinearSum(
                coefficient * self.variables[index]
                for index, coefficient in zip(objective.vars, objective.coeffs, strict=True)
            )
            + objective.offset
        )

    def _add(self, row: _Row, low: int, high: int) -> None:
        added = self.model.add_linear_constraint(
            lb=_bounded(low, -row.constant), ub=_bounded(high, -row.constant)
        )
        for index, coefficient in row.terms.items():
            added.set_coefficient(self.variables[index], coefficient)

    def hints(self) -> mathopt.ModelSolveParameters:
        """Give the hints of the source."""
        parameters = mathopt.ModelSolveParameters()
        hinted = self.proto.solution_hint
        if hinted.vars:
            hint = mathopt.SolutionHint()
            for index, value in zip(hinted.vars, hinted.values, strict=True):
                hint.variable_values[self.variables[index]] = value
            parameters.solution_hints.append(hint)
        return parameters


def _rows(constraint: Any) -> Iterator[tuple[_Row, int, int]]:
    row = _Row()
    if constraint.enforcement_literal:
        raise SolverError("the model has a conditional constraint: it is no plain MILP")
    if constraint.has_linear():
        linear = constraint.linear
        if len(linear.domain) != 2:
            raise SolverError("the model has a sum with gaps in its domain: it is no plain MILP")
        for index, coefficient in zip(linear.vars, linear.coeffs, strict=True):
            row.add(index, coefficient)
        yield row, linear.domain[0], linear.domain[1]
    elif constraint.has_exactly_one():
        for index in constraint.exactly_one.literals:
            row.add(index, 1)
        yield row, 1, 1
    elif constraint.has_bool_or():
        for index in constraint.bool_or.literals:
            row.add(index, 1)
        yield row, 1, cp_model.INT_MAX
    elif constraint.has_bool_and():
        for index in constraint.bool_and.literals:
            row.add(index, 1)
        yield row, len(constraint.bool_and.literals), cp_model.INT_MAX
    else:
        raise SolverError("the model has a constraint that is not linear: it is no plain MILP")


def _bounded(limit: int, shift: int) -> float:
    """Give a limit as a float; the ends of the domain of an integer are no limit."""
    if limit <= cp_model.INT_MIN or limit >= cp_model.INT_MAX:
        return math.copysign(math.inf, limit)
    return float(limit + shift)
