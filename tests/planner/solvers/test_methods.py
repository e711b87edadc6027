"""What each method does on its own: limits, explanations, baselines, speed."""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from attrs import evolve
from random_problems import make_problem
from small_problems import BRANCHES, FAST, branches

from bnnplan.planner import solvers
from bnnplan.planner.problem import (
    Device,
    Edge,
    Limit,
    Measure,
    Option,
    Port,
    Problem,
    ProblemError,
    Space,
    Task,
    Tensor,
    TensorSize,
    Transfer,
)
from bnnplan.planner.solvers import SolverError, Status, evaluate
from bnnplan.planner.solvers.cpsat import engine as cpsat_engine
from bnnplan.planner.solvers.cpsat import latency as cpsat_latency
from bnnplan.planner.solvers.cpsat import schedule_model as cpsat_schedule_model
from bnnplan.planner.solvers.cpsat.engine import Answer
from bnnplan.planner.solvers.exact import exhaustive
from bnnplan.planner.solvers.heuristics import greedy, single
from bnnplan.planner.solvers.presolve import undominated
from bnnplan.planner.solvers.structure import Graph, one_at_a_time


@pytest.mark.parametrize("name", ["auto", "cpsat", "exhaustive"])
def test_concurrent_branches(name):
    # Both branches on the gpu share the transfer of their input: 4 + 50 + 50 + 4 ns.
    result = solvers.solve(BRANCHES, name)
    assert (result.status, result.objective, result.gap) == (Status.OPTIMAL, 300, 0.0)


@pytest.mark.parametrize("name", ["auto", "cpsat", "elimination", "exhaustive"])
def test_shared_cores_make_it_a_sum(name):
    problem = branches(gpu=frozenset({"core:0"}))
    problem = evolve(
        problem,
        tensors=tuple(
            evolve(
                tensor,
                transfers=tuple(
                    evolve(move, resources=frozenset({"core:0"})) for move in tensor.transfers
                ),
            )
            for tensor in problem.tensors
        ),
    )
    assert one_at_a_time(Graph(problem))
    result = solvers.solve(problem, name)
    assert (result.status, result.objective) == (Status.OPTIMAL, 100 + 4 + 50 + 50 + 4 + 4 + 100)


def test_evaluate_shares_a_transfer_between_readers():
    solution = evaluate(BRANCHES, (0, 1, 1, 0))
    assert [(move.tensor, move.target) for move in solution.transfers] == [
        ("head", "gpu"),
        ("left", "host"),
        ("right", "host"),
    ]
    assert solution.objective == 100 + 4 + 50 + 50 + 4 + 100


@pytest.mark.parametrize(
    ("choice", "message"),
    [((0, 0), "2 options for 4 tasks"), ((0, 5, 0, 0), "task 'left' has no option number 5")],
)
def test_evaluate_refuses_choices_that_do_not_fit(choice, message):
    with pytest.raises(ProblemError, match=message):
        evaluate(BRANCHES, choice)


def without_transfers():
    return evolve(
        BRANCHES, tensors=tuple(evolve(tensor, transfers=()) for tensor in BRANCHES.tensors)
    )


def test_evaluate_names_an_impossible_transfer():
    with pytest.raises(ProblemError, match="'head' cannot be transferred from 'host' to 'gpu'"):
        evaluate(without_transfers(), FAST)


def test_methods_by_name():
    with pytest.raises(SolverError, match="no method 'magic'; there are 'auto', 'cpsat'"):
        solvers.solve(BRANCHES, "magic")
    for name in solvers.METHODS:
        assert callable(solvers.method(name))


@pytest.mark.parametrize("given", [{"time_limit": 0}, {"time_limit": float("nan")}, {"workers": 0}])
def test_limits_must_make_sense(given):
    with pytest.raises(SolverError, match="must be"):
        solvers.solve(BRANCHES, **given)


@pytest.mark.parametrize("hint", [(), (0, 0, 0, 9), (0, -1, 0, 0)])
def test_hints_must_fit(hint):
    with pytest.raises(SolverError, match="hint must be an option index for each task"):
        solvers.solve(BRANCHES, hint=hint)


