"""One inference with every wish: CP-SAT is exhaustive, heuristics and bounds enclose it."""

import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_problems import DEVICES, SHAPES, make_problem, wishful

from bnnplan.planner.problem import Measure
from bnnplan.planner.solvers import Status, check
from bnnplan.planner.solvers.bounds import least_objective
from bnnplan.planner.solvers.cpsat import latency as cpsat_latency
from bnnplan.planner.solvers.exact import exhaustive
from bnnplan.planner.solvers.heuristics.contiguous_heuristic import cut_orders
from bnnplan.planner.solvers.heuristics.list_scheduling import fitting
from bnnplan.planner.solvers.heuristics.order_schedule import Orders, tables_of
from bnnplan.planner.solvers.heuristics.order_search import anneal, suits
from bnnplan.planner.solvers.presolve import undominated
from bnnplan.planner.solvers.schedules.evaluation import schedule
from bnnplan.planner.solvers.structure import Graph, one_at_a_time

MANY = settings(max_examples=100, deadline=None)
MEASURES = (Measure.LATENCY, Measure.ENERGY, Measure.MEMORY)


def same(first, second):
    return (first.status, first.objective) == (second.status, second.objective)


@MANY
@given(wishful(pipeline=False))
def test_cpsat_is_exhaustive_with_every_wish(problem):
    assert same(cpsat_latency.solve(problem), exhaustive.solve(problem))


@pytest.mark.parametrize("devices", DEVICES)
@pytest.mark.parametrize("objective", MEASURES)
@pytest.mark.parametrize("contiguous", [False, True])
def test_the_models_alone_are_exhaustive_with_every_wish(
    monkeypatch, devices, objective, contiguous
):
    """Without heuristic plans and bounds of our own, the models have to do the work."""
    monkeypatch.setattr(cpsat_latency, "heuristic", lambda *_, **__: None)
    monkeypatch.setattr(cpsat_latency, "lower_bound", lambda *_, **__: 0)
    monkeypatch.setattr(cpsat_latency, "least_objective", lambda *_, **__: 0)
    for seed in range(15):
        problem = make_problem(
            seed,
            tasks=3 + seed % 3,
            options=3,
            shape=SHAPES[seed % 3],
            devices=devices,
            objective=objective,
            contiguous=contiguous,
            limited=seed % 2 == 0,
            entries=seed % 3 == 0,
            exports=seed % 3 != 1,
            limits=seed % 4 == 1,
            colocated=seed % 5 == 2,
            switches=seed % 4 == 2,
        )
        assert same(cpsat_latency.solve(problem), exhaustive.solve(problem)), seed


@MANY
@given(wishful(pipeline=False))
def test_bounds_are_never_above_the_optimum(problem):
    graph = Graph(problem)
    exact = exhaustive.solve(problem)
    bound = least_objective(graph, undominated(graph), serial=one_at_a_time(graph))
    assert exact.objective is None or bound <= exact.objective


@MANY
@given(wishful(pipeline=False, contiguous=True, tasks=6))
def test_cut_orders_keep_every_limit(problem):
    graph = Graph(problem)
    kept = undominated(graph)
    found = cut_orders(
        graph, kept, lambda choice: fitting(graph, choice), deadline=time.perf_counter() + 60
    )
    for solution in found:
        assert check(problem, solution) == []
    assert found == sorted(found, key=lambda one: one.objective)


@MANY
@given(wishful(pipeline=False, objective=Measure.LATENCY, contiguous=False, tasks=6))
def test_annealing_gives_orders_that_are_no_worse_than_the_start(problem):
    graph = Graph(problem)
    if not suits(graph):
        return
    kept = undominated(graph)
    start = fitting(graph, [indices[0] for indices in kept])
    if start is None:
        return
    shares = iter([0.0, 0.5, 1.0])
    choice, order = anneal(graph, kept, start, progress=lambda: next(shares), seed=1)
    assert all(index in kept[task] for task, index in enumerate(choice))
    assert schedule(graph, choice, order).objective <= start.objective


@MANY
@given(wishful(pipeline=False, contiguous=False, missing=0.0, tasks=6), st.integers(0, 2**32))
def test_fast_schedules_are_those_of_all_methods(problem, seed):
    rng = random.Random(seed)
    graph = Graph(problem)
    choice = [rng.randrange(len(task.options)) for task in graph.tasks]
    orders = Orders(tables_of(graph), list(graph.order), choice)
    for _ in range(5):
        order = list(graph.order)
        first = rng.randrange(len(order))
        index = rng.randrange(len(graph.tasks[order[first]].options))
        changed = [*choice]
        changed[order[first]] = index
        exact = schedule(graph, changed, order)
        assert orders.latency(order, changed, first) == max(exact.ends)
        if rng.random() < 0.5:
            orders.keep()
            choice = changed
            assert orders.ends == list(exact.ends)


@settings(max_examples=30, deadline=None)
@given(wishful(pipeline=False))
def test_the_same_seed_gives_the_same_plan_with_every_wish(problem):
    first, second = (cpsat_latency.solve(problem, workers=1, seed=3) for _ in range(2))
    assert first.solution == second.solution


@settings(max_examples=30, deadline=None)
@given(wishful(pipeline=False))
def test_two_workers_agree_with_one_with_every_wish(problem):
    assert same(cpsat_latency.solve(problem, workers=2), cpsat_latency.solve(problem, workers=1))


def test_what_is_searched_in_turns_is_a_plan(monkeypatch):
    """The parts of a longer search, each cut short: all that they find is right."""
    annealed = []

    def noted(*args, **given):
        annealed.append(anneal(*args, **given))
        return annealed[-1]

    for seed in range(4):
        problem = make_problem(
            seed, tasks=24, options=4, devices="disjoint", exports=seed % 2 == 0, missing=0.0
        )
        plain = cpsat_latency.solve(problem, time_limit=120.0, workers=2)
        with monkeypatch.context() as patch:
            patch.setattr(cpsat_latency, "FIRST_SHARE", 0.0)
            patch.setattr(cpsat_latency, "ANNEALING_SHARE", 0.002)
            patch.setattr(cpsat_latency, "heuristic", single_start)
            patch.setattr(cpsat_latency, "anneal", noted)
            result = cpsat_latency.solve(problem, time_limit=100.0, workers=2)
        assert plain.status is result.status is Status.OPTIMAL
        assert plain.objective == result.objective
    assert annealed


def single_start(graph, kept, **_):
    return fitting(graph, [indices[0] for indices in kept])
