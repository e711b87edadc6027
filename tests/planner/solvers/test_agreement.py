"""Methods agree: each exact one with exhaustive, the checker with all, bounds with optima."""

import pytest
from attrs import evolve
from hypothesis import given, settings
from random_problems import DEVICES, SHAPES, make_problem, problems, with_other_names

from bnnplan.planner.problem import Space
from bnnplan.planner.problem_format import problem_from_dict, problem_to_dict
from bnnplan.planner.solvers import Status, check, evaluate, solve
from bnnplan.planner.solvers.bounds import lower_bound
from bnnplan.planner.solvers.cpsat import latency as cpsat_latency
from bnnplan.planner.solvers.exact import dynamic_programming, elimination, exhaustive
from bnnplan.planner.solvers.heuristics import greedy, list_scheduling
from bnnplan.planner.solvers.presolve import undominated
from bnnplan.planner.solvers.structure import Graph, one_at_a_time

MANY = settings(max_examples=100, deadline=None)


def same(first, second):
    return (first.status, first.objective) == (second.status, second.objective)


@MANY
@given(problems())
def test_cpsat_is_exhaustive(problem):
    assert same(cpsat_latency.solve(problem), exhaustive.solve(problem))


@pytest.mark.parametrize("devices", DEVICES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("limited", [False, True])
def test_cpsat_alone_is_exhaustive(monkeypatch, devices, shape, limited):
    """Without heuristic plans and bounds of our own, the models have to do the work."""
    monkeypatch.setattr(cpsat_latency, "heuristic", lambda *_, **__: None)
    monkeypatch.setattr(cpsat_latency, "lower_bound", lambda *_, **__: 0)
    for seed in range(25):
        problem = make_problem(
            seed,
            tasks=3 + seed % 3,
            options=3,
            shape=shape,
            devices=devices,
            limited=limited,
            entries=seed % 2 == 0,
        )
        assert same(cpsat_latency.solve(problem), exhaustive.solve(problem)), seed


@MANY
@given(problems(shape="chain", limited=False, tasks=5))
def test_dynamic_programming_is_exhaustive(problem):
    assert same(dynamic_programming.solve(problem), exhaustive.solve(problem))


@MANY
@given(problems(devices="shared", limited=False, tasks=5))
def test_elimination_is_exhaustive(problem):
    assert same(elimination.solve(problem), exhaustive.solve(problem))


@MANY
@given(problems(shape="chain", limited=True))
def test_dynamic_programming_proves_only_what_fits(problem):
    result, exact = dynamic_programming.solve(problem), exhaustive.solve(problem)
    if result.status is Status.UNKNOWN:
        assert exact.objective is None or result.bound <= exact.objective
    else:
        assert same(result, exact)


@MANY
@given(problems())
def test_auto_is_exhaustive(problem):
    assert same(solve(problem), exhaustive.solve(problem))


@MANY
@given(problems())
def test_heuristics_and_bounds_enclose_the_optimum(problem):
    exact = exhaustive.solve(problem)
    graph = Graph(problem)
    bound = lower_bound(graph, undominated(graph), serial=one_at_a_time(graph))
    if exact.objective is not None:
        assert bound <= exact.objective
    for method in (greedy, list_scheduling):
        result = method.solve(problem)
        if result.objective is not None:
            assert exact.objective is not None
            assert result.objective >= exact.objective


@MANY
@given(problems())
def test_where_one_thing_runs_at_a_time_latency_is_the_sum(problem):
    graph = Graph(problem)
    result = list_scheduling.solve(problem)
    if result.solution is None or not one_at_a_time(graph):
        return
    solution = result.solution
    spans = sum(end - start for start, end in zip(solution.starts, solution.ends, strict=True))
    moves = sum(move.end - move.start for move in solution.transfers)
    assert solution.objective == spans + moves
    assert evaluate(problem, solution.choice, graph.order).objective == solution.objective


@settings(max_examples=100, deadline=None)
@given(problems(limited=True))
def test_more_memory_is_never_worse(problem):
    more = evolve(
        problem, spaces=tuple(Space(space.name, space.capacity + 3) for space in problem.spaces)
    )
    before, after = solve(problem), solve(more)
    if before.status is Status.OPTIMAL:
        assert after.status is Status.OPTIMAL
        assert after.objective <= before.objective


@settings(max_examples=100, deadline=None)
@given(problems())
def test_other_names_change_nothing_else(problem):
    other = with_other_names(problem)
    first, second = solve(problem), solve(other)
    assert same(first, second)
    if first.solution is not None:
        assert first.solution.choice == second.solution.choice


@settings(max_examples=50, deadline=None)
@given(problems())
def test_the_same_seed_gives_the_same_plan(problem):
    first, second = (cpsat_latency.solve(problem, workers=1, seed=7) for _ in range(2))
    assert first.solution == second.solution


@settings(max_examples=50, deadline=None)
@given(problems())
def test_two_workers_agree_with_one(problem):
    assert same(cpsat_latency.solve(problem, workers=2), cpsat_latency.solve(problem, workers=1))


@MANY
@given(problems())
def test_json_keeps_random_problems(problem):
    assert problem_from_dict(problem_to_dict(problem)) == problem


@MANY
@given(problems(limited=False))
def test_what_evaluate_makes_passes_the_checker(problem):
    result = greedy.solve(problem)
    if result.solution is not None:
        assert check(problem, evaluate(problem, result.solution.choice)) == []