def test_a_hint_is_taken():
    assert solvers.solve(BRANCHES, "cpsat", hint=FAST).objective == 300


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("dynamic-programming", "solves chains, and 'branches' is none"),
        ("elimination", "needs that only one thing can be busy at a time"),
        ("pipe-it", r"is only for a pipeline \(throughput\); methods that can: auto, cpsat, "),
        ("load-fronts", r"is only for a pipeline \(throughput\)"),
        ("part-splits", r"is only for a pipeline \(throughput\) with contiguous devices"),
    ],
)
def test_what_a_method_is_not_for_is_told_with_those_that_can(name, words):
    with pytest.raises(SolverError, match=f"method '{name}' {words}"):
        solvers.solve(BRANCHES, name)
    assert name not in solvers.able(BRANCHES)


@pytest.mark.parametrize(
    ("objectives", "contiguous", "named"),
    [
        ((Measure.LATENCY,), False, set()),
        ((Measure.PERIOD,), False, {"load-fronts", "pipe-it"}),
        ((Measure.PERIOD,), True, {"load-fronts", "pipe-it", "part-splits"}),
        ((Measure.PERIOD, Measure.ENERGY), True, {"load-fronts"}),
        ((Measure.PERIOD, Measure.LATENCY), True, set()),
    ],
)
def test_methods_for_pipelines_are_named_where_all_objectives_suit_them(
    objectives, contiguous, named
):
    devices = tuple(evolve(device, contiguous=contiguous) for device in BRANCHES.devices)
    tensors = tuple(
        evolve(one, transfers=tuple(evolve(move, duration=0) for move in one.transfers))
        for one in BRANCHES.tensors
    )
    problem = evolve(BRANCHES, devices=devices, tensors=tensors, objectives=objectives)
    assert {"load-fronts", "pipe-it", "part-splits"} & set(solvers.able(problem)) == named


@pytest.mark.parametrize("name", ["single-device", "layer-switching"])
def test_without_a_device_with_resources_there_is_no_single_one(name):
    devices = tuple(evolve(device, resources=frozenset()) for device in BRANCHES.devices)
    problem = evolve(BRANCHES, devices=devices)
    assert name in solvers.able(BRANCHES)
    assert name not in solvers.able(problem)
    with pytest.raises(SolverError, match=f"{name}' needs a device with resources"):
        solvers.solve(problem, name)


@pytest.mark.parametrize("seed", range(30))
def test_methods_that_are_named_solve_it(seed):
    chance = random.Random(seed)
    problem = make_problem(
        seed,
        tasks=3,
        options=2,
        shape=chance.choice(["chain", "tree", "dag"]),
        objective=chance.choice(list(Measure)),
        pipeline=chance.random() < 0.5,
        contiguous=chance.random() < 0.5,
    )
    for name in solvers.able(problem):
        solvers.solve(problem, name, time_limit=0.2)


@pytest.mark.parametrize("seed", range(12))
def test_complete_methods_find_a_solution_wherever_there_is_one(seed):
    problem = make_problem(seed, tasks=3, options=2, limited=True, limits=True, switches=True)
    there_is = exhaustive.solve(problem).solution is not None
    for name in filter(solvers.is_complete, solvers.able(problem)):
        found = solvers.solve(problem, name, time_limit=120)
        assert (found.solution is not None) == there_is, name


def test_a_method_that_is_not_complete_may_miss_it():
    far = evolve(
        BRANCHES,
        tensors=tuple(
            evolve(t, transfers=tuple(evolve(m, duration=500) for m in t.transfers))
            for t in BRANCHES.tensors
        ),
        limits=(Limit(Measure.LATENCY, 400),),
    )
    assert solvers.solve(far, "cpsat").objective == 400
    assert solvers.is_complete("cpsat")
    missing = [name for name in solvers.able(far) if solvers.solve(far, name).solution is None]
    assert "greedy" in missing
    assert not any(map(solvers.is_complete, missing))


def test_exhaustive_refuses_what_is_too_large():
    with pytest.raises(SolverError, match="is for small problems"):
        exhaustive.solve(make_problem(1, tasks=30, options=4))


def test_dominated_options_go():
    left = BRANCHES.tasks[1]
    slow = evolve(left.options[0], name="slow", duration=101)
    slim = evolve(left.options[0], name="slim", duration=102, weight_bytes=1)
    tasks = list(BRANCHES.tasks)
    tasks[1] = evolve(left, options=(slow, *left.options, slim))
    unlimited = evolve(BRANCHES, tasks=tuple(tasks))
    assert undominated(Graph(unlimited))[1] == [1, 2]
    limited = evolve(unlimited, spaces=(Space("ram", 50), Space("vram")))
    assert undominated(Graph(limited))[1] == [1, 2, 3]


