"""Heuristic plans, fast and without proof: list scheduling, then local search.

Every problem gets several starts (the earliest finish as in HEFT, the greedy choice, each device,
and what its measures ask for); the best ones that keep all limits are improved task by task until
nothing improves or the time is up.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial

from bnnplan.planner.problem import Problem
from bnnplan.planner.solution import Solution
from bnnplan.planner.solvers.base import SolverResult, Status, verified
from bnnplan.planner.solvers.bounds import Kept, least_objective
from bnnplan.planner.solvers.checking.checker import check
from bnnplan.planner.solvers.features import EVERYTHING
from bnnplan.planner.solvers.heuristics.contiguous_heuristic import cut_orders
from bnnplan.planner.solvers.heuristics.insertion import earliest_finish
from bnnplan.planner.solvers.heuristics.starts import starts
from bnnplan.planner.solvers.heuristics.wishes import keeps_wishes
from bnnplan.planner.solvers.interruption import over
from bnnplan.planner.solvers.presolve import undominated
from bnnplan.planner.solvers.schedules.evaluation import schedule
from bnnplan.planner.solvers.schedules.solutions import solution_of
from bnnplan.planner.solvers.structure import Graph, one_at_a_time

METHOD = "list-scheduling"
SUPPORTS = EVERYTHING
COMPLETE = False

# Schedules that local search may try, for each task and edge of the problem less. Counted, not
# timed, so that the same problem gets the same plan; about a fifth of a second.
TRIES = 150_000

# Starts that are improved: the best one does not always lead to the best plan.
IMPROVED = 3


def solve(
    problem: Problem,
    *,
    time_limit: float = 1.0,
    workers: int = 1,
    seed: int = 0,
    hint: Sequence[int] | None = None,
) -> SolverResult:
    """Give the best heuristic plan; parameters and result as for every `Solver`."""
    started = time.perf_counter()
    graph = Graph(problem)
    kept = undominated(graph)
    solution = heuristic(graph, kept, deadline=started + time_limit, hint=hint)
    bound = least_objective(graph, kept, serial=one_at_a_time(graph))
    if solution is None:
        status = Status.UNKNOWN
    else:
        status = Status.OPTIMAL if solution.objective == bound else Status.FEASIBLE
    result = SolverResult(
        status=status,
        solution=solution,
        objective=solution.objective if solution else None,
        bound=bound,
        runtime_s=time.perf_counter() - started,
        method=METHOD,
        message="" if solution else "no heuristic plan keeps all limits: use the method 'cpsat'",
    )
    return verified(problem, result)


def heuristic(
    graph: Graph, kept: Kept, *, deadline: float, hint: Sequence[int] | None = None
) -> Solution | None:
    """Give the best plan found before `deadline` (of ``time.perf_counter``); None if none fits."""
    found = [fitting(graph, choice) for choice in starts(graph, kept, hint)]
    # In its own order as well: ranks may undo what was inserted.
    found.append(fitting(graph, *earliest_finish(graph, kept)))
    if (graph.contiguous or graph.capacity) and not graph.problem.is_pipeline:
        found += cut_orders(graph, kept, partial(fitting, graph), deadline=deadline)
    distinct = dict.fromkeys(one for one in found if one is not None)
    best = sorted(distinct, key=lambda one: one.objective)[:IMPROVED]
    improved = [improve(graph, one, kept, deadline=deadline) for one in best]
    return min(improved, key=lambda one: one.objective, default=None)


def fitting(
    graph: Graph, choice: Sequence[int], order: Sequence[int] | None = None
) -> Solution | None:
    """Give the solution of a choice, in the first order that keeps all limits; None if none does.

    The first order is the one given, or else by ranks; the last is that of the graph.

    None too where the choice itself is not allowed: groups, switches, parts in a circle.
    """
    if not keeps_wishes(graph, choice):
        return None
    solution = solution_of(graph, choice, order)
    if solution is None or not _limited(graph) or not check(graph.problem, solution):
        return solution
    if graph.problem.is_pipeline:
        return None
    solution = schedule(graph, choice, graph.order)
    return None if solution is None or check(graph.problem, solution) else solution


def _limited(graph: Graph) -> bool:
    return bool(graph.capacity or graph.problem.limits)


def improve(graph: Graph, solution: Solution, kept: Kept, *, deadline: float) -> Solution:
    """Change one task (and its group) at a time as long as the objective falls, and time allows."""
    best = solution
    quiet = 0
    tries = TRIES // (len(graph.tasks) + len(graph.links))
    while quiet < len(graph.tasks):
        for task in graph.order:
            quiet += 1
            for index in kept[task]:
                if index == best.choice[task]:
                    continue
                tries -= 1
                if tries < 0 or over(deadline):
                    return best
                changed = _changed(graph, best.choice, kept, task, index)
                if changed is None or not keeps_wishes(graph, changed):
                    continue
                found = solution_of(graph, changed)
                if found is None or found.objective >= best.objective:
                    continue
                if _limited(graph):
                    found = fitting(graph, changed)
                    if found is None or found.objective >= best.objective:
                        continue
                best, quiet = found, 0
            if quiet >= len(graph.tasks):
                break
    return best


def _changed(
    graph: Graph, choice: Sequence[int], kept: Kept, task: int, index: int
) -> list[int] | None:
    """Give a task another option, and its group the fastest on the device of that option."""
    changed = [*choice]
    changed[task] = index
    device = graph.tasks[task].options[index].device
    waiting = [task]
    seen = {task}
    while waiting:
        one = waiting.pop()
        options = graph.tasks[one].options
        if options[changed[one]].device != device:
            there = [index for index in kept[one] if options[index].device == device]
            if not there:
                return None
            changed[one] = min(there, key=lambda index: options[index].duration)
        for group in graph.colocated:
            if one in group:
                waiting += [other for other in group if other not in seen]
                seen.update(group)
    return changed
