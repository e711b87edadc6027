"""Why a problem has no solution: relaxing exactly as told is enough, and no less is."""

import pytest
from attrs import evolve
from hypothesis import given, settings
from random_problems import wishful
from small_problems import BRANCHES, branches

from bnnplan.planner.problem import (
    Device,
    Edge,
    Limit,
    Measure,
    Option,
    Port,
    Problem,
    Space,
    Task,
    Tensor,
    TensorSize,
)
from bnnplan.planner.solvers import SolverError, Status, methods, solve
from bnnplan.planner.solvers.base import SolverResult
from bnnplan.planner.solvers.exact import exhaustive as oracle
from bnnplan.planner.solvers.reasons.confirming import confirmed
from bnnplan.planner.solvers.reasons.conflicts import corrections, figure, relaxed


def probe(problem, seconds):
    return oracle.solve(problem, time_limit=60.0)


@settings(max_examples=60, deadline=None)
@given(wishful(tasks=3))
def test_corrections_are_enough_and_none_is_too_large(problem):
    if oracle.solve(problem).status is not Status.INFEASIBLE:
        return
    for relaxations in corrections(problem, probe, 60.0):
        repaired = problem
        for relaxation in relaxations:
            assert relaxation.proven
            repaired = relaxed(repaired, relaxation)
        assert oracle.solve(repaired).solution is not None
        for relaxation in relaxations:
            if relaxation.value is None:
                continue
            assert relaxation.value > figure(problem, relaxation.group)
            less = relaxed(repaired, evolve(relaxation, value=relaxation.value - 1))
            assert oracle.solve(less).solution is None


@settings(max_examples=60, deadline=None)
@given(wishful(tasks=3))
def test_what_is_infeasible_comes_with_a_reason(problem):
    exact, result = oracle.solve(problem), solve(problem)
    assert result.status is exact.status
    if result.status is Status.INFEASIBLE:
        assert result.reasons
        assert all(reason and "\n" not in reason for reason in result.reasons)


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        (
            evolve(BRANCHES, limits=(Limit(Measure.LATENCY, 299),)),
            "deadline 299 ns is below the proven minimum 300 ns",
        ),
        (
            evolve(BRANCHES, limits=(Limit(Measure.ENERGY, 5),)),
            None,
        ),
        (
            branches(ram=30, vram=20),
            "memory of 'ram' lacks 7 B; with everything else that is asked for, memory of 'ram' "
            "lacks 35 B",
        ),
        (
            branches(ram=40, vram=20),
            "memory of 'ram' (40 B) and memory of 'vram' (20 B) conflict: memory of 'ram' lacks "
            "25 B, or memory of 'vram' lacks 17 B",
        ),
        (
            evolve(branches(), switches=0, limits=(Limit(Measure.LATENCY, 350),)),
            "below the proven minimum 400 ns, or at most 0 switches are too few: 2 would do",
        ),
    ],
)
def test_reasons_in_the_words_of_users(problem, words):
    result = solve(problem)
    if words is None:
        assert result.status is Status.OPTIMAL
    else:
        assert result.status is Status.INFEASIBLE
        assert words in result.message


def test_groups_without_a_common_device_are_told_at_once():
    cpu_only = BRANCHES.tasks[1]
    gpu_only = BRANCHES.tasks[2]
    tasks = (
        BRANCHES.tasks[0],
        evolve(cpu_only, options=cpu_only.options[:1]),
        evolve(gpu_only, options=gpu_only.options[1:]),
        BRANCHES.tasks[3],
    )
    result = solve(evolve(BRANCHES, tasks=tasks, colocated=(("left", "right"),)))
    assert result.message == "colocated tasks 'left', 'right' have no device in common"


def test_memory_of_a_pipeline_binds_beyond_the_sum_of_all_sizes():
    """One frame has 8 B; from device to device two frames are held, in one stage a single one."""
    tasks = [
        Task(
            name,
            tuple(Option(d, d, 10, ("p",) * reads, ("p",) * makes, "ram") for d in ("x", "y")),
        )
        for name, reads, makes in (("a", 0, 1), ("b", 1, 0))
    ]
    problem = Problem(
        "held",
        tuple(tasks),
        (Tensor("t", "a", 0, (TensorSize("p", 8),)),),
        (Edge("t", "b"),),
        tuple(Device(name, frozenset({name})) for name in ("x", "y")),
        (Space("ram", 10),),
        (Port("p", "ram"),),
        objectives=(Measure.PERIOD,),
        limits=(Limit(Measure.PERIOD, 15),),
    )
    result = solve(problem)
    assert result.status is Status.INFEASIBLE
    assert "memory of 'ram' lacks 6 B" in result.message
    assert solve(evolve(problem, spaces=(Space("ram", 16),))).objective == 10


def wrong(problem, **_):
    return SolverResult(Status.INFEASIBLE, None, None, None, 0.0, "cpsat")


def test_a_wrong_infeasible_is_found_out(monkeypatch):
    result = confirmed(BRANCHES, wrong(BRANCHES))
    assert result.solution is not None
    assert "method 'cpsat' wrongly told that there is no plan" in result.message


def test_an_unconfirmed_infeasible_is_not_told(monkeypatch):
    def unsure(problem, name, **_):
        return SolverResult(Status.UNKNOWN, None, None, None, 0.0, name)

    monkeypatch.setattr("bnnplan.planner.solvers.reasons.confirming.run", unsure)
    result = confirmed(BRANCHES, wrong(BRANCHES))
    assert result.status is Status.UNKNOWN
    assert "no second method confirms it" in result.message


def test_a_method_is_not_run_on_what_it_does_not_understand():
    asked = evolve(BRANCHES, objectives=(Measure.PERIOD,))
    assert "dynamic-programming" not in methods.able(asked)
    with pytest.raises(SolverError, match=r"not understand a pipeline \(throughput\); methods"):
        solve(asked, "dynamic-programming")
