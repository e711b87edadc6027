"""Several objectives: one after the other, each among the best solutions of those before.

An objective that is solved becomes a limit at the value found. So if every one is proven, the
solution is the lexicographic optimum; where one is not, its value is still kept, and each bound
tells how far it may be from the best.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from attrs import evolve

from bnnplan.planner.problem import Limit, Measure, Problem
from bnnplan.planner.problem_sums import horizon
from bnnplan.planner.solution import Solution
from bnnplan.planner.solvers.base import Proven, Solver, SolverResult, Status
from bnnplan.planner.solvers.checking.checker import measures
from bnnplan.planner.solvers.interruption import is_asked


def solve_in_order(
    problem: Problem,
    solve_one: Solver,
    *,
    time_limit: float = 60.0,
    workers: int = 1,
    seed: int = 0,
    hint: Sequence[int] | None = None,
) -> SolverResult:
    """Solve for all objectives of `problem`, the first first.

    Parameters
    ----------
    problem : Problem
        With one or more objectives.
    solve_one : Solver
        Solves a problem with one objective.
    time_limit : float
        Seconds for all; what one objective leaves is for the next.
    workers, seed, hint
        As for every `Solver`.
    """
    started = time.perf_counter()
    proofs: list[Proven] = []
    best: SolverResult | None = None
    for number, measure in enumerate(problem.objectives):
        if best is not None and is_asked():
            proofs.append(_unproven(problem, best, measure))
            continue
        left = max(time_limit - (time.perf_counter() - started), time_limit / 100)
        result = solve_one(
            with_objective(
                problem, measure, tuple(Limit(one.measure, one.value) for one in proofs)
            ),
            time_limit=left / (len(problem.objectives) - number),
            workers=workers,
            seed=seed,
            hint=hint,
        )
        if best is None and result.solution is None:
            return evolve(result, runtime_s=time.perf_counter() - started)
        if result.solution is None or result.objective is None:
            # The solution so far is one: a method that finds none only ran out of time.
            assert best is not None
            proofs.append(evolve(_unproven(problem, best, measure), bound=result.bound))
            continue
        best, hint = result, result.solution.choice
        proofs.append(Proven(measure, result.objective, result.bound))
    assert best is not None
    return _whole(problem, best, tuple(proofs), time.perf_counter() - started)


def _unproven(problem: Problem, best: SolverResult, measure: Measure) -> Proven:
    """The value of a solution that was found for another objective."""
    assert best.solution is not None
    return Proven(measure, measures(problem, best.solution)[measure], None)


def with_objective(problem: Problem, measure: Measure, more: tuple[Limit, ...] = ()) -> Problem:
    """Give the problem with one objective and more limits; a pipeline stays a pipeline."""
    if problem.objectives == (measure,) and not more:
        return problem
    most: dict[Measure, int] = {}
    for limit in (*problem.limits, *more):
        most[limit.measure] = min(limit.most, most.get(limit.measure, limit.most))
    if problem.is_pipeline and measure is not Measure.PERIOD:
        most.setdefault(Measure.PERIOD, horizon(problem))
    limits = tuple(Limit(one, value) for one, value in most.items())
    return evolve(problem, objectives=(measure,), limits=limits)


def _whole(
    problem: Problem, last: SolverResult, proofs: tuple[Proven, ...], runtime_s: float
) -> SolverResult:
    """State the last objective's result as one of all objectives."""
    if len(proofs) == 1:
        return last
    assert last.solution is not None
    solution: Solution = evolve(last.solution, objective=proofs[0].value)
    proven = all(one.bound is not None and one.bound >= one.value for one in proofs)
    return evolve(
        last,
        status=Status.OPTIMAL if proven else Status.FEASIBLE,
        solution=solution,
        objective=solution.objective,
        bound=proofs[0].bound,
        runtime_s=runtime_s,
        proofs=proofs,
    )
