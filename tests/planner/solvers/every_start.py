"""The optimum of a tiny problem by trying every start of everything, judged by the checker."""

import itertools

from attrs import evolve

from bnnplan.planner.solution import ScheduledExport, ScheduledTransfer, Solution
from bnnplan.planner.solvers.checking.checker import check, measures
from bnnplan.planner.solvers.checking.choice import Chosen


def optimum(problem):
    """Give the least first objective over all choices and all whole starts, None if infeasible."""
    best = None
    for choice in itertools.product(*(range(len(task.options)) for task in problem.tasks)):
        chosen = Chosen(problem, choice)
        if None in chosen.needed.values():
            continue
        for times in _starts(chosen, list(chosen.activities), {}):
            solution = _solution(chosen, choice, times)
            value = measures(problem, solution)[problem.objectives[0]]
            if best is None or value < best:
                best = value if not check(problem, evolve(solution, objective=value)) else best
    return best


def _starts(chosen, keys, times):
    """Give every way to start things after what they wait for, within the sum of all durations."""
    if len(times) == len(keys):
        yield times
        return
    key = keys[len(times)]
    activity = chosen.activities[key]
    horizon = sum(one.duration for one in chosen.activities.values())
    first = max((times[other][1] for other in activity.after), default=0)
    for start in range(first, horizon - activity.duration + 1):
        end = start + activity.duration
        if not any(
            activity.resources & chosen.activities[other].resources
            and max(start, begun) < min(end, ended)
            for other, (begun, ended) in times.items()
        ):
            yield from _starts(chosen, keys, {**times, key: (start, end)})


def _solution(chosen, choice, times):
    tasks = [times[task.name,] for task in chosen.problem.tasks]
    return Solution(
        choice=choice,
        starts=tuple(start for start, _ in tasks),
        ends=tuple(end for _, end in tasks),
        transfers=tuple(
            ScheduledTransfer(name, move.source, move.target, *times[name, port])
            for (name, port), move in chosen.needed.items()
        ),
        exports=tuple(
            ScheduledExport(name, export.port, *times[name, export.port, "export"])
            for name, export in chosen.exports.items()
        ),
        objective=0,
    )
