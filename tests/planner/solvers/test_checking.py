"""The checker finds every rule that a solution breaks."""

import random

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from random_problems import problems
from small_problems import BRANCHES, FAST, branches

from bnnplan.planner.problem import Space
from bnnplan.planner.solution import ScheduledTransfer, ViolationCode
from bnnplan.planner.solvers import check, evaluate, list_scheduling
from bnnplan.planner.solvers.base import SolverError, SolverResult, Status, verified


def codes(problem, solution):
    return {violation.code for violation in check(problem, solution)}


@pytest.fixture
def solution():
    """Head and left on the cpu, right on the gpu: with transfers both ways."""
    return evaluate(BRANCHES, FAST)


def with_item(values, index, value):
    return (*values[:index], value, *values[index + 1 :])


def test_the_solution_itself_is_right(solution):
    assert check(BRANCHES, solution) == []
    assert len(solution.transfers) == 2


@pytest.mark.parametrize("index", [-1, 2, True, None])
def test_unknown_options(solution, index):
    broken = evolve(solution, choice=with_item(solution.choice, 1, index))
    assert codes(BRANCHES, broken) == {ViolationCode.UNKNOWN_OPTION}


def test_wrong_number_of_tasks(solution):
    broken = evolve(solution, choice=solution.choice[:-1])
    assert codes(BRANCHES, broken) == {ViolationCode.UNKNOWN_OPTION}


def test_durations(solution):
    broken = evolve(solution, ends=with_item(solution.ends, 1, solution.ends[1] - 1))
    assert ViolationCode.DURATION in codes(BRANCHES, broken)


def test_everything_earlier_breaks_precedence(solution):
    starts = tuple(start - 1 if start else 0 for start in solution.starts)
    ends = tuple(
        end - 1 if start else end for start, end in zip(solution.starts, solution.ends, strict=True)
    )
    broken = evolve(solution, starts=starts, ends=ends, objective=max(ends))
    assert ViolationCode.PRECEDENCE in codes(BRANCHES, broken)


def test_missing_transfer(solution):
    broken = evolve(solution, transfers=solution.transfers[1:])
    assert ViolationCode.TRANSFER_MISSING in codes(BRANCHES, broken)


def test_surplus_transfer(solution):
    twice = evolve(solution, transfers=solution.transfers + solution.transfers[:1])
    assert ViolationCode.TRANSFER_SURPLUS in codes(BRANCHES, twice)
    needless = ScheduledTransfer("left", "host", "gpu", 90, 94)
    broken = evolve(solution, transfers=(*solution.transfers, needless))
    assert ViolationCode.TRANSFER_SURPLUS in codes(BRANCHES, broken)


def test_impossible_transfer(solution):
    wrong = evolve(solution.transfers[0], source="gpu")
    broken = evolve(solution, transfers=(wrong, *solution.transfers[1:]))
    assert ViolationCode.TRANSFER_IMPOSSIBLE in codes(BRANCHES, broken)


def test_overlap_on_a_shared_resource(solution):
    shared = branches(gpu=frozenset({"core:0"}))
    assert codes(shared, solution) == {ViolationCode.RESOURCE_OVERLAP}


def test_memory(solution):
    tight = evolve(BRANCHES, spaces=(Space("ram", 10), Space("vram", 10_000)))
    assert codes(tight, solution) == {ViolationCode.MEMORY}


def test_objective(solution):
    broken = evolve(solution, objective=solution.objective - 1)
    assert codes(BRANCHES, broken) == {ViolationCode.OBJECTIVE}


@settings(max_examples=200, deadline=None)
@given(problems(), st.integers(0, 2**32))
def test_no_mutation_of_the_times_of_a_tight_plan_goes_unseen(problem, seed):
    """Ends without their starts, or a task alone pulled before its inputs, are always seen."""
    solution = list_scheduling.solve(problem).solution
    if solution is None:
        return
    rng = random.Random(seed)
    task = rng.randrange(len(problem.tasks))
    ends = with_item(solution.ends, task, solution.ends[task] + rng.choice((-2, -1, 1, 2)))
    assert ViolationCode.DURATION in codes(problem, evolve(solution, ends=ends))


def test_a_wrong_solution_never_leaves_a_method(solution):
    broken = evolve(solution, objective=solution.objective - 1)
    result = SolverResult(Status.OPTIMAL, broken, broken.objective, None, 0.0, "mine")
    with pytest.raises(SolverError, match="method 'mine' gave a wrong solution"):
        verified(BRANCHES, result)
    above = SolverResult(
        Status.FEASIBLE, solution, solution.objective, solution.objective + 1, 0.0, "mine"
    )
    with pytest.raises(SolverError, match=r"bound .* is above"):
        verified(BRANCHES, above)
