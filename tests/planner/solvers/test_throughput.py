"""Pipelines: exact methods equal exhaustive, heuristics never beat them, and the edges of both."""

import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from random_problems import DEVICES, SHAPES, WISHES, make_problem, wishful, with_other_names
from small_pipelines import line, make_parts

from bnnplan.planner import solvers
from bnnplan.planner.problem import Device, Limit, Measure, Space
from bnnplan.planner.solvers import SolverError, Status, able, check
from bnnplan.planner.solvers.cpsat import throughput as cpsat_throughput
from bnnplan.planner.solvers.exact import exhaustive
from bnnplan.planner.solvers.interchangeable import families
from bnnplan.planner.solvers.pipelines import (
    fronts,
    load_fronts,
    minimal_rows,
    part_splits,
    pipe_it,
    throughput,
)
from bnnplan.planner.solvers.pipelines.fronts import Fronts, Most
from bnnplan.planner.solvers.pipelines.minimal_rows import GivenUp, front_of
from bnnplan.planner.solvers.pipelines.part_problem import part_problem
from bnnplan.planner.solvers.pipelines.units import units
from bnnplan.planner.solvers.presolve import undominated
from bnnplan.planner.solvers.schedules.loads import least_period
from bnnplan.planner.solvers.schedules.pipelining import pipelined
from bnnplan.planner.solvers.structure import Graph

KINDS = (((2, 1), (1, 3)), ((3, 2),), ((1, 1), (1, 2)), ((1, 1), (2, 2)))

# Tasks and precedences of Jackson's assembly line (11 tasks), and the least cycle times by number
# of stations that follow from the published least numbers of stations for cycle times 7, 9, 10,
# 13, 14 and 21 (Scholl, "Balancing and Sequencing of Assembly Lines", 1999).
JACKSON = (6, 2, 5, 7, 1, 2, 3, 6, 5, 5, 4)
JACKSON_PAIRS = (
    (1, 2), (1, 3), (1, 4), (1, 5), (2, 6), (3, 7), (4, 7), (5, 7), (6, 8), (7, 9), (8, 10),
    (9, 11), (10, 11),
)  # fmt: skip
JACKSON_TIMES = {3: 16, 4: 12, 5: 10, 6: 9, 7: 8, 8: 7}


def same(first, second):
    return (first.status, first.objective) == (second.status, second.objective)


@st.composite
def part_problems(draw, **given):
    drawn = {
        "tasks": draw(st.integers(1, 5)),
        "kinds": draw(st.sampled_from(KINDS)),
        "shape": draw(st.sampled_from(["chain", "dag"])),
        "colocated": draw(st.booleans()),
        "limited": draw(st.booleans()),
        "outside": draw(st.booleans()),
    }
    return make_parts(draw(st.integers(0, 2**32)), **{**drawn, **given})


@settings(max_examples=60, deadline=None)
@given(wishful(pipeline=True))
def test_cpsat_is_exhaustive(problem):
    assert same(cpsat_throughput.solve(problem), exhaustive.solve(problem))


@pytest.mark.parametrize("measure", Measure)
@pytest.mark.parametrize("limited", [False, True])
def test_cpsat_alone_is_exhaustive(monkeypatch, measure, limited):
    """Without heuristic plans and bounds of our own, the models have to do the work."""
    monkeypatch.setattr(cpsat_throughput, "heuristic", lambda *_, **__: None)
    monkeypatch.setattr(cpsat_throughput, "least_period", lambda *_: 0)
    for seed in range(12):
        chance = random.Random(seed)
        problem = make_problem(
            seed,
            tasks=2 + seed % 3,
            options=3,
            shape=SHAPES[seed % 3],
            devices=chance.choice(DEVICES),
            limited=limited,
            entries=seed % 2 == 0,
            pipeline=True,
            objective=measure,
            **{wish: chance.random() < 0.3 for wish in WISHES},
        )
        assert same(cpsat_throughput.solve(problem), exhaustive.solve(problem)), seed


@settings(max_examples=150, deadline=None)
@given(wishful(pipeline=True, tasks=5))
def test_load_fronts_are_exhaustive_or_say_so(problem):
    if not load_fronts.applies(Graph(problem)):
        assert "load-fronts" not in able(problem)
        return
    result, exact = load_fronts.solve(problem), exhaustive.solve(problem)
    if result.status in (Status.OPTIMAL, Status.INFEASIBLE):
        assert same(result, exact)
    elif exact.objective is not None:
        assert result.bound <= exact.objective
        assert result.objective is None or result.objective >= exact.objective


