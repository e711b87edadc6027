"""Exact for narrow pipelines: fronts of loads, task by task.

Of all partial choices with one frontier, only those matter whose costs no other one is below in
every respect: the load of each resource, energy, switches, and stages where the latency matters.
Those that cannot become better than the best solution known are left out, by weighted bounds of
what is to come. The first searches keep few of them and find good solutions; the last one is
exact, unless there are too many.

Memory is not part of it. If the best choice without its limits keeps them, it is the optimum; if
not, its value is still a bound.

Source of the method: labels and dominance, as for resource constrained shortest paths (Desrochers
and Soumis, "A generalized permanent labelling algorithm", INFOR 26, 1988).
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from bnnplan.planner.problem import Measure, Problem
from bnnplan.planner.problem_sums import horizon
from bnnplan.planner.solution import Solution
from bnnplan.planner.solvers.base import SolverResult, Status, verified
from bnnplan.planner.solvers.bounds import Kept
from bnnplan.planner.solvers.checking.checker import check
from bnnplan.planner.solvers.features import EVERYTHING, Feature
from bnnplan.planner.solvers.heuristics.starts import starts
from bnnplan.planner.solvers.interruption import over
from bnnplan.planner.solvers.pipelines.fronts import Fronts, Most
from bnnplan.planner.solvers.pipelines.neighbours import improved, only_period
from bnnplan.planner.solvers.pipelines.pipe_it import pipe_it_choice
from bnnplan.planner.solvers.pipelines.runs import balanced_runs
from bnnplan.planner.solvers.presolve import undominated
from bnnplan.planner.solvers.schedules.pipelining import pipelined
from bnnplan.planner.solvers.structure import Graph

METHOD = "load-fronts"
SUPPORTS = EVERYTHING - {Feature.MEMORY}
COMPLETE = False
REQUIRES = frozenset({Feature.PIPELINE})

# Partial choices that are kept after each task; the last search gives up beyond.
WIDTHS = (30, 600, 10_000)

# Choices that are tried to improve the first one.
TRIES = 2_000


def solve(
    problem: Problem,
    *,
    time_limit: float = 60.0,
    workers: int = 1,
    seed: int = 0,
    hint: Sequence[int] | None = None,
) -> SolverResult:
    """Solve a narrow pipeline; parameters and result as for every `Solver`."""
    started = time.perf_counter()
    graph = Graph(problem)
    kept = undominated(graph)
    fronts = Fronts(graph, kept)
    deadline = started + time_limit
    best = _start(graph, kept, hint, deadline)
    bound = fronts.least if problem.objectives[0] is not Measure.ENERGY else 0
    status = Status.UNKNOWN
    # A good solution is known: only the proof is left.
    for width in WIDTHS[-1:] if best is not None and only_period(graph) else WIDTHS:
        if over(deadline):
            break
        exact = width == WIDTHS[-1]
        found = fronts.search(width, _most(problem, best), exact=exact, deadline=deadline)
        solution = None if found.choice is None else pipelined(graph, found.choice)
        right = None if found.choice is None else _right(graph, found.choice)
        if right is not None:
            best = right
        if found.complete:
            if solution is None and found.choice is None:
                status = Status.INFEASIBLE if best is None else Status.OPTIMAL
            elif right is not None:
                status = Status.OPTIMAL
            elif solution is not None:
                bound = max(bound, solution.objective)
            break
    if status is Status.OPTIMAL:
        assert best is not None
        bound = best.objective
    elif best is not None:
        status = Status.OPTIMAL if best.objective <= bound else Status.FEASIBLE
    return verified(problem, _result(problem, status, best, bound, time.perf_counter() - started))


def _result(
    problem: Problem, status: Status, best: Solution | None, bound: int, runtime_s: float
) -> SolverResult:
    messages = {
        Status.UNKNOWN: "memory limits bind, or there are too many choices: use 'cpsat'",
        Status.FEASIBLE: "memory limits bind, or there are too many choices: use 'cpsat'",
        Status.INFEASIBLE: "no pipeline keeps all limits",
    }
    return SolverResult(
        status=status,
        solution=best,
        objective=best.objective if best else None,
        bound=None if status is Status.INFEASIBLE else bound,
        runtime_s=runtime_s,
        method=METHOD,
        message=messages.get(status, ""),
    )


def applies(graph: Graph) -> bool:
    """Tell whether the method can solve a problem, width apart."""
    problem = graph.problem
    measured = {problem.objectives[0], *(limit.measure for limit in problem.limits)}
    # A part that gets longer can move what already waits for it to a later stage.
    parts = bool(graph.contiguous) and not graph.is_chain()
    return (
        problem.is_pipeline
        and problem.objectives[0] is not Measure.MEMORY
        and not (Measure.LATENCY in measured and parts)
    )


def unsuited(graph: Graph) -> str:
    """Tell why the method is not for a problem; empty if it is."""
    return "" if applies(graph) else "plans parts for their latency only along a chain"


def _right(graph: Graph, choice: Sequence[int]) -> Solution | None:
    solution = pipelined(graph, choice)
    return None if solution is None or check(graph.problem, solution) else solution


def _start(
    graph: Graph, kept: Kept, hint: Sequence[int] | None, deadline: float
) -> Solution | None:
    """Give the best of some choices to start from; None if none keeps all limits."""
    choices = [*starts(graph, kept, hint)]
    if graph.problem.objectives[0] is Measure.PERIOD:
        choices.append(pipe_it_choice(graph, deadline))
        runs = balanced_runs(graph, kept)
        choices += [] if runs is None else [runs]
    tried = [solution for choice in choices if (solution := pipelined(graph, choice))]
    tried.sort(key=lambda one: one.objective)
    if tried and only_period(graph):
        choice = improved(graph, kept, tried[0].choice, TRIES, deadline)
        return pipelined(graph, choice)
    for solution in tried:
        if not check(graph.problem, solution):
            return solution
    return None


def _most(problem: Problem, best: Solution | None) -> Most:
    """Give what a solution may have at most to be better than the best one, and allowed."""
    most: dict[Measure, int | None] = {measure: problem.limit(measure) for measure in Measure}
    if most[Measure.PERIOD] is None:
        most[Measure.PERIOD] = horizon(problem)
    if best is not None:
        measure = problem.objectives[0]
        known = most[measure]
        better = best.objective - 1
        most[measure] = better if known is None else min(known, better)
    period = most[Measure.PERIOD]
    assert period is not None
    return Most(period, most[Measure.LATENCY], most[Measure.ENERGY], problem.switches)
