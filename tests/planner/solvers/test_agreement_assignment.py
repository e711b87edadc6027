"""Methods that minimise sums agree with exhaustive search and with each other."""

import itertools
import random
import time

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from ortools.sat.python import cp_model
from random_problems import make_problem, problems, wishful

from bnnplan.planner.problem import Measure
from bnnplan.planner.solvers import SolverError, Status, method
from bnnplan.planner.solvers.base import SolverResult
from bnnplan.planner.solvers.cpsat.assignment import AssignmentModel, assign
from bnnplan.planner.solvers.cpsat.engine import Effort, run
from bnnplan.planner.solvers.cpsat.start import start
from bnnplan.planner.solvers.exact import exhaustive
from bnnplan.planner.solvers.exact.elimination import Elimination, least_sum
from bnnplan.planner.solvers.exact.sums import Sum
from bnnplan.planner.solvers.exact.tables import IMPOSSIBLE
from bnnplan.planner.solvers.heuristics.list_scheduling import fitting
from bnnplan.planner.solvers.milp.engine import solve_as_milp
from bnnplan.planner.solvers.presolve import undominated
from bnnplan.planner.solvers.prices.local_search import LocalSearch
from bnnplan.planner.solvers.prices.pricing import Pricing
from bnnplan.planner.solvers.restriction import Restriction
from bnnplan.planner.solvers.structure import Graph, is_sum, one_at_a_time

SUMS = st.sampled_from([Measure.LATENCY, Measure.ENERGY])
SEEDS = st.integers(0, 2**32)


def soon(seconds=20.0):
    return time.perf_counter() + seconds


def effort(seed=0):
    return Effort(soon(), 1, seed)


def assert_right(result: SolverResult, exact: SolverResult) -> None:
    """What a method tells is true, be it all or not."""
    if result.status is Status.INFEASIBLE:
        assert exact.status is Status.INFEASIBLE
    if result.status is Status.OPTIMAL:
        assert result.objective == exact.objective
    if exact.objective is not None and result.bound is not None:
        assert result.bound <= exact.objective
    if result.objective is not None:
        assert exact.objective is not None
        assert result.objective >= exact.objective


@pytest.mark.parametrize("name", ["auto", "cpsat"])
@settings(max_examples=60, deadline=None)
@given(data=st.data(), measure=SUMS)
def test_complete_methods_are_exhaustive(name, data, measure):
    problem = data.draw(wishful(objective=measure, pipeline=False))
    result, exact = method(name)(problem), exhaustive.solve(problem)
    assert (result.status, result.objective) == (exact.status, exact.objective)


@pytest.mark.parametrize("name", ["dynamic-programming", "elimination", "gscip", "highs"])
@settings(max_examples=60, deadline=None)
@given(data=st.data(), measure=SUMS)
def test_what_methods_tell_is_true(name, data, measure):
    shape = {"shape": "chain"} if name == "dynamic-programming" else {}
    problem = data.draw(wishful(objective=measure, pipeline=False, **shape))
    assume(is_sum(Graph(problem)) or name in ("gscip", "highs"))
    assert_right(method(name)(problem), exhaustive.solve(problem))


@pytest.mark.parametrize("name", ["dynamic-programming", "elimination", "gscip", "highs"])
@settings(max_examples=40, deadline=None)
@given(data=st.data(), measure=SUMS, exports=st.booleans())
def test_methods_prove_what_nothing_limits(name, data, measure, exports):
    shape = {"shape": "chain"} if name == "dynamic-programming" else {"devices": "shared"}
    problem = data.draw(problems(objective=measure, exports=exports, limited=False, **shape))
    assume(is_sum(Graph(problem)))
    result, exact = method(name)(problem), exhaustive.solve(problem)
    assert (result.status, result.objective) == (exact.status, exact.objective)


@pytest.mark.parametrize("name", ["gscip", "highs"])
@pytest.mark.parametrize("seed", range(8))
def test_milp_proves_seconds_to_the_nanosecond(name, seed):
    problem = make_problem(
        seed, tasks=5, options=4, shape="chain", devices="shared", missing=0.0, entries=True,
        longest=10**9,
    )  # fmt: skip
    result, exact = method(name)(problem), exhaustive.solve(problem)
    assert exact.objective > 10**8
    assert (result.status, result.objective) == (Status.OPTIMAL, exact.objective)


@settings(max_examples=100, deadline=None)
@given(wishful())
def test_undominated_options_are_enough(problem):
    kept = undominated(Graph(problem))
    fewer = Restriction(problem, tuple(map(tuple, kept))).problem
    assert exhaustive.solve(fewer).objective == exhaustive.solve(problem).objective


def medium(seed, **given):
    return make_problem(
        seed, tasks=12, options=4, devices="shared", limited=True, longest=50, missing=0.0, **given
    )


@pytest.mark.parametrize("seed", range(6))
def test_three_solvers_agree_on_one_model(seed):
    wishes = {"exports": True, "colocated": seed % 2 == 0, "switches": seed % 3 == 0}
    measure = Measure.ENERGY if seed % 2 else Measure.LATENCY
    graph = Graph(medium(seed, entries=True, objective=measure, **wishes))
    model = AssignmentModel(graph, undominated(graph)).model
    first = run(model, effort())
    for name in ("gscip", "highs"):
        other = solve_as_milp(model, name, effort())
        assert (other.status, other.objective) == (first.status, first.objective)


