"""The K best solutions that differ are those that trying everything finds."""

import itertools
import time

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from random_problems import make_problem, problems, wishful

from bnnplan.planner.solvers import check, solve
from bnnplan.planner.solvers.cpsat.cuts import Cuts
from bnnplan.planner.solvers.exact import exhaustive
from bnnplan.planner.solvers.next_best.candidates import best_first
from bnnplan.planner.solvers.next_best.dividing import Division
from bnnplan.planner.solvers.next_best.labels import Labels, differences
from bnnplan.planner.solvers.next_best.ranking import Root, Search
from bnnplan.planner.solvers.restriction import Restriction, only
from bnnplan.planner.solvers.structure import Graph, is_sum


def k_best(problems, count, **how):
    return list(itertools.islice(best_first(problems, **how), count))


FEW = settings(max_examples=60, deadline=None)


def values_of_all(problem, labels):
    """The best value of every key, by fixing every choice in turn."""
    best = {}
    for choice in itertools.product(*(range(len(task.options)) for task in problem.tasks)):
        part = Restriction(problem, only(problem, {t: (i,) for t, i in enumerate(choice)}))
        result = exhaustive.solve(part.problem)
        if result.objective is not None:
            key = labels.key(problem, choice)
            best[key] = min(result.objective, best.get(key, result.objective))
    return best


def spread_out(best, count, distance):
    """The values of the first solutions that differ enough, of which the choice is free in ties."""
    chosen = []
    for key, value in sorted(best.items(), key=lambda item: item[1]):
        if all(differences(key, other) >= distance for other, _ in chosen):
            chosen.append((key, value))
    return [value for _, value in chosen][:count]


@FEW
@given(wishful(tasks=3, options=2), st.integers(1, 6))
def test_the_k_best_of_every_kind_are_those_of_trying_everything(problem, count):
    assert_best(problem, count)


@FEW
@given(problems(tasks=4, options=3), st.integers(1, 6))
def test_the_k_best_are_those_of_trying_everything(problem, count):
    assert_best(problem, count)


def assert_best(problem, count):
    found = k_best([problem], count, share=0.0)
    if not found:
        assert exhaustive.solve(problem).solution is None
        return
    labels = Labels.of(problem, found[0].solution.choice, 0.0)
    assert [c.solution.objective for c in found] == spread_out(
        values_of_all(problem, labels), count, 1
    )
    assert all(candidate.proven for candidate in found)
    assert not any(check(problem, candidate.solution) for candidate in found)


@FEW
@given(problems(tasks=4, options=3), st.integers(2, 3))
def test_candidates_keep_their_distance_and_none_between_is_left_out(problem, distance):
    found = k_best([problem], 4, share=0.0, distance=distance)
    if not found:
        return
    labels = Labels.of(problem, found[0].solution.choice, 0.0)
    keys = [labels.key(problem, candidate.solution.choice) for candidate in found]
    assert all(differences(a, b) >= distance for a, b in itertools.combinations(keys, 2))
    everything = values_of_all(problem, labels)
    for number, candidate in enumerate(found):
        apart = [
            value
            for key, value in everything.items()
            if all(differences(key, before) >= distance for before in keys[:number])
        ]
        assert candidate.solution.objective == min(apart)
    if len(found) < 4:
        assert not any(
            all(differences(key, before) >= distance for before in keys) for key in everything
        )


def test_solutions_of_any_problem_count_and_are_told_apart_by_name():
    """As under two limits on threads: one problem lacks the fastest option, the other is slower."""
    whole = make_problem(3, tasks=3, options=3, shape="chain", devices="shared", missing=0.0)
    slow = [
        evolve(task, options=tuple(evolve(o, duration=o.duration + 1) for o in task.options))
        for task in whole.tasks
    ]
    poor = [evolve(task, options=task.options[-1:]) for task in whole.tasks]
    slower, poorer = evolve(whole, tasks=tuple(slow)), evolve(whole, tasks=tuple(poor))
    found = k_best([slower, poorer], 8, share=0.0)
    labels = Labels.of((slower, poorer)[found[0].problem], found[0].solution.choice, 0.0)
    merged = values_of_all(slower, labels)
    for key, value in values_of_all(poorer, labels).items():
        merged[key] = min(value, merged.get(key, value))
    assert [c.solution.objective for c in found] == spread_out(merged, 8, 1)
    assert {c.problem for c in found} == {0, 1}


def test_what_takes_no_time_is_no_difference_but_its_device():
    problem = make_problem(11, tasks=4, options=3, shape="chain", devices="shared", missing=0.0)
    found = k_best([problem], 50, share=1.1)
    devices = [
        tuple(t.options[i].device for t, i in zip(problem.tasks, c.solution.choice, strict=True))
        for c in found
    ]
    assert len(set(devices)) == len(devices) > 1


def test_where_the_time_ends_the_best_so_far_are_given():
    problem = make_problem(5, tasks=6, options=3, missing=0.0)
    found = k_best([problem], 1000, time_limit=1e-6)
    assert len(found) <= 1
    assert not any(candidate.proven for candidate in found if candidate.bound == 0)


@pytest.mark.parametrize("way", [Division, Cuts])
@FEW
@given(
    problem=problems(tasks=4, options=3, devices="shared"),
    distance=st.integers(1, 2),
)
def test_cutting_and_dividing_give_the_same_values(way, problem, distance):
    """What runs one after the other is a sum, in which the models of cuts are exact."""
    assert is_sum(Graph(problem))
    result = solve(problem)
    if result.solution is None:
        return
    labels = Labels.of(problem, result.solution.choice, 0.0)
    search = Search([problem], distance, time.perf_counter() + 60, 1, 0)
    rest = way([Root(0, result.solution, result.bound)], labels, search)
    found = list(itertools.islice(iter(rest.next, None), 5))
    everything = values_of_all(problem, labels)
    keys = [labels.key(problem, one.solution.choice) for one in found]
    for number, one in enumerate(found):
        assert not check(problem, one.solution)
        apart = [
            value
            for key, value in everything.items()
            if all(differences(key, before) >= distance for before in keys[:number])
        ]
        assert one.bound <= min(apart) <= one.solution.objective
        # Where memory is limited, a model of cuts knows necessary conditions only.
        limited = any(space.capacity is not None for space in problem.spaces)
        assert one.proven or (way is Cuts and limited)
