"""From choices to schedules and pipelines: facts known by heart, and measures by other ways."""

from collections import defaultdict

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from random_problems import wishful
from small_problems import BRANCHES, FAST, branches

from bnnplan.planner.problem import Device, Export, Measure, ProblemError
from bnnplan.planner.solution import ViolationCode
from bnnplan.planner.solvers import check, evaluate
from bnnplan.planner.solvers.checking.checker import measures, memory_peaks
from bnnplan.planner.solvers.checking.choice import Chosen
from bnnplan.planner.solvers.heuristics.joining import without_circles
from bnnplan.planner.solvers.schedules.parts import in_circle
from bnnplan.planner.solvers.schedules.pipelining import pipelined
from bnnplan.planner.solvers.schedules.solutions import solution_of
from bnnplan.planner.solvers.structure import Graph

MANY = settings(max_examples=100, deadline=None)
WISHES = {
    ViolationCode.COLOCATION, ViolationCode.SWITCHES, ViolationCode.LIMIT, ViolationCode.MEMORY,
}  # fmt: skip


@st.composite
def chosen(draw, **given):
    """Draw a problem with any wishes, and any choice of its options."""
    problem = draw(wishful(**given))
    return problem, tuple(draw(st.integers(0, len(task.options) - 1)) for task in problem.tasks)


@MANY
@given(chosen(tasks=7))
def test_what_is_made_of_a_choice_passes_the_checker(drawn):
    problem, choice = drawn
    graph = Graph(problem)
    solution = solution_of(graph, choice)
    if solution is not None:
        assert {fault.code for fault in check(problem, solution)} <= WISHES
    elif not problem.is_pipeline and not graph.contiguous:
        assert None in Chosen(problem, choice).needed.values()


@MANY
@given(chosen(tasks=7, contiguous=True))
def test_circles_of_parts_are_the_same_to_the_checker(drawn):
    problem, choice = drawn
    options = [task.options[index] for task, index in zip(problem.tasks, choice, strict=True)]
    assert in_circle(Graph(problem), options) == Chosen(problem, choice).parts_in_circle()


@MANY
@given(chosen(tasks=7, contiguous=True))
def test_circles_of_parts_are_left_where_tasks_may(drawn):
    """Every task may run on a device that is not contiguous, too."""
    problem, choice = drawn
    tasks = tuple(
        evolve(task, options=(*task.options, evolve(task.options[0], name="free", device="free")))
        for task in problem.tasks
    )
    problem = evolve(problem, tasks=tasks, devices=(*problem.devices, Device("free")))
    graph = Graph(problem)
    changed = without_circles(graph, [range(len(task.options)) for task in tasks], choice)
    options = [
        [task.options[index] for task, index in zip(tasks, one, strict=True)]
        for one in (choice, changed)
    ]
    assert not in_circle(graph, options[1])
    assert in_circle(graph, options[0]) == (tuple(changed) != choice)


@MANY
@given(chosen(pipeline=False, tasks=5))
def test_memory_is_the_most_of_any_moment(drawn):
    """Looked at moment by moment, each thing held asked whether it is there."""
    problem, choice = drawn
    solution = solution_of(Graph(problem), choice)
    if solution is None:
        return
    option = [task.options[index] for task, index in zip(problem.tasks, choice, strict=True)]
    place = {task.name: number for number, task in enumerate(problem.tasks)}
    peaks = {}
    for space in (space.name for space in problem.spaces):
        weights = sum(one.weight_bytes for one in option if one.space == space)
        ports = {port.name for port in problem.ports if port.space == space}
        levels = [weights]
        for now in range(max([*solution.ends, *(move.end for move in solution.transfers)])):
            level = weights
            for one, start, end in zip(option, solution.starts, solution.ends, strict=True):
                if one.space == space and start <= now < end:
                    level += one.workspace_bytes
            for tensor in problem.tensors:
                maker = place[tensor.source]
                for size in tensor.sizes:
                    start, end = [], []
                    if option[maker].output_ports[tensor.output] == size.port:
                        start.append(solution.starts[maker])
                        end.append(solution.ends[maker])
                    for move in solution.transfers:
                        if move.tensor == tensor.name and move.target == size.port:
                            start.append(move.start)
                        if move.tensor == tensor.name and size.port in (move.source, move.target):
                            end.append(move.end)
                    for edge in problem.edges:
                        reader = place[edge.target]
                        port = option[reader].input_ports[edge.input]
                        if edge.tensor == tensor.name and port == size.port:
                            end.append(solution.ends[reader])
                    if size.port in ports and start and start[0] <= now < max(end):
                        level += size.bytes
            levels.append(level)
        peaks[space] = max(levels)
    assert memory_peaks(problem, solution) == peaks
    assert measures(problem, solution)[Measure.MEMORY] == sum(peaks.values())


