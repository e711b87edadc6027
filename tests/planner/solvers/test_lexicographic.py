"""Several objectives, one after the other: each among the best solutions of those before."""

import itertools

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from random_problems import problems
from small_problems import BRANCHES

from bnnplan.planner.problem import Limit, Measure
from bnnplan.planner.solvers import Status, check, solve
from bnnplan.planner.solvers.checking.checker import measures

ORDERS = list(itertools.permutations((Measure.LATENCY, Measure.ENERGY, Measure.MEMORY), 2))


@settings(max_examples=60, deadline=None)
@given(problems(tasks=3), st.sampled_from(ORDERS))
def test_the_second_is_least_among_the_best_by_the_first(problem, order):
    result = solve(evolve(problem, objectives=order), "exhaustive")
    first = solve(evolve(problem, objectives=order[:1]), "exhaustive")
    assert result.status is first.status
    if result.solution is None:
        return
    assert result.objective == first.objective == result.solution.objective
    limited = evolve(
        problem,
        objectives=order[1:],
        limits=(
            *(one for one in problem.limits if one.measure is not order[0]),
            Limit(order[0], first.objective),
        ),
    )
    second = solve(limited, "exhaustive")
    assert [proof.value for proof in result.proofs] == [first.objective, second.objective]
    assert [proof.bound for proof in result.proofs] == [first.objective, second.objective]


@settings(max_examples=60, deadline=None)
@given(problems(), st.sampled_from(ORDERS))
def test_auto_keeps_the_order_that_exhaustive_proves(problem, order):
    asked = evolve(problem, objectives=order)
    result, exact = solve(asked), solve(asked, "exhaustive")
    assert result.status is exact.status
    assert result.proofs == exact.proofs


@settings(max_examples=60, deadline=None)
@given(problems(tasks=3, pipeline=True))
def test_a_pipeline_stays_one_whatever_comes_first(problem):
    asked = evolve(problem, objectives=(Measure.ENERGY, Measure.PERIOD))
    result = solve(asked, "exhaustive")
    if result.solution is not None:
        assert result.solution.period is not None
        assert check(asked, result.solution) == []
        values = measures(asked, result.solution)
        assert [proof.value for proof in result.proofs] == [
            values[Measure.ENERGY],
            values[Measure.PERIOD],
        ]


def test_what_proves_nothing_is_not_called_optimal():
    result = solve(evolve(BRANCHES, objectives=(Measure.LATENCY, Measure.ENERGY)), "greedy")
    assert result.status is Status.FEASIBLE
    assert [proof.bound for proof in result.proofs] == [None, None]
