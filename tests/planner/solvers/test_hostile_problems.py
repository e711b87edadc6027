"""Hostile problems: each is refused with one line, or it is a problem and gets an answer."""

import copy
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_problems import wishful
from small_problems import BRANCHES

from bnnplan.planner.problem import ProblemError
from bnnplan.planner.problem_format import problem_from_dict, problem_to_dict
from bnnplan.planner.solvers import SolverError, Status, check, solve

VALUES = (
    st.none()
    | st.booleans()
    | st.sampled_from([0, 1, -1, 2**53, 2**62, 10**15, 1.0, 0.5, float("nan"), float("inf")])
    | st.sampled_from(["", "x", "p0", "t0", "d0", "latency", "period"])
    | st.builds(list)
    | st.builds(dict)
    | st.builds(lambda: [[[[]]]])
)


def places(plain, path=()):
    """Every path into plain data."""
    yield path
    items = plain.items() if isinstance(plain, dict) else enumerate(plain)
    for key, value in items:
        if isinstance(value, dict | list):
            yield from places(value, (*path, key))
        else:
            yield (*path, key)


@st.composite
def hostile(draw):
    """A valid problem with up to three fields replaced, dropped or repeated."""
    plain = problem_to_dict(draw(wishful(tasks=3)))
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from([p for p in places(plain) if p]))
        target = plain
        for key in path[:-1]:
            target = target[key]
        how = draw(st.sampled_from(("replace", "replace", "drop", "repeat")))
        if how == "drop":
            del target[path[-1]]
        elif how == "repeat" and isinstance(target, list):
            target.append(copy.deepcopy(target[path[-1]]))
        else:
            target[path[-1]] = draw(VALUES)
    return plain


@settings(max_examples=300, deadline=None)
@given(hostile())
def test_a_hostile_problem_is_refused_in_one_line_or_answered(plain):
    problem, refusal = attempt(lambda: problem_from_dict(plain), ProblemError)
    result = None
    if problem is not None:
        result, refusal = attempt(lambda: solve(problem, time_limit=2.0), SolverError)
    if result is None:
        assert refusal
        assert "\n" not in refusal
        assert "fault of the method" not in refusal
    elif result.solution is not None:
        assert check(problem, result.solution) == []
    else:
        assert result.status in (Status.INFEASIBLE, Status.UNKNOWN)
        assert result.message


def attempt(work, error_type):
    """What `work` gives, or what the error it may raise says."""
    try:
        return work(), ""
    except error_type as error:
        return None, str(error)


def with_limit(**limit):
    return {**problem_to_dict(BRANCHES), "limits": [limit]}


@pytest.mark.parametrize(
    ("plain", "words"),
    [
        ({**problem_to_dict(BRANCHES), "tasks": []}, "no tasks"),
        ({**problem_to_dict(BRANCHES), "objectives": []}, "no objective"),
        ({**problem_to_dict(BRANCHES), "objectives": ["speed"]}, "must be one of"),
        (
            {**problem_to_dict(BRANCHES), "objectives": ["energy", "energy"]},
            "'energy' is used twice",
        ),
        ({**problem_to_dict(BRANCHES), "colocated": [["left", "no"]]}, "unknown task 'no'"),
        ({**problem_to_dict(BRANCHES), "switches": -1}, "switches must be from 0"),
        (with_limit(measure="latency", most=2**62), "limit of 'latency': most must be from 0 to"),
        (with_limit(measure="latency", most=1.5), "most must be a whole number"),
        (with_limit(measure="latency"), "required field 'most' is missing"),
    ],
)
def test_what_is_wrong_is_named(plain, words):
    with pytest.raises(ProblemError, match=words) as caught:
        problem_from_dict(json.loads(json.dumps(plain)))
    assert "\n" not in str(caught.value)