@MANY
@given(chosen(tasks=5))
def test_energy_is_the_sum_of_what_is_done(drawn):
    problem, choice = drawn
    solution = solution_of(Graph(problem), choice)
    if solution is None:
        return
    tensors = {tensor.name: tensor for tensor in problem.tensors}
    energy = sum(t.options[index].energy for t, index in zip(problem.tasks, choice, strict=True))
    for done in solution.transfers:
        pairs = {(one.source, one.target): one.energy for one in tensors[done.tensor].transfers}
        energy += pairs[done.source, done.target]
    for done in solution.exports:
        energy += {one.port: one.energy for one in tensors[done.tensor].exports}[done.port]
    assert measures(problem, solution)[Measure.ENERGY] == energy


@MANY
@given(chosen(pipeline=True, tasks=5))
def test_the_period_is_the_largest_load(drawn):
    """Spans are taken from the solution, resources from the problem."""
    problem, choice = drawn
    solution = solution_of(Graph(problem), choice)
    if solution is None:
        return
    loads = defaultdict(int)
    busy = {device.name: device.resources for device in problem.devices}
    for task, index, start, end in zip(
        problem.tasks, choice, solution.starts, solution.ends, strict=True
    ):
        for resource in busy[task.options[index].device]:
            loads[resource] += end - start
    tensors = {tensor.name: tensor for tensor in problem.tensors}
    for move in solution.transfers:
        one = next(
            one for one in tensors[move.tensor].transfers
            if (one.source, one.target) == (move.source, move.target)
        )  # fmt: skip
        for resource in one.resources or {move}:
            loads[resource] += one.duration
    for done in solution.exports:
        one = next(one for one in tensors[done.tensor].exports if one.port == done.port)
        for resource in one.resources or {done}:
            loads[resource] += one.duration
    assert solution.period == max(loads.values(), default=0)


def pipeline(problem):
    return evolve(problem, objectives=(Measure.PERIOD,))


def test_a_pipeline_over_two_devices():
    """Head and left on the cpu; right on the gpu, two transfers away from head and from tail."""
    problem = pipeline(BRANCHES)
    solution = pipelined(Graph(problem), FAST)
    assert check(problem, solution) == []
    assert (solution.period, solution.stages) == (300, (0, 0, 2, 4))
    assert solution.starts == (0, 100, 600, 1200)
    assert [move.start for move in solution.transfers] == [300, 900]
    # In ram: weights, a workspace, head twice, left five times, and right twice.
    assert memory_peaks(problem, solution) == {
        "ram": 30 + 1 + 2 * 8 + 5 * 8 + 2 * 8,
        "vram": 10 + 1 + 2 * 8 + 2 * 8,
    }
    assert measures(problem, solution) == {
        Measure.PERIOD: 300,
        Measure.LATENCY: 5 * 300,
        Measure.ENERGY: 0,
        Measure.MEMORY: 103 + 43,
    }


def test_a_pipeline_on_one_device_is_one_stage():
    """While right runs, head is still read, and left and right wait for tail."""
    problem = pipeline(BRANCHES)
    solution = pipelined(Graph(problem), (0, 0, 0, 0))
    assert (solution.period, solution.stages) == (400, (0, 0, 0, 0))
    assert memory_peaks(problem, solution) == {"ram": 40 + 1 + 3 * 8, "vram": 0}


def with_contiguous(problem, *names):
    devices = tuple(evolve(d, contiguous=d.name in names) for d in problem.devices)
    return evolve(problem, devices=devices)


def test_parts_that_wait_for_each_other_have_no_solution():
    for problem in (BRANCHES, pipeline(BRANCHES)):
        problem = with_contiguous(problem, "cpu")
        assert solution_of(Graph(problem), FAST) is None
        with pytest.raises(ProblemError, match="contiguous parts wait for each other"):
            evaluate(problem, FAST)


def test_an_export_is_made_once_and_before_all_transfers():
    """Head leaves the host once, 7 ns on the core, before the gpu may fetch it."""
    busy = frozenset({"core:0"})
    tensors = tuple(
        evolve(tensor, exports=(Export("host", 7, busy, 2),)) for tensor in BRANCHES.tensors
    )
    problem = evolve(BRANCHES, tensors=tensors)
    solution = evaluate(problem, (0, 1, 1, 0))
    assert check(problem, solution) == []
    assert [(one.tensor, one.start, one.end) for one in solution.exports] == [("head", 100, 107)]
    assert solution.transfers[0].start == 107
    assert measures(problem, solution)[Measure.ENERGY] == 2


def test_a_part_gives_when_it_has_ended():
    """Left and right are one part on the gpu: left goes back only when right has ended too."""
    problem = with_contiguous(BRANCHES, "gpu")
    free, whole = evaluate(BRANCHES, (0, 1, 1, 0)), evaluate(problem, (0, 1, 1, 0))
    assert [move.start for move in free.transfers if move.tensor == "left"] == [154]
    assert [move.start for move in whole.transfers if move.tensor == "left"] == [204]
    assert check(problem, whole) == []
    assert {fault.code for fault in check(problem, free)} == {ViolationCode.CONTIGUITY}


def test_objectives_are_stated_in_their_unit():
    for measure in Measure:
        problem = evolve(branches(), objectives=(measure,))
        solution = evaluate(problem, FAST)
        assert solution.objective == measures(problem, solution)[measure]