@settings(max_examples=40, deadline=None)
@given(SEEDS, SUMS)
def test_elimination_knows_the_least_with_each_class(seed, measure):
    problem = make_problem(
        seed, tasks=5, options=3, devices="shared", entries=seed % 2 == 0,
        exports=seed % 3 == 0, colocated=seed % 5 == 0, objective=measure,
    )  # fmt: skip
    graph = Graph(problem)
    total = Sum(graph, [range(len(task.options)) for task in graph.tasks])
    own = [np.array([10 * len(classes) + len(one) for one in classes]) for classes in total.classes]
    least = [np.full(size, IMPOSSIBLE) for size in total.sizes]
    for places in itertools.product(*map(range, total.sizes)):
        shared = sum(int(t.costs[tuple(places[task] for task in t.tasks)]) for t in total.terms)
        value = shared + sum(int(costs[place]) for costs, place in zip(own, places, strict=True))
        for task, place in enumerate(places):
            least[task][place] = min(least[task][place], value)
    found = Elimination(total).marginals(own)
    for mine, right in zip(found, least, strict=True):
        assert np.array_equal(np.minimum(mine, IMPOSSIBLE), right)


@settings(max_examples=40, deadline=None)
@given(problems(limited=True, devices="shared", tasks=5))
def test_prices_give_bounds_and_plans(problem):
    graph = Graph(problem)
    assume(graph.capacity)
    found = Pricing(graph, undominated(graph), None).result(soon())
    exact = exhaustive.solve(problem)
    if exact.objective is None:
        assert found.best is None
        return
    assert found.bound <= exact.objective
    assert found.best is None or found.best.objective >= exact.objective
    for task, values in enumerate(found.least):
        for index, least in values.items():
            ways = [tuple(range(len(one.options))) for one in problem.tasks]
            ways[task] = (index,)
            with_it = exhaustive.solve(Restriction(problem, tuple(ways)).problem)
            assert with_it.objective is None or with_it.objective >= least


@settings(max_examples=60, deadline=None)
@given(problems(limited=True, devices="shared", tasks=5))
def test_what_is_enough_in_order_can_be_scheduled(problem):
    graph = Graph(problem)
    assume(one_at_a_time(graph))
    for choice in assign(graph, undominated(graph), effort(), ordered=True).choices:
        assert fitting(graph, choice) is not None


@settings(max_examples=60, deadline=None)
@given(problems(limited=True, devices="shared", tasks=6, options=4))
def test_local_search_keeps_room_and_stays_possible(problem):
    graph = Graph(problem)
    kept = undominated(graph)
    least = least_sum(graph, kept)
    assume(least is not None)
    value, choice = least
    total = Sum(graph, kept)
    found = LocalSearch(total).search(choice, graph.capacity, soon())
    if found is None:
        return
    places = [
        next(place for place, some in enumerate(classes) if index in some)
        for classes, index in zip(total.classes, found, strict=True)
    ]
    shared = sum(int(t.costs[tuple(places[task] for task in t.tasks)]) for t in total.terms)
    options = [task.options[index] for task, index in zip(graph.tasks, found, strict=True)]
    assert value <= shared + sum(map(total.cost, options)) < IMPOSSIBLE
    for space, capacity in graph.capacity.items():
        assert sum(one.weight_bytes for one in options if one.space == space) <= capacity


@pytest.mark.parametrize("seed", range(4))
def test_a_start_is_right_and_the_same_again(seed):
    graph = Graph(medium(seed))
    kept = undominated(graph)
    first, second = (start(graph, kept, None, time_limit=120, workers=1, seed=3) for _ in range(2))
    assert first.best == second.best
    exact = method("cpsat")(graph.problem)
    if exact.objective is None:
        assert first.best is None
    else:
        assert first.bound <= exact.objective
        assert first.best is None or first.best.objective >= exact.objective


def test_milp_solvers_refuse_what_is_not_linear():
    model = cp_model.CpModel()
    literal = model.new_bool_var("")
    model.add(model.new_int_var(0, 3, "") >= 2).only_enforce_if(literal)
    with pytest.raises(SolverError, match="conditional"):
        solve_as_milp(model, "highs", effort())


def test_another_method_is_asked_about_infeasible():
    model = cp_model.CpModel()
    model.add_bool_or([])
    asked = []

    def confirm():
        asked.append(True)
        return Status.INFEASIBLE

    assert run(model, effort(), confirm=confirm).status is Status.INFEASIBLE
    assert asked == [True]


def test_a_fault_while_watching_is_told():
    model = cp_model.CpModel()
    model.maximize(model.new_int_var(0, 5, ""))

    def watch(values):
        raise ValueError("what the watcher says")

    with pytest.raises(SolverError, match="what the watcher says"):
        run(model, effort(), watch=watch)


def test_concurrent_devices_get_a_plan_without_proof():
    chance = random.Random(0)
    problem = make_problem(
        chance.randrange(100), tasks=8, options=3, devices="disjoint", missing=0.0, longest=50
    )
    assert not is_sum(Graph(problem))
    result = method("highs")(problem)
    assert result.status is Status.FEASIBLE
    assert "without proof" in result.message
