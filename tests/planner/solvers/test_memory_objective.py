"""The least memory of all spaces: proofs without a schedule model, and options that it needs."""

import time

import pytest
from attrs import evolve
from hypothesis import given, settings
from random_problems import DEVICES, SHAPES, make_problem, wishful
from small_problems import BRANCHES

from bnnplan.planner.problem import Limit, Measure
from bnnplan.planner.solvers import Status, solve
from bnnplan.planner.solvers.cpsat import latency as cpsat_latency
from bnnplan.planner.solvers.cpsat.assignment import assign
from bnnplan.planner.solvers.cpsat.engine import Effort
from bnnplan.planner.solvers.exact import exhaustive
from bnnplan.planner.solvers.presolve import undominated
from bnnplan.planner.solvers.restriction import Restriction
from bnnplan.planner.solvers.structure import Graph

MANY = settings(max_examples=100, deadline=None)


def same(first, second):
    return (first.status, first.objective) == (second.status, second.objective)


@settings(max_examples=80, deadline=None)
@given(wishful(pipeline=False, objective=Measure.MEMORY, tasks=5))
def test_the_least_memory_is_that_of_exhaustive_search(problem):
    assert same(solve(problem), exhaustive.solve(problem))


def by_placement(problem):
    graph = Graph(problem)
    return assign(graph, undominated(graph), Effort(time.perf_counter() + 60, 1, 0))


@MANY
@given(wishful(pipeline=False, objective=Measure.MEMORY, tasks=5))
def test_what_a_placement_needs_is_never_above_the_optimum(problem):
    found, exact = by_placement(problem), exhaustive.solve(problem)
    if found.status is Status.INFEASIBLE:
        assert exact.status is Status.INFEASIBLE
    elif exact.objective is not None:
        assert found.bound <= exact.objective


@MANY
@given(
    wishful(
        pipeline=False, objective=Measure.MEMORY, shape="chain", tasks=5,
        limits=False, contiguous=False, entries=False,
    )
)  # fmt: skip
def test_for_chains_the_placement_is_the_whole_truth(problem):
    found, exact = by_placement(problem), exhaustive.solve(problem)
    assert (found.status, found.bound) == (exact.status, exact.bound)


@pytest.mark.parametrize("devices", DEVICES)
@pytest.mark.parametrize("shape", SHAPES)
def test_the_models_alone_keep_a_limit_on_all_memory(monkeypatch, devices, shape):
    monkeypatch.setattr(cpsat_latency, "heuristic", lambda *_, **__: None)
    for seed in range(10):
        problem = make_problem(seed, tasks=4, options=3, shape=shape, devices=devices)
        least = exhaustive.solve(evolve(problem, objectives=(Measure.MEMORY,))).objective
        if least is None:
            continue
        for most in (least, least + 2, least - 1):
            limited = evolve(problem, limits=(Limit(Measure.MEMORY, most),))
            assert same(cpsat_latency.solve(limited), exhaustive.solve(limited)), (seed, most)


@MANY
@given(wishful(pipeline=False, tasks=5, options=4))
def test_options_that_are_left_are_enough(problem):
    kept = undominated(Graph(problem))
    left = Restriction(problem, tuple(map(tuple, kept))).problem
    assert same(exhaustive.solve(left), exhaustive.solve(problem))


def test_for_memory_only_bytes_matter_and_the_fastest_of_equal_options_is_left():
    left = BRANCHES.tasks[1]
    others = [evolve(left.options[0], name=f"{ns} ns", duration=ns) for ns in (90, 80, 85)]
    slim = evolve(left.options[0], name="slim", duration=999, weight_bytes=9)
    brief = evolve(left.options[0], name="brief", duration=0, workspace_bytes=5)

    def kept(*options):
        tasks = list(BRANCHES.tasks)
        tasks[1] = evolve(left, options=options)
        problem = evolve(BRANCHES, tasks=tuple(tasks), objectives=(Measure.MEMORY,))
        return undominated(Graph(problem))[1]

    assert kept(left.options[0], *others) == [2]
    assert kept(left.options[0], *others, slim) == [4]
    assert kept(*others, brief) == [1, 3]
