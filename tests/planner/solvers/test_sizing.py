"""The size of a problem, and the methods that are tried for it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_problems import make_problem

from bnnplan.planner.problem import Measure
from bnnplan.planner.sizing import size_of
from bnnplan.planner.solvers import solve


@pytest.mark.parametrize(
    ("shape", "objective", "tried"),
    [
        ("chain", Measure.LATENCY, ("dynamic-programming", "cpsat")),
        ("dag", Measure.ENERGY, ("elimination", "cpsat")),
    ],
)
def test_structure_decides_what_is_tried_first(shape, objective, tried):
    problem = make_problem(1, tasks=4, options=2, shape=shape, objective=objective)
    assert size_of([problem]).tried == tried


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.booleans(), st.sampled_from(["chain", "dag"]))
def test_what_is_told_to_be_tried_is_tried(seed, pipeline, shape):
    problem = make_problem(seed, tasks=4, options=2, shape=shape, pipeline=pipeline)
    size = size_of([problem])
    assert size.kept <= size.options == sum(len(task.options) for task in problem.tasks)
    result = solve(problem, time_limit=10.0)
    if result.solution is not None:
        assert result.method in size.tried
