"""What no solution of a problem exceeds."""

import itertools

from hypothesis import given, settings
from random_problems import wishful
from small_problems import BRANCHES

from bnnplan.planner.problem import Measure
from bnnplan.planner.problem_sums import horizon, most_bytes, most_energy
from bnnplan.planner.solvers.checking.checker import measures
from bnnplan.planner.solvers.schedules.solutions import solution_of
from bnnplan.planner.solvers.structure import Graph


@settings(max_examples=40, deadline=None)
@given(wishful(tasks=3))
def test_no_solution_exceeds_the_sums(problem):
    graph = Graph(problem)
    most = {
        Measure.PERIOD if problem.is_pipeline else Measure.LATENCY: horizon(problem),
        Measure.ENERGY: most_energy(problem),
    }
    if not problem.is_pipeline:
        most[Measure.MEMORY] = most_bytes(problem)
    for choice in itertools.product(*(range(len(task.options)) for task in problem.tasks)):
        found = solution_of(graph, choice)
        if found is None:
            continue
        values = measures(problem, found)
        assert all(values[measure] <= limit for measure, limit in most.items())


def test_the_sums_of_a_small_problem():
    # Four layers of 100 ns; each of three tensors may be moved there and back.
    assert horizon(BRANCHES) == 4 * 100 + 3 * (4 + 4)
    assert most_energy(BRANCHES) == 0
    assert most_bytes(BRANCHES) == 4 * (10 + 1) + 3 * (8 + 8)
