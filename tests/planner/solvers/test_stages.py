"""Stages of pipelines: what runs in one period never waits for another device in it."""

import random

import pytest
from attrs import evolve
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from random_problems import wishful
from small_pipelines import line

from bnnplan.planner.problem import Limit, Measure, Port, TensorSize, Transfer
from bnnplan.planner.solvers.checking.checker import check, measures
from bnnplan.planner.solvers.cpsat import throughput as cpsat_throughput
from bnnplan.planner.solvers.exact import exhaustive
from bnnplan.planner.solvers.pipelines import load_fronts, throughput
from bnnplan.planner.solvers.schedules.pipelining import pipelined
from bnnplan.planner.solvers.structure import Graph

FRAMES = 3


def happenings(problem, solution):
    """Give by name: the period of the first frame, resources, whether it separates, its needs."""
    options = {
        task.name: task.options[index]
        for task, index in zip(problem.tasks, solution.choice, strict=True)
    }
    busy = {device.name: device.resources for device in problem.devices}
    tensors = {tensor.name: tensor for tensor in problem.tensors}
    happens = {}
    for task, stage in zip(problem.tasks, solution.stages, strict=True):
        resources = busy[options[task.name].device]
        happens[task.name,] = stage, resources, bool(resources), []
    for one in solution.exports:
        (export,) = (e for e in tensors[one.tensor].exports if e.port == one.port)
        stage, needs = one.start // solution.period, [(tensors[one.tensor].source,)]
        happens[one.tensor, "export"] = stage, export.resources, export.duration > 0, needs
    for one in solution.transfers:
        ends = one.source, one.target
        (move,) = (m for m in tensors[one.tensor].transfers if (m.source, m.target) == ends)
        needs = [(tensors[one.tensor].source,)]
        if (one.tensor, "export") in happens:
            needs.append((one.tensor, "export"))
        stage = one.start // solution.period
        happens[one.tensor, one.target] = stage, move.resources, move.duration > 0, needs
    for edge in problem.edges:
        needs = happens[edge.target,][3]
        needs.append((tensors[edge.tensor].source,))
        port = options[edge.target].input_ports[edge.input]
        if (edge.tensor, port) in happens:
            needs.append((edge.tensor, port))
    return happens


def run_frames(problem, solution):
    """Run some frames period by period; give what needs something made elsewhere meanwhile."""
    happens = happenings(problem, solution)
    last = max(stage for stage, *_ in happens.values())
    made = set()
    early = []
    for period in range(FRAMES + last):
        now = {
            (period - stage, name): (resources, separate, needs)
            for name, (stage, resources, separate, needs) in happens.items()
            if 0 <= period - stage < FRAMES
        }
        for (frame, name), (resources, separate, needs) in now.items():
            for needed in needs:
                if (frame, needed) in made:
                    continue
                there = now.get((frame, needed))
                if there is None or (separate and there[1] and not resources & there[0]):
                    early.append((period, frame, name, needed))
        made |= now.keys()
    assert len(made) == FRAMES * len(happens)
    return early


@settings(max_examples=150, deadline=None)
@given(wishful(pipeline=True, tasks=6, limits=False, limited=False), st.integers(0, 2**32))
def test_no_frame_needs_what_another_device_makes_meanwhile(problem, seed):
    chance = random.Random(seed)
    choice = [chance.randrange(len(task.options)) for task in problem.tasks]
    solution = pipelined(Graph(problem), choice)
    assume(solution is not None and solution.period)
    assert run_frames(problem, solution) == []


@settings(max_examples=40, deadline=None)
@given(wishful(pipeline=True, objective=Measure.LATENCY))
def test_no_planned_frame_needs_what_another_device_makes_meanwhile(problem):
    result = throughput.solve(problem)
    assume(result.solution is not None and result.solution.period)
    assert run_frames(problem, result.solution) == []


@pytest.mark.parametrize(
    ("busy", "period", "stages"),
    [("link", 5, (0, 2)), ("station 1", 5, (0, 1)), ("station 0", 6, (0, 1))],
)
def test_the_example_of_the_documentation(busy, period, stages):
    problem = in_turn((5, 3))
    first, second = problem.tasks
    (tensor,) = problem.tensors
    (given,) = second.options
    problem = evolve(
        problem,
        tasks=(first, evolve(second, options=(evolve(given, input_ports=("there",)),))),
        ports=(*problem.ports, Port("there", "here")),
        tensors=(
            evolve(
                tensor,
                sizes=(*tensor.sizes, TensorSize("there", 0)),
                transfers=(Transfer("here", "there", 1, frozenset({busy})),),
            ),
        ),
    )
    solution = throughput.solve(problem).solution
    assert (solution.period, solution.stages) == (period, stages)
    assert solution.objective == period * (1 + stages[1])


def in_turn(spans):
    """Tasks in a row that take so long, each on the next of two devices."""
    problem = line(spans, [(n, n + 1) for n in range(1, len(spans))], 2)
    return evolve(
        problem,
        tasks=tuple(
            evolve(task, options=(task.options[number % 2],))
            for number, task in enumerate(problem.tasks)
        ),
        devices=tuple(evolve(device, contiguous=False) for device in problem.devices),
        objectives=(Measure.LATENCY,),
        limits=(Limit(Measure.PERIOD, sum(spans)),),
    )


def test_a_task_of_no_time_waits_for_the_frame_that_another_device_makes():
    problem = in_turn((5, 0, 7))
    for method in (exhaustive, throughput, load_fronts, cpsat_throughput):
        solution = method.solve(problem).solution
        assert solution.stages == (0, 1, 2)
        assert (solution.period, solution.objective) == (12, 36)
        assert solution.starts == (0, 12, 24)
    wrong = evolve(solution, stages=(0, 0, 0), starts=(0, 0, 5), ends=(5, 0, 12))
    assert check(problem, wrong)
    assert measures(problem, wrong)[Measure.LATENCY] == 36


def test_host_ends_lie_in_the_stage_of_the_work_between_them():
    problem = in_turn((0, 5, 0))
    host, *devices = problem.devices
    problem = evolve(problem, devices=(evolve(host, resources=frozenset()), *devices))
    for method in (exhaustive, throughput, load_fronts, cpsat_throughput):
        solution = method.solve(problem).solution
        assert solution.stages == (0, 0, 0)
        assert solution.objective == 5