@settings(max_examples=100, deadline=None)
@given(wishful(pipeline=True, limited=False, limits=False, contiguous=False))
def test_load_fronts_prove_where_memory_is_free(problem):
    if problem.objectives[0] is not Measure.MEMORY:
        assert same(load_fronts.solve(problem), exhaustive.solve(problem))


@settings(max_examples=40, deadline=None)
@given(wishful(pipeline=True))
def test_auto_is_exhaustive(problem):
    assert same(throughput.solve(problem), exhaustive.solve(problem))


@settings(max_examples=80, deadline=None)
@given(part_problems())
def test_parts_are_exhaustive(problem):
    assert part_problem(Graph(problem), undominated(Graph(problem))) is not None
    exact = exhaustive.solve(problem)
    assert same(cpsat_throughput.solve(problem), exact)
    split = part_splits.solve(problem)
    if exact.objective is None:
        assert split.objective is None
    else:
        assert split.bound <= exact.objective
        assert split.objective is None or split.objective >= exact.objective


@settings(max_examples=60, deadline=None)
@given(part_problems(shape="chain", colocated=False))
def test_the_only_order_is_cut_at_the_best_places(problem):
    assert same(part_splits.solve(problem), exhaustive.solve(problem))


def test_the_model_of_parts_alone_is_exhaustive(monkeypatch):
    monkeypatch.setattr(cpsat_throughput, "best_parts", lambda *_: None)
    monkeypatch.setattr(cpsat_throughput, "least_period", lambda *_: 0)
    for seed in range(60):
        problem = make_parts(
            seed,
            tasks=2 + seed % 4,
            kinds=KINDS[seed % len(KINDS)],
            colocated=seed % 3 == 0,
            limited=seed % 2 == 0,
            outside=seed % 5 == 0,
        )
        assert same(cpsat_throughput.solve(problem), exhaustive.solve(problem)), seed


@settings(max_examples=60, deadline=None)
@given(part_problems(contiguous=False, limited=False))
def test_without_parts_the_period_is_never_longer(problem):
    devices = tuple(evolve(device, contiguous=bool(device.resources)) for device in problem.devices)
    free, parted = throughput.solve(problem), throughput.solve(evolve(problem, devices=devices))
    assert same(free, exhaustive.solve(problem))
    assert free.objective <= parted.objective


@settings(max_examples=100, deadline=None)
@given(wishful(pipeline=True, objective=Measure.PERIOD))
def test_bounds_and_heuristics_enclose_the_period(problem):
    exact = exhaustive.solve(problem)
    graph = Graph(problem)
    if exact.objective is None:
        return
    assert least_period(graph, undominated(graph)) <= exact.objective
    by_pipe_it = pipe_it.solve(problem)
    assert by_pipe_it.objective is None or by_pipe_it.objective >= exact.objective


@settings(max_examples=50, deadline=None)
@given(
    part_problems(kinds=((3, 1), (1, 2)), limited=False, outside=False), st.permutations(range(3))
)
def test_equal_devices_can_be_exchanged(problem, places):
    graph = Graph(problem)
    family = families(graph)[0]
    assert family.devices[:3] == ("0.0", "0.1", "0.2")
    solution = exhaustive.solve(problem).solution
    exchanged = [
        next((family.options[places[n]][task][k] for n, k in _places(family, task, index)), index)
        for task, index in enumerate(solution.choice)
    ]
    assert pipelined(graph, exchanged).objective == solution.objective
    relabelled = family.relabelled(solution.choice)
    assert relabelled == family.relabelled(exchanged)
    assert pipelined(graph, relabelled).objective == solution.objective


def _places(family, task, index):
    """Give (number of the device, position there) of an option on one of the first three."""
    for number, column in enumerate(family.options[:3]):
        if index in column[task]:
            yield number, column[task].index(index)


@pytest.mark.parametrize("limited", [False, True])
def test_devices_that_differ_are_not_exchanged(limited):
    problem = make_parts(5, kinds=((2, 1), (1, 2)))
    first, *others = problem.tasks
    slower = evolve(first.options[0], duration=first.options[0].duration + 1)
    if limited:
        changed = evolve(problem, spaces=(Space("0.0", 7), *problem.spaces[1:]))
    else:
        changed = evolve(
            problem, tasks=(evolve(first, options=(slower, *first.options[1:])), *others)
        )
    assert families(Graph(problem))
    assert not families(Graph(changed))


@settings(max_examples=40, deadline=None)
@given(wishful(pipeline=True))
def test_other_names_change_nothing_else(problem):
    assert same(throughput.solve(problem), throughput.solve(with_other_names(problem)))