def test_greedy_ignores_transfers():
    far = evolve(
        BRANCHES,
        tensors=tuple(
            evolve(t, transfers=tuple(evolve(m, duration=500) for m in t.transfers))
            for t in BRANCHES.tensors
        ),
    )
    assert greedy.solve(far).solution.choice == (0, 1, 1, 0)
    assert solvers.solve(far).solution.choice == (0, 0, 0, 0)


def test_single_devices_say_what_runs_elsewhere():
    results = solvers.single_devices(BRANCHES)
    assert list(results) == ["cpu", "gpu"]
    assert results["cpu"].objective == 400
    assert results["cpu"].message == ""
    assert results["gpu"].objective == 308
    assert results["gpu"].message == "runs elsewhere: 'head', 'tail'"
    assert single.solve(BRANCHES).objective == 308


def test_single_configurations():
    results = solvers.single_groups(BRANCHES)
    assert list(results) == ["X"]
    assert results["X"].objective is not None


def test_the_host_needs_no_device():
    problem = evolve(
        BRANCHES,
        devices=(*BRANCHES.devices, Device("host")),
        tasks=tuple(
            evolve(t, options=(evolve(t.options[0], device="host", duration=0),))
            if t.name in ("head", "tail")
            else t
            for t in BRANCHES.tasks
        ),
    )
    results = solvers.single_devices(problem)
    assert list(results) == ["cpu", "gpu"]
    assert results["gpu"].message == ""


def reasons(problem: Problem):
    result = solvers.solve(problem, "cpsat")
    assert result.status is Status.INFEASIBLE
    assert result.solution is None
    assert result.message == "; ".join(result.reasons)
    return result.reasons


def test_why_a_task_fits_nowhere():
    assert reasons(branches(ram=18, vram=5)) == (
        "task 'head' fits no space: its smallest option needs 19 B of 'ram', which lacks 1 B",
        "task 'left' fits no space: its smallest option needs 27 B of 'ram', which lacks 9 B",
        "task 'right' fits no space: its smallest option needs 27 B of 'ram', which lacks 9 B",
        "task 'tail' fits no space: its smallest option needs 27 B of 'ram', which lacks 9 B",
    )


def test_why_weights_do_not_fit():
    (reason,) = reasons(branches(ram=27, vram=0))
    assert reason == (
        "the smallest weights need 40 B in all, but the memory of 'ram', 'vram' is 27 B: "
        "13 B too little"
    )


def test_how_much_memory_is_missing():
    (reason,) = reasons(branches(ram=34, vram=1000))
    assert reason == "memory of 'ram' lacks 3 B"
    assert solvers.solve(branches(ram=37, vram=1000)).status is Status.OPTIMAL


def test_why_nothing_connects():
    problem = evolve(
        BRANCHES,
        tensors=tuple(evolve(tensor, transfers=()) for tensor in BRANCHES.tensors),
        tasks=tuple(
            evolve(t, options=t.options[1:]) if t.name == "left" else t for t in BRANCHES.tasks
        ),
    )
    (reason,) = reasons(problem)
    assert reason == (
        "tensor 'head' cannot get from task 'head' to 'left': no transfer from 'host' to 'gpu'"
    )


def test_a_wrong_infeasible_is_not_believed(monkeypatch):
    told = Answer(Status.INFEASIBLE, None, None, lambda _: 0)
    monkeypatch.setattr(cpsat_schedule_model, "run", lambda *_: told)
    monkeypatch.setattr(cpsat_latency, "ANNEALING_SHARE", 0.001)
    monkeypatch.setattr(cpsat_latency, "least_objective", lambda *_, **__: 0)
    result = cpsat_latency.solve(BRANCHES)
    assert result.status is Status.FEASIBLE
    assert result.gap == 1.0
    assert "wrongly" in result.message


def test_infeasible_is_confirmed_with_other_parameters(monkeypatch):
    asked = []

    def told(model, effort, prepare, watch=None):
        asked.append(prepare)
        return Answer(Status.INFEASIBLE, None, None, lambda _: 0)

    monkeypatch.setattr(cpsat_engine, "_run", told)
    cpsat_engine.run(None, cpsat_engine.Effort(0.0, 1, 0))
    assert len(set(asked)) == 2


