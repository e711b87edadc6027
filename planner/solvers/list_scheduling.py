"""Heuristic plans, fast and without proof: list scheduling, then local search.

Every problem gets several starts (the earliest finish as in HEFT, the greedy choice, each device,
the smallest options); the best one that keeps the memory limits is improved task by task until
nothing improves or the time is up.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from bnnplan.planner.problem import Problem
from bnnplan.planner.solution import Solution
from bnnplan.planner.solvers.base import SolverResult, Status, verified
from bnnplan.planner.solvers.bounds import Kept, lower_bound
from bnnplan.planner.solvers.checking import check
from bnnplan.planner.solvers.evaluation import schedule
from bnnplan.planner.solvers.features import Feature
from bnnplan.planner.solvers.presolve import undominated
from bnnplan.planner.solvers.structure import Graph, one_at_a_time

METHOD = "list-scheduling"
SUPPORTS: frozenset[Feature] = frozenset()

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
    bound = lower_bound(graph, kept, serial=one_at_a_time(graph))
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
    found = [fitting(graph, choice) for choice in _starts(graph, kept, hint)]
    distinct = dict.fromkeys(one for one in found if one is not None)
    starts = sorted(distinct, key=lambda one: one.objective)
    improved = [improve(graph, one, kept, deadline=deadline) for one in starts[:IMPROVED]]
    return min(improved, key=lambda one: one.objective, default=None)


def fitting(graph: Graph, choice: Sequence[int]) -> Solution | None:
    """Schedule a choice in the first order that keeps the memory limits; None if none does."""
    solution = schedule(graph, choice)
    if solution is None or not graph.capacity or not check(graph.problem, solution):
        return solution
    solution = schedule(graph, choice, graph.order)
    return None if solution is None or check(graph.problem, solution) else solution


def improve(graph: Graph, solution: Solution, kept: Kept, *, deadline: float) -> Solution:
    """Change one task at a time as long as the latency falls, tries and time allow."""
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
                if tries < 0 or time.perf_counter() > deadline:
                    return best
                changed = [*best.choice[:task], index, *best.choice[task + 1 :]]
                found = schedule(graph, changed)
                if found is None or found.objective >= best.objective:
                    continue
                if graph.capacity:
                    found = fitting(graph, changed)
                    if found is None or found.objective >= best.objective:
                        continue
                best, quiet = found, 0
            if quiet >= len(graph.tasks):
                break
    return best


def _starts(graph: Graph, kept: Kept, hint: Sequence[int] | None) -> Iterator[Sequence[int]]:
    if hint is not None:
        yield hint
    yield earliest_finish(graph, kept)
    yield fastest(graph, kept)
    for device in graph.resources:
        yield fastest(graph, kept, device=device)
    if graph.capacity:
        yield [
            min(indices, key=lambda index: _size(graph, task, index))
            for task, indices in enumerate(kept)
        ]


def _size(graph: Graph, task: int, index: int) -> int:
    option = graph.tasks[task].options[index]
    return option.weight_bytes + option.workspace_bytes if option.space in graph.capacity else 0


def fastest(graph: Graph, kept: Kept, device: str | None = None) -> list[int]:
    """Choose the least duration for each task, on `device` where it can run there."""
    choice = []
    for task, indices in enumerate(kept):
        options = graph.tasks[task].options
        choice.append(
            min(
                indices,
                key=lambda index: (options[index].device != device, options[index].duration),
            )
        )
    return choice


def earliest_finish(graph: Graph, kept: Kept) -> list[int]:
    """Choose for each task, most urgent first, the option that ends first after its inputs.

    Weights that no longer fit their space are passed over where another option fits.
    """
    choice = [0] * len(graph.tasks)
    ends = [0] * len(graph.tasks)
    free: dict[str, int] = {}
    left = dict(graph.capacity)
    for task in _urgent_first(graph, kept):
        best: tuple[bool, int, int] | None = None
        for index in kept[task]:
            option = graph.tasks[task].options[index]
            ready = entry = 0
            possible = True
            for link in graph.inputs[task]:
                source = graph.tasks[link.source].options[choice[link.source]]
                cost = graph.transfer_time(
                    link.tensor, source.output_ports[link.output], option.input_ports[link.input]
                )
                possible &= cost is not None
                ready = max(ready, ends[link.source] + (cost or 0))
                entry = max(entry, graph.entry_time(source, option))
            ready = max([ready, *(free.get(one, 0) for one in graph.resources[option.device])])
            fits = option.weight_bytes <= left.get(option.space, option.weight_bytes)
            found = (not (fits and possible), ready + entry + option.duration, index)
            best = found if best is None else min(best, found)
        assert best is not None
        _, ends[task], choice[task] = best
        option = graph.tasks[task].options[choice[task]]
        free.update(dict.fromkeys(graph.resources[option.device], ends[task]))
        if option.space in left:
            left[option.space] -= option.weight_bytes
    return choice


def _urgent_first(graph: Graph, kept: Kept) -> list[int]:
    """Order tasks by the longest way to the end with mean durations, as HEFT does."""
    rest = [0.0] * len(graph.tasks)
    place = {task: position for position, task in enumerate(graph.order)}
    for task in reversed(graph.order):
        durations = [graph.tasks[task].options[index].duration for index in kept[task]]
        rest[task] += sum(durations) / len(durations)
        for link in graph.inputs[task]:
            rest[link.source] = max(rest[link.source], rest[task])
    return sorted(range(len(rest)), key=lambda task: (-rest[task], place[task]))
