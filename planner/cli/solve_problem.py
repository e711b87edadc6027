"""``bnnplan solve --problem``: a problem from a file, with networks and boards left out of it."""

from __future__ import annotations

from pathlib import Path

from bnnplan.planner.cli.common import console, progress_bar
from bnnplan.planner.cli.put import Put
from bnnplan.planner.cli.solve_front import print_problem_front
from bnnplan.planner.cli.solve_size import print_size
from bnnplan.planner.cli.wishes import Wishes
from bnnplan.planner.plan import InfeasibleError
from bnnplan.planner.problem import Measure, Problem
from bnnplan.planner.problem_file import (
    SOLUTION_SCHEMA,
    SOLUTION_VERSION,
    load_problem,
    solution_document,
)
from bnnplan.planner.report.request_text import request_text
from bnnplan.planner.report.solution_text import print_solution
from bnnplan.planner.request import Names
from bnnplan.planner.solvers import solve
from bnnplan.planner.solvers.base import SolverResult, Status
from bnnplan.planner.solving import SolveOptions, nothing_found
from bnnplan.planner.wished import with_request


def solve_problem(
    file: Path,
    wishes: Wishes,
    options: SolveOptions,
    measures: tuple[Measure, Measure] | None,
    epsilon: float,
    put: Put,
    *,
    dry_run: bool,
    verbose: bool,
) -> None:
    """Solve the problem of a file, with what is wished besides, and print what was found.

    Raises
    ------
    RequestError
        If wishes contradict each other, or name what is not there.
    InfeasibleError
        If it has no solution; with the conflict.
    NoPlanError
        If none was found.
    """
    stated = load_problem(file)
    request = wishes.request(Names([task.name for task in stated.tasks], "task"), stated.objectives)
    problem = with_request(stated, request)
    if dry_run:
        print_size([problem], options, put)
        return
    if measures is not None:
        print_problem_front(problem, measures, epsilon, options, put, verbose=verbose)
        return
    with progress_bar(f"solving {problem.name}", enabled=not put.json):
        result = solve(
            problem,
            options.method,
            time_limit=options.time_limit,
            workers=options.workers,
            seed=options.seed,
        )
    _require_solution(problem, result, options)
    document = solution_document(problem, result)
    if put.out(SOLUTION_SCHEMA, SOLUTION_VERSION, document):
        if problem != stated:
            console.print(request_text(request))
        print_solution(problem, result, console, verbose=verbose)
        put.tell("solution")


def _require_solution(problem: Problem, result: SolverResult, options: SolveOptions) -> None:
    if result.status is Status.INFEASIBLE:
        reasons = "; ".join(result.reasons) or result.message
        raise InfeasibleError(f"problem {problem.name!r} has no solution: {reasons}")
    if result.solution is None:
        raise nothing_found(problem.name, result, options)
