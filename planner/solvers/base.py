"""What every method gets and gives."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Protocol

from attrs import evolve, frozen

from bnnplan.models.errors import BnnplanError
from bnnplan.planner.problem import Measure, Problem
from bnnplan.planner.report.units import exact
from bnnplan.planner.solution import Solution
from bnnplan.planner.solvers.checking.checker import check


class SolverError(BnnplanError):
    """A method that cannot be used here, or that gave something wrong."""


class Status(enum.StrEnum):
    """How much is known about the answer of a method."""

    OPTIMAL = "optimal"
    FEASIBLE = "feasible"
    INFEASIBLE = "infeasible"
    UNKNOWN = "unknown"


@frozen
class Proven:
    """What is known of one objective: its value, and one that none can be below."""

    measure: Measure
    value: int
    bound: int | None


@frozen
class SolverResult:
    """The answer of a method.

    Attributes
    ----------
    status : Status
        Optimal only if proven; infeasible only if confirmed.
    solution : Solution or None
        A checked solution, if there is one.
    objective, bound : int or None
        Value of the first objective, and one that no solution can be below, in its unit.
    runtime_s : float
        Seconds spent.
    method : str
        Name of the method.
    message : str
        One line: why infeasible, why not proven, or what the method did not use.
    reasons : tuple of str
        If infeasible: each conflict in words, with the smallest relaxation where it is known.
    proofs : tuple of Proven
        One for each objective, in their order, where there is more than one.
    interrupted : bool
        Whether Ctrl-C ended the search, so that more time may give more.
    """

    status: Status
    solution: Solution | None
    objective: int | None
    bound: int | None
    runtime_s: float
    method: str
    message: str = ""
    reasons: tuple[str, ...] = ()
    proofs: tuple[Proven, ...] = ()
    interrupted: bool = False

    @property
    def gap(self) -> float | None:
        """The share of the objective that is not proven necessary, 0 if optimal."""
        if self.objective is None or self.bound is None:
            return None
        return (self.objective - self.bound) / self.objective if self.objective else 0.0


def proofs_of(problem: Problem, result: SolverResult) -> tuple[Proven, ...]:
    """What is known of each objective, also where there is only one; empty without a solution."""
    if result.objective is None:
        return ()
    return result.proofs or (Proven(problem.objectives[0], result.objective, result.bound),)


def told(result: SolverResult) -> str:
    """What to tell a user besides values and proofs: the message, and an interruption before it."""
    if not result.interrupted:
        return result.message
    gap = "unknown" if result.gap is None else f"{100 * result.gap:.3g} %"
    found = "no plan so far" if result.solution is None else f"best plan so far, gap {gap}"
    return "; ".join(filter(None, (f"interrupted: {found}", result.message)))


class Solver(Protocol):
    """A method: a function that searches for the solution with the least first objective.

    Parameters
    ----------
    problem : Problem
        What to solve.
    time_limit : float
        Seconds after which the best solution so far is given.
    workers : int
        Threads to search with; 1 is deterministic for a given seed.
    seed : int
        Where the search is random.
    hint : sequence of int, optional
        A choice to start from: an option index for each task.
    """

    def __call__(
        self,
        problem: Problem,
        *,
        time_limit: float = 60.0,
        workers: int = 1,
        seed: int = 0,
        hint: Sequence[int] | None = None,
    ) -> SolverResult: ...


def verified(problem: Problem, result: SolverResult) -> SolverResult:
    """Return `result` if its solution passes the checker and its bound makes sense.

    Raises
    ------
    SolverError
        If not: a fault of the method, never of the problem.
    """
    if result.solution is None:
        return result
    faults = [str(violation.message) for violation in check(problem, result.solution)]
    measure, value = problem.objectives[0], result.solution.objective
    if result.objective != value:
        stated = "nothing" if result.objective is None else exact(measure, result.objective)
        faults.append(f"states {stated} for {exact(measure, value)}")
    if result.bound is not None and result.bound > value:
        faults.append(
            f"bound {exact(measure, result.bound)} is above the solution's {exact(measure, value)}"
        )
    if faults:
        raise SolverError(
            f"method {result.method!r} gave a wrong solution of {problem.name!r}: {faults[0]}; "
            "this is a fault of the method, try another one"
        )
    return result


def with_bound(result: SolverResult, bound: int, runtime_s: float) -> SolverResult:
    """Add to a result what is known besides: a bound, and the time of everything."""
    if result.status is Status.INFEASIBLE:
        return evolve(result, runtime_s=runtime_s)
    bound = max(bound, result.bound or 0)
    proven = result.objective is not None and result.objective <= bound
    status = Status.OPTIMAL if proven else result.status
    return evolve(result, bound=bound, status=status, runtime_s=runtime_s)
