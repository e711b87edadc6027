"""The oracle is the best of all solutions there are, and obeys the laws of the problem."""

import itertools

from attrs import evolve
from every_start import optimum
from hypothesis import given, settings
from random_problems import wishful, with_other_names

from bnnplan.planner.problem import Limit
from bnnplan.planner.solvers import Status, check
from bnnplan.planner.solvers.checking.checker import measures
from bnnplan.planner.solvers.exact.exhaustive import solve
from bnnplan.planner.solvers.heuristics import greedy, list_scheduling, single
from bnnplan.planner.solvers.schedules.solutions import solution_of
from bnnplan.planner.solvers.structure import Graph

MANY = settings(max_examples=100, deadline=None)


@MANY
@given(wishful(tasks=3, options=2, pipeline=False, device_count=2, longest=2))
def test_no_start_of_anything_is_better(problem):
    assert solve(problem).objective == optimum(problem)


@MANY
@given(wishful(pipeline=True))
def test_no_choice_is_a_better_pipeline(problem):
    values = []
    for choice in itertools.product(*(range(len(task.options)) for task in problem.tasks)):
        solution = solution_of(Graph(problem), choice)
        if solution is not None and not check(problem, solution):
            values.append(measures(problem, solution)[problem.objectives[0]])
    assert solve(problem).objective == min(values, default=None)


@MANY
@given(wishful(limits=False))
def test_below_the_optimum_there_is_nothing(problem):
    best = solve(problem)
    measure = problem.objectives[0]
    kept = tuple(limit for limit in problem.limits if limit.measure is not measure)
    for most, wanted in ((0, best.objective), (-1, None)):
        if best.objective is not None and best.objective + most >= 0:
            limits = (*kept, Limit(measure, best.objective + most))
            assert solve(evolve(problem, limits=limits)).objective == wanted


@MANY
@given(wishful(limited=True))
def test_more_memory_is_never_worse(problem):
    spaces = tuple(evolve(space, capacity=space.capacity + 3) for space in problem.spaces)
    assert not_worse(solve(problem), solve(evolve(problem, spaces=spaces)))


@MANY
@given(wishful())
def test_a_faster_device_is_never_worse(problem):
    """What took time still does: what takes none may wait in an earlier stage, and be held."""

    def faster(option):
        fast = option.device == "d0" and option.duration > 1
        return evolve(option, duration=option.duration - fast)

    tasks = tuple(evolve(task, options=tuple(map(faster, task.options))) for task in problem.tasks)
    assert not_worse(solve(problem), solve(evolve(problem, tasks=tasks)))


def not_worse(before, after):
    if before.status is Status.INFEASIBLE:
        return True
    return after.status is Status.OPTIMAL and after.objective <= before.objective


@MANY
@given(wishful())
def test_other_names_change_nothing_else(problem):
    other = with_other_names(problem)
    for method in (solve, greedy.solve, list_scheduling.solve):
        first, second = method(problem), method(other)
        assert (first.status, first.objective) == (second.status, second.objective)
        if first.solution is not None:
            assert first.solution.choice == second.solution.choice


@MANY
@given(wishful())
def test_heuristics_are_right_and_never_better(problem):
    exact = solve(problem)
    for method in (greedy, list_scheduling):
        result = method.solve(problem)
        if result.objective is not None:
            assert exact.objective is not None
            assert result.objective >= exact.objective
        if result.bound is not None and exact.objective is not None:
            assert result.bound <= exact.objective
    for result in single.single_devices(problem).values():
        assert result.objective is None or result.objective >= exact.objective
