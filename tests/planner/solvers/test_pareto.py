"""The Pareto front: the same as of all solutions."""

import itertools
from fractions import Fraction

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from random_problems import problems
from small_problems import BRANCHES

from bnnplan.planner.problem import Device, Limit, Measure, Option, Problem, Space, Task
from bnnplan.planner.solvers import SolverError, Status, check, solve
from bnnplan.planner.solvers.pareto import front

PAIRS = list(itertools.permutations((Measure.LATENCY, Measure.ENERGY, Measure.MEMORY), 2))


def brute_force(problem, pair):
    """Every pair of values that no other is below: by a limit at each value there can be."""
    least = solve(evolve(problem, objectives=(pair[1],)), "exhaustive").objective
    if least is None:
        return []
    most = solve(evolve(problem, objectives=pair), "exhaustive").proofs[1].value
    found = set()
    for value in range(least, most + 1):
        limits = tuple(limit for limit in problem.limits if limit.measure is not pair[1])
        limited = evolve(problem, objectives=pair, limits=(*limits, Limit(pair[1], value)))
        found.add(tuple(proof.value for proof in solve(limited, "exhaustive").proofs))
    return sorted(found)


@settings(max_examples=40, deadline=None)
@given(problems(tasks=3), st.sampled_from(PAIRS))
def test_front_is_that_of_all_solutions(problem, pair):
    found = front(problem, pair)
    assert [point.values for point in found.points] == brute_force(problem, pair)
    assert found.complete
    for point in found.points:
        assert check(evolve(problem, objectives=pair), point.solution) == []


@settings(max_examples=40, deadline=None)
@given(problems(tasks=4), st.sampled_from(PAIRS), st.sampled_from(("0.1", "0.3", "0.6")))
def test_epsilon_leaves_out_no_more_than_it_says(problem, pair, epsilon):
    exact = [point.values for point in front(problem, pair).points]
    coarse = [point.values for point in front(problem, pair, epsilon=float(epsilon)).points]
    assert len(coarse) <= len(exact)
    for first, second in exact:
        most = (1 + Fraction(epsilon)) * second
        assert any(one <= first and two <= most for one, two in coarse)


def trade(*pairs):
    """One task, each of its options with a duration and an energy."""
    device = Device("a")
    options = [
        Option(f"o{number}", "a", duration, (), (), "ram", energy=energy)
        for number, (duration, energy) in enumerate(pairs)
    ]
    return Problem("trade", (Task("only", tuple(options)),), (), (), (device,), (Space("ram"),), ())


@pytest.mark.parametrize(
    ("epsilon", "energies"),
    [
        (0.0, [130, 101, 100, 99, 70]),
        # 130 is 30 % above 100, and more than that above 99.
        (0.3, [130, 99, 70]),
        (0.29, [130, 100, 70]),
        (0.5, [130, 70]),
    ],
)
def test_a_step_skips_what_is_worth_no_more_than_epsilon(epsilon, energies):
    problem = trade((1, 130), (2, 101), (3, 100), (4, 99), (5, 70))
    found = front(problem, (Measure.LATENCY, Measure.ENERGY), epsilon=epsilon)
    assert [point.values[1] for point in found.points] == energies
    assert found.complete


def test_progress_sees_every_point():
    seen = []
    found = front(BRANCHES, (Measure.LATENCY, Measure.MEMORY), progress=seen.append)
    assert tuple(seen) == found.points


def test_without_solution_the_front_says_why():
    impossible = evolve(BRANCHES, limits=(Limit(Measure.LATENCY, 0),))
    found = front(impossible, (Measure.LATENCY, Measure.MEMORY))
    assert found.status is Status.INFEASIBLE
    assert found.points == ()
    assert "deadline 0 ns is below the proven minimum" in found.reasons[0]


@pytest.mark.parametrize(
    ("pair", "epsilon", "words"),
    [
        ((Measure.LATENCY,), 0.0, "two different measures, not latency"),
        ((Measure.LATENCY, Measure.LATENCY), 0.0, "two different measures"),
        ((Measure.LATENCY, Measure.ENERGY), 1.0, "epsilon must be from 0 to below 1, not 1.0"),
    ],
)
def test_what_no_front_can_be_of(pair, epsilon, words):
    with pytest.raises(SolverError, match=words):
        front(BRANCHES, pair, epsilon=epsilon)