def test_no_time_gives_the_heuristic_plan():
    problem = make_problem(3, tasks=60, options=8, shape="dag", devices="disjoint", longest=900)
    result = solvers.solve(problem, "cpsat", time_limit=0.2)
    assert result.status in (Status.FEASIBLE, Status.OPTIMAL)
    assert 0 <= result.gap < 1


def test_chains_of_a_thousand_tasks_are_no_work():
    problem = make_problem(
        1, tasks=1000, options=64, shape="chain", entries=True, missing=0.0, longest=10**6
    )
    started = time.process_time()
    result = solvers.solve(problem)
    assert result.status is Status.OPTIMAL
    assert time.process_time() - started < 10  # Less than one, and more on a small board.


def residual(blocks=13, options=20, seed=0):
    """Blocks of two tasks with a shortcut around them, on three devices that share their cores."""
    chain = make_problem(
        seed, tasks=3 * blocks + 1, options=options, shape="chain", devices="shared",
        entries=True, missing=0.0, longest=10**6,
    )  # fmt: skip
    tasks = list(chain.tasks)
    edges = list(chain.edges)
    for join in range(3, len(tasks), 3):
        edges.append(evolve(edges[join - 1], tensor=f"x{join - 3}.0", input=1))
        tasks[join] = evolve(
            tasks[join],
            options=tuple(evolve(o, input_ports=o.input_ports * 2) for o in tasks[join].options),
        )
    tensors: tuple[Tensor, ...] = chain.tensors
    return evolve(chain, tasks=tuple(tasks), tensors=tensors, edges=tuple(edges))


def test_residual_networks_are_little_work():
    problem = residual()
    started = time.process_time()
    result = solvers.solve(problem)
    assert time.process_time() - started < 10  # Less than one, and more on a small board.
    assert (result.status, result.method) == (Status.OPTIMAL, "elimination")
    by_cpsat = solvers.solve(problem, "cpsat", time_limit=120)
    assert (by_cpsat.status, by_cpsat.objective) == (Status.OPTIMAL, result.objective)


def test_ortools_is_imported_only_where_it_is_used():
    code = (
        "import sys; from bnnplan.planner import solvers; solvers.method('auto'); "
        "assert not any(name.startswith('ortools') for name in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_another_hash_seed_gives_the_same_plan():
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); from random_problems import make_problem; "
        "from bnnplan.planner import solvers; "
        "print([solvers.solve(make_problem(s, tasks=7, options=4, limited=True), 'cpsat').solution"
        " for s in range(8)])"
    )
    folder = str(Path(__file__).parent)
    first, second = (
        subprocess.run(
            [sys.executable, "-c", code, folder],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
        ).stdout
        for seed in ("1", "2")
    )
    assert first == second


def test_a_tensor_may_be_made_smaller_before_it_is_needed():
    """The shortcut has to change its format early: only then does the task in between fit."""

    def option(inputs, outputs, workspace=0):
        return (Option("X", "cpu", 10, inputs, outputs, "ram", 0, workspace),)

    sizes = (TensorSize("big", 50), TensorSize("small", 5))
    problem = Problem(
        name="shortcut",
        tasks=(
            Task("head", option((), ("big", "small"))),
            Task("middle", option(("small",), ("small",), workspace=40)),
            Task("tail", option(("small", "small"), ())),
        ),
        tensors=(
            Tensor("x", "head", 0, sizes, (Transfer("big", "small", 3, frozenset({"core"})),)),
            Tensor("y", "head", 1, (TensorSize("small", 1),)),
            Tensor("z", "middle", 0, (TensorSize("small", 1),)),
        ),
        edges=(Edge("y", "middle"), Edge("z", "tail", 0), Edge("x", "tail", 1)),
        devices=(Device("cpu", frozenset({"core"})),),
        spaces=(Space("ram", 60),),
        ports=(Port("big", "ram"), Port("small", "ram")),
    )
    for name in ("auto", "cpsat", "exhaustive"):
        result = solvers.solve(problem, name)
        assert (result.status, result.objective) == (Status.OPTIMAL, 33)
        assert result.solution.transfers[0].end <= result.solution.starts[1]


def test_a_task_of_no_duration_may_run_while_another_one_does():
    """An interval of no length inside another one was taken for an overlap."""
    problem = make_problem(
        10566, shape="dag", devices="mixed", limited=False, entries=False, tasks=4, options=3
    )
    wanted = exhaustive.solve(problem)
    found = solvers.solve(problem, "cpsat")
    assert (found.status, found.objective) == (Status.OPTIMAL, wanted.objective)
