"""The parts of a value add up, and the critical path is as long as the latency."""

import itertools

from attrs import evolve
from hypothesis import given, settings
from random_problems import problems, wishful
from small_problems import BRANCHES, FAST, branches

from bnnplan.planner.problem import Measure
from bnnplan.planner.solvers import evaluate
from bnnplan.planner.solvers.checking.checker import measures, memory_peaks
from bnnplan.planner.solvers.insight.breakdown import (
    TASKS,
    TRANSFERS,
    WAITING,
    bottleneck,
    breakdown,
    loads,
    uses,
)
from bnnplan.planner.solvers.insight.critical import critical_path
from bnnplan.planner.solvers.insight.peaks import peaks
from bnnplan.planner.solvers.schedules.solutions import solution_of
from bnnplan.planner.solvers.structure import Graph

MANY = settings(max_examples=100, deadline=None)


@MANY
@given(wishful(tasks=4))
def test_the_parts_of_every_measure_add_up(problem):
    graph = Graph(problem)
    for choice in itertools.islice(
        itertools.product(*(range(len(task.options)) for task in problem.tasks)), 10
    ):
        solution = solution_of(graph, choice)
        if solution is not None:
            for measure, value in measures(problem, solution).items():
                assert sum(breakdown(graph, solution, measure).values()) == value


def test_a_pipeline_that_occupies_nothing_has_no_busiest_resource():
    host = tuple(evolve(device, resources=frozenset()) for device in BRANCHES.devices)
    graph = Graph(evolve(BRANCHES, devices=host, objectives=(Measure.PERIOD,)))
    solution = solution_of(graph, [0] * len(graph.tasks))
    assert solution.period == 0
    assert breakdown(graph, solution, Measure.PERIOD) == {}


@MANY
@given(wishful(tasks=4))
def test_peaks_are_those_of_the_checker_and_begin_with_something(problem):
    solution = solution_of(Graph(problem), [0] * len(problem.tasks))
    if solution is None:
        return
    found = {peak.space: peak for peak in peaks(problem, solution)}
    wanted = memory_peaks(problem, solution)
    assert {name: peak.bytes for name, peak in found.items()} == {
        name: most for name, most in wanted.items() if most
    }
    assert {peak.capacity for peak in found.values()} <= {s.capacity for s in problem.spaces}
    weights = dict.fromkeys(wanted, 0)
    for task, index in zip(problem.tasks, solution.choice, strict=True):
        weights[task.options[index].space] += task.options[index].weight_bytes
    for name, peak in found.items():
        assert bool(peak.when) == (not problem.is_pipeline and peak.bytes > weights[name])


def test_the_moment_of_a_peak_is_named():
    """Both branches hold what they read and make, and `tail` both of what it reads."""
    found = {peak.space: peak for peak in peaks(BRANCHES, evaluate(BRANCHES, (0, 0, 0, 0)))}
    assert found["ram"].bytes == 4 * 10 + 1 + 3 * 8
    assert found["ram"].when in ("task 'left'", "task 'right'")


@MANY
@given(problems(tasks=5))
def test_the_critical_path_has_no_gap_and_is_the_latency(problem):
    solution = solution_of(Graph(problem), [0] * len(problem.tasks))
    if solution is None:
        return
    path = critical_path(problem, solution)
    assert sum(step.end - step.start for step in path) == max(solution.ends)
    assert all(a.end == b.start for a, b in itertools.pairwise(path))


def test_what_runs_at_the_same_time_is_less_than_the_sum():
    graph = Graph(BRANCHES)
    parts = breakdown(graph, evaluate(BRANCHES, FAST), Measure.LATENCY)
    assert parts[TASKS] == 350
    assert parts[TRANSFERS] == 8
    assert parts[WAITING] == 300 - 358


def test_a_busy_resource_is_named():
    problem = branches(gpu=frozenset({"core:0"}))
    path = critical_path(problem, evaluate(problem, FAST))
    assert path[0].words == "task 'head'"
    assert path[-1].words == "task 'tail'"
    waiting = [step.words for step in path if step.after]
    assert waiting in (["task 'left'"], ["task 'right'"])
    assert [step.after for step in path if step.after] == ["core:0"]


def test_the_bottleneck_is_the_busiest_resource():
    pipeline = evolve(BRANCHES, objectives=(Measure.PERIOD,))
    graph = Graph(pipeline)
    solution = solution_of(graph, FAST)
    assert bottleneck(graph, solution) == "core:0"
    assert loads(graph, solution)["core:0"] == {TASKS: 300}
    assert loads(graph, solution)["queue:0"] == {TASKS: 50}
    assert {use.name for use in uses(graph, solution) if use.part == TRANSFERS} == {
        "head: host → gpu",
        "right: gpu → host",
    }
