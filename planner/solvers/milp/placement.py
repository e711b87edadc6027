"""Mixed integer programs for assignments, by the solvers that come with OR-Tools.

The model is the one of `cpsat_assignment`: what it minimises is the objective where that is a
sum, so that its optimum is the optimum of the problem if it passes the checker. Where devices can
run concurrently, latency is no sum: then the plan is a good one, without proof.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from bnnplan.planner.problem import Problem
from bnnplan.planner.solvers.base import SolverResult, Status, verified
from bnnplan.planner.solvers.bounds import lower_bound
from bnnplan.planner.solvers.cpsat.assignment import AssignmentModel
from bnnplan.planner.solvers.cpsat.engine import Effort
from bnnplan.planner.solvers.features import EVERYTHING, Feature
from bnnplan.planner.solvers.heuristics.list_scheduling import fitting
from bnnplan.planner.solvers.milp.engine import solve_as_milp
from bnnplan.planner.solvers.presolve import undominated
from bnnplan.planner.solvers.structure import Graph, is_sum

SUPPORTS: frozenset[Feature] = EVERYTHING - {Feature.PIPELINE, Feature.MEMORY}


def solve_by(
    method: str,
    problem: Problem,
    time_limit: float,
    workers: int,
    seed: int,
    hint: Sequence[int] | None,
) -> SolverResult:
    """Solve by the MILP solver of the name `method`; for the rest see `Solver`."""
    started = time.perf_counter()
    graph = Graph(problem)
    kept = undominated(graph)
    exact = is_sum(graph)
    assignment = AssignmentModel(graph, kept)
    if hint is not None:
        assignment.hint(hint)
    effort = Effort(started + time_limit, workers, seed)
    answer = solve_as_milp(assignment.model, method, effort)
    bound = answer.bound if exact else lower_bound(graph, kept, serial=False)
    solution, message = None, "no plan found within the time limit"
    if answer.objective is not None:
        solution = fitting(graph, assignment.placement.choice(answer))
        message = "the best assignment cannot be scheduled within all limits: use 'cpsat'"
    if solution is not None:
        message = "" if exact else "devices can run concurrently: the least sum, without proof"
    status = Status.UNKNOWN if solution is None else Status.FEASIBLE
    if answer.status is Status.INFEASIBLE:
        status, bound, message = answer.status, None, "no assignment keeps all limits"
    elif solution is not None and bound is not None and solution.objective <= bound:
        status = Status.OPTIMAL
    result = SolverResult(
        status=status,
        solution=solution,
        objective=solution.objective if solution else None,
        bound=bound,
        runtime_s=time.perf_counter() - started,
        method=method,
        message=message,
    )
    return verified(problem, result)