@settings(max_examples=40, deadline=None)
@given(wishful(pipeline=True, objective=Measure.PERIOD, limits=False), st.integers(0, 2**32))
def test_a_faster_option_is_never_worse(problem, seed):
    chance = random.Random(seed)
    task = chance.choice(problem.tasks)
    faster = evolve(
        task,
        options=tuple(
            evolve(one, duration=max(0, one.duration - chance.randint(0, 3)))
            for one in task.options
        ),
    )
    other = evolve(problem, tasks=tuple(faster if one is task else one for one in problem.tasks))
    before, after = throughput.solve(problem), throughput.solve(other)
    if before.status is Status.OPTIMAL:
        assert after.status is Status.OPTIMAL
        assert after.objective <= before.objective


@settings(max_examples=40, deadline=None)
@given(wishful(pipeline=True, limited=True))
def test_more_memory_is_never_worse(problem):
    more = evolve(
        problem, spaces=tuple(Space(space.name, space.capacity + 3) for space in problem.spaces)
    )
    before, after = throughput.solve(problem), throughput.solve(more)
    if before.status is Status.OPTIMAL:
        assert after.status is Status.OPTIMAL
        assert after.objective <= before.objective


@settings(max_examples=20, deadline=None)
@given(wishful(pipeline=True))
def test_the_same_seed_gives_the_same_plan(problem):
    first, second = (cpsat_throughput.solve(problem, workers=1, seed=7) for _ in range(2))
    assert first.solution == second.solution


@pytest.mark.parametrize(("stations", "cycle"), JACKSON_TIMES.items())
def test_assembly_lines_have_the_published_cycle_times(stations, cycle):
    result = solvers.solve(line(JACKSON, JACKSON_PAIRS, stations))
    assert (result.status, result.objective) == (Status.OPTIMAL, cycle)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(0, 9), min_size=1, max_size=6), st.integers(1, 4), st.integers(0, 2**15)
)
def test_assembly_lines_are_exhaustive(times, stations, mask):
    pairs = [(a, b) for b in range(2, len(times) + 1) for a in range(1, b)]
    kept = [pair for bit, pair in enumerate(pairs) if mask >> bit & 1]
    problem = line(times, kept, stations)
    assert same(throughput.solve(problem), exhaustive.solve(problem))


def test_more_stations_than_tasks():
    result = solvers.solve(line((4, 3), ((1, 2),), 5))
    assert (result.status, result.objective) == (Status.OPTIMAL, 4)


@pytest.mark.parametrize("name", ["auto", "cpsat", "load-fronts", "part-splits"])
def test_nothing_takes_time(name):
    result = solvers.solve(line((0, 0, 0), ((1, 2), (2, 3)), 2), name)
    assert (result.status, result.objective) == (Status.OPTIMAL, 0)


@pytest.mark.parametrize("name", ["auto", "cpsat", "load-fronts", "part-splits"])
def test_one_device_takes_everything(name):
    result = solvers.solve(line((4, 0, 3), ((1, 2), (2, 3)), 1), name)
    assert (result.status, result.objective) == (Status.OPTIMAL, 7)


def in_a_row(sizes, rooms):
    """Tasks in a row whose weights need memory, on devices that take one part each."""
    problem = line((1,) * len(sizes), [(n, n + 1) for n in range(1, len(sizes))], len(rooms))
    spaces = tuple(Space(f"s{number}", room) for number, room in enumerate(rooms))
    tasks = tuple(
        evolve(
            task,
            options=tuple(
                evolve(option, space=f"s{number}", weight_bytes=size)
                for number, option in enumerate(task.options)
            ),
        )
        for task, size in zip(problem.tasks, sizes, strict=True)
    )
    return evolve(problem, tasks=tasks, spaces=(*problem.spaces, *spaces))


def test_parts_may_not_fit_where_single_tasks_do():
    """Two tasks of 3 bytes fit with one of 1 byte between them only if they lie together."""
    fits = in_a_row((3, 1, 3), (6, 1))
    assert throughput.solve(fits).status is Status.INFEASIBLE
    assert cpsat_throughput.solve(fits).status is Status.INFEASIBLE
    devices = tuple(evolve(device, contiguous=False) for device in fits.devices)
    assert throughput.solve(evolve(fits, devices=devices)).objective == 2
    assert throughput.solve(in_a_row((3, 3, 1), (6, 1))).objective == 2


def test_a_period_below_the_bound_is_infeasible():
    problem = evolve(line(JACKSON, JACKSON_PAIRS, 4), limits=(Limit(Measure.PERIOD, 11),))
    for method in (cpsat_throughput, throughput):
        assert method.solve(problem).status is Status.INFEASIBLE


def test_no_time_gives_a_plan_and_its_gap():
    problem = make_problem(
        3, tasks=40, options=6, devices="disjoint", longest=900, pipeline=True, missing=0.0,
        objective=Measure.PERIOD,
    )  # fmt: skip
    result = solvers.solve(problem, "cpsat", time_limit=0.3)
    assert result.status in (Status.FEASIBLE, Status.OPTIMAL)
    assert 0 <= result.gap < 1
    assert check(problem, result.solution) == []


def test_between_colocated_tasks_of_a_part_lies_only_the_part():
    problem = line((1,) * 5, ((1, 2), (2, 3), (1, 4), (4, 5)), 3)
    graph = Graph(evolve(problem, colocated=(("1", "3"),)))
    joined = units(graph, set(range(5)))
    assert (0, 1, 2) in joined.tasks
    assert len(joined.tasks) == 3


@given(st.lists(st.tuples(*[st.integers(0, 4)] * 3), min_size=1, max_size=80))
def test_fronts_keep_all_that_nothing_is_as_good_as(rows):
    kept = [rows[index] for index in front_of(np.array(rows, dtype=np.int64))]
    assert len(set(kept)) == len(kept)
    assert set(kept) == {
        row
        for row in rows
        if not any(
            other != row and all(a <= b for a, b in zip(other, row, strict=True)) for other in rows
        )
    }


@given(st.lists(st.tuples(*[st.integers(0, 9)] * 3), min_size=1, max_size=80))
def test_fronts_larger_than_their_room_are_given_up(rows):
    costs = np.array(rows, dtype=np.int64)
    count = len(front_of(costs))
    assert len(front_of(costs, room=count)) == count
    with pytest.raises(GivenUp):
        front_of(costs, room=count - 1)


@pytest.mark.parametrize("asked", [1, 2, 50, 500])
@pytest.mark.parametrize("exact", [True, False])
def test_wide_fronts_end_as_soon_as_time_is_over(monkeypatch, asked, exact):
    problem = make_problem(
        1, tasks=60, options=8, shape="tree", longest=900, pipeline=True, missing=0.0,
        objective=Measure.PERIOD,
    )  # fmt: skip
    graph = Graph(problem)
    answers = []

    def over(deadline):
        answers.append(len(answers) + 1 >= asked)
        return answers[-1]

    for module in (fronts, minimal_rows):
        monkeypatch.setattr(module, "over", over)
    most = Most(10**6, None, None, None)
    search = Fronts(graph, undominated(graph))
    found = search.search(10_000, most, exact=exact, deadline=0.0)
    assert (found.choice, found.complete) == (None, False)
    assert (len(answers), answers[-1]) == (asked, True)


def test_pipe_it_balances_neighbours():
    result = pipe_it.solve(line((3, 1, 2, 2), ((1, 2), (2, 3), (3, 4)), 2))
    assert (result.status, result.objective) == (Status.FEASIBLE, 4)
    assert result.solution.stages == (0, 0, 1, 1)


def test_pipe_it_takes_equal_devices_in_their_own_order():
    """Not in that of a set of their names, which is another one in every process."""
    pairs = [(task, task + 1) for task in range(1, 8)]
    result = pipe_it.solve(line((5,) * 8, pairs, 8))
    used = dict.fromkeys(result.solution.choice)
    assert list(used) == [0, 1, 2, 3]


@pytest.mark.parametrize(("together", "period"), [(1, 2), (3, 4)])
def test_pipe_it_merges_stages_while_that_shortens_the_period(together, period):
    problem = line((4, 4), ((1, 2),), 2)
    whole = Device("both", frozenset().union(*(one.resources for one in problem.devices)))
    tasks = tuple(
        evolve(
            task,
            options=(
                *task.options,
                evolve(task.options[0], name="both", device="both", duration=together),
            ),
        )
        for task in problem.tasks
    )
    result = pipe_it.solve(evolve(problem, tasks=tasks, devices=(*problem.devices, whole)))
    assert result.objective == period


def test_the_model_of_pipelines_is_not_for_one_inference():
    with pytest.raises(SolverError, match="is one inference"):
        cpsat_throughput.solve(make_problem(1, tasks=2, options=2))


def test_small_pipelines_need_no_ortools():
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); from random_problems import make_problem; "
        "from bnnplan.planner import solvers; "
        "from bnnplan.planner.problem import Measure; "
        "made = make_problem(3, tasks=6, options=3, pipeline=True, objective=Measure.PERIOD); "
        "assert solvers.solve(made).status == 'optimal'; "
        "assert not any(name.startswith('ortools') for name in sys.modules)"
    )
    folder = str(Path(__file__).parent)
    subprocess.run([sys.executable, "-c", code, folder], check=True)
