"""The checker finds every rule that a solution breaks."""

import random

import pytest
from attrs import evolve
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from random_problems import wishful
from small_problems import BRANCHES, FAST, branches

from bnnplan.planner.problem import (
    Device,
    Limit,
    Measure,
    Port,
    Space,
    TensorSize,
    Transfer,
)
from bnnplan.planner.solution import ScheduledTransfer, ViolationCode
from bnnplan.planner.solvers import check, evaluate, solve
from bnnplan.planner.solvers.base import SolverError, SolverResult, Status, verified
from bnnplan.planner.solvers.checking.checker import measures, memory_peaks
from bnnplan.planner.solvers.checking.choice import Chosen
from bnnplan.planner.solvers.heuristics import list_scheduling

MANY = settings(max_examples=60, deadline=None)


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


def test_figures_have_units(solution):
    wide = evolve(
        BRANCHES,
        limits=(Limit(Measure.LATENCY, 10), Limit(Measure.ENERGY, 2_000_000)),
        tasks=tuple(
            evolve(
                task,
                options=tuple(
                    evolve(option, weight_bytes=20_000, energy=600_000) for option in task.options
                ),
            )
            for task in BRANCHES.tasks
        ),
        spaces=(Space("ram", 2**15), Space("vram")),
    )
    peak = memory_peaks(wide, solution)["ram"]
    assert [fault.message for fault in check(wide, solution)] == [
        f"space 'ram' needs 58.6 KiB ({peak} B) and has 32.0 KiB (32768 B): "
        f"26.6 KiB ({peak - 2**15} B) too little",
        f"latency is {solution.objective} ns, above the limit of 10 ns",
        "energy is 2.40 mJ (2400000 nJ), above the limit of 2.00 mJ (2000000 nJ)",
    ]


def test_objective(solution):
    broken = evolve(solution, objective=solution.objective - 1)
    assert codes(BRANCHES, broken) == {ViolationCode.OBJECTIVE}


@st.composite
def solved(draw, **given):
    """Draw a problem with any wishes, a right solution of it, and a source of randomness."""
    problem = draw(wishful(**given))
    solution = list_scheduling.solve(problem).solution
    assume(solution is not None)
    assert check(problem, solution) == []
    return problem, solution, random.Random(draw(st.integers(0, 2**32)))


def changed(values, rng, **new):
    """Change one of `values` (transfers, exports); functions give the new attributes from it."""
    index = rng.randrange(len(values))
    fields = {name: make(values[index]) for name, make in new.items()}
    return with_item(values, index, evolve(values[index], **fields))


@MANY
@given(solved())
def test_no_change_of_an_end_goes_unseen(drawn):
    problem, solution, rng = drawn
    step = rng.choice((-2, -1, 1, 2))
    task = rng.randrange(len(problem.tasks))
    ends = with_item(solution.ends, task, solution.ends[task] + step)
    assert ViolationCode.DURATION in codes(problem, evolve(solution, ends=ends))
    for name in ("transfers", "exports"):
        if values := getattr(solution, name):
            moved = changed(values, rng, end=lambda one: one.end + step)
            assert ViolationCode.DURATION in codes(problem, evolve(solution, **{name: moved}))


@MANY
@given(solved(exports=True))
def test_no_change_of_transfers_and_exports_goes_unseen(drawn):
    problem, solution, rng = drawn
    for name, missing, surplus, wrong, field in (
        (
            "transfers", ViolationCode.TRANSFER_MISSING, ViolationCode.TRANSFER_SURPLUS,
            ViolationCode.TRANSFER_IMPOSSIBLE, "source",
        ),
        ("exports", *[ViolationCode.EXPORT] * 3, "port"),
    ):  # fmt: skip
        if not (values := getattr(solution, name)):
            continue
        index = rng.randrange(len(values))
        fewer = values[:index] + values[index + 1 :]
        assert missing in codes(problem, evolve(solution, **{name: fewer}))
        more = (*values, values[index])
        assert surplus in codes(problem, evolve(solution, **{name: more}))
        other = changed(values, rng, **{field: lambda one: getattr(one, field) + "?"})  # noqa: B023
        assert wrong in codes(problem, evolve(solution, **{name: other}))


def moved_to(problem, solution, key, start):
    """Give a solution where one activity of the checker starts at another time."""
    if len(key) == 1:
        task = [one.name for one in problem.tasks].index(key[0])
        end = solution.ends[task] - solution.starts[task] + start
        return evolve(
            solution,
            starts=with_item(solution.starts, task, start),
            ends=with_item(solution.ends, task, end),
        )
    name = "transfers" if len(key) == 2 else "exports"
    return evolve(
        solution,
        **{
            name: tuple(
                evolve(one, start=start, end=one.end - one.start + start)
                if (one.tensor, getattr(one, "target", key[1])) == key[:2]
                else one
                for one in getattr(solution, name)
            )
        },
    )


def times(problem, solution):
    """Give start and end of every activity of a right solution, by the keys of the checker."""
    found = {
        (task.name,): span
        for task, *span in zip(problem.tasks, solution.starts, solution.ends, strict=True)
    }
    found |= {(one.tensor, one.target): [one.start, one.end] for one in solution.transfers}
    found |= {(one.tensor, one.port, "export"): [one.start, one.end] for one in solution.exports}
    return found


@MANY
@given(solved(pipeline=False, tasks=5))
def test_nothing_starts_before_what_it_waits_for(drawn):
    problem, solution, _ = drawn
    spans = times(problem, solution)
    for key, activity in Chosen(problem, solution.choice).activities.items():
        if (ready := max((spans[other][1] for other in activity.after), default=0)) > 0:
            early = moved_to(problem, solution, key, ready - 1)
            assert ViolationCode.PRECEDENCE in codes(problem, early)


@MANY
@given(solved(pipeline=False, tasks=5))
def test_nothing_overlaps_on_a_resource(drawn):
    problem, solution, _ = drawn
    spans = times(problem, solution)
    activities = Chosen(problem, solution.choice).activities
    for key, activity in activities.items():
        for other, (start, end) in spans.items():
            shared = activity.resources & activities[other].resources
            if key != other and shared and activity.duration and start < end:
                broken = moved_to(problem, solution, key, start)
                assert ViolationCode.RESOURCE_OVERLAP in codes(problem, broken)


@MANY
@given(solved(pipeline=False, contiguous=True, tasks=5))
def test_a_part_is_alone_and_gives_at_its_end(drawn):
    problem, solution, _ = drawn
    spans = times(problem, solution)
    chosen = Chosen(problem, solution.choice)
    for device, part in chosen.parts.items():
        last = max(spans[key][1] for key in part)
        first = min(spans[key][0] for key in part)
        made = {tensor.name for tensor in problem.tensors if chosen.device(tensor.source) == device}
        later = {name for name in chosen.needed if name[0] in made} - part
        later |= {
            (reader,)
            for (name, _), readers in chosen.readers.items()
            for reader in readers
            if name in made and chosen.device(reader) != device
        }
        if last > 0:
            for key in later:
                broken = moved_to(problem, solution, key, last - 1)
                assert ViolationCode.CONTIGUITY in codes(problem, broken)
        for key in chosen.activities.keys() - part:
            activity = chosen.activities[key]
            if first < last and activity.duration and activity.resources & chosen.resources[device]:
                broken = moved_to(problem, solution, key, first)
                assert ViolationCode.CONTIGUITY in codes(problem, broken)


def contiguous(*names, **given):
    problem = branches(**given)
    devices = tuple(evolve(d, contiguous=d.name in names) for d in problem.devices)
    return evolve(problem, devices=devices)


def test_a_part_does_not_wait_for_what_waits_for_it(solution):
    """The cpu runs head, left and tail, but tail waits for the gpu, which waits for head."""
    assert codes(contiguous("cpu"), solution) == {ViolationCode.CONTIGUITY}
    assert codes(contiguous("gpu"), solution) == set()


def test_a_part_begins_when_all_it_reads_is_there():
    """Tail on a device of its own reads left and right; its first transfer waits for both."""
    problem = branches()
    tail = problem.tasks[3]
    own = evolve(tail.options[0], device="npu", input_ports=("npu", "npu"), space="vram")
    tensors = tuple(
        evolve(
            tensor,
            sizes=(*tensor.sizes, TensorSize("npu", 8)),
            transfers=(Transfer("host", "npu", 4, frozenset({"npu"})), *tensor.transfers),
        )
        for tensor in problem.tensors
    )
    problem = evolve(
        problem,
        tasks=(*problem.tasks[:3], evolve(tail, options=(own,))),
        tensors=tensors,
        devices=(*problem.devices, Device("npu", frozenset({"npu"}), contiguous=True)),
        ports=(*problem.ports, Port("npu", "vram")),
    )
    right = evaluate(problem, (0, 0, 0, 0))
    assert [move.start for move in right.transfers] == [300, 304]
    assert codes(problem, right) == set()
    early = evolve(right.transfers[0], start=200, end=204)
    broken = evolve(right, transfers=(early, right.transfers[1]))
    assert codes(problem, broken) == {ViolationCode.CONTIGUITY}


@MANY
@given(solved(pipeline=True))
def test_the_choice_decides_everything_of_a_pipeline(drawn):
    problem, solution, rng = drawn
    step = rng.choice((-1, 1))
    assert ViolationCode.PERIOD in codes(problem, evolve(solution, period=solution.period + step))
    assert ViolationCode.PERIOD in codes(problem, evolve(solution, period=None))
    task = rng.randrange(len(problem.tasks))
    stages = with_item(solution.stages, task, solution.stages[task] + step)
    assert ViolationCode.PERIOD in codes(problem, evolve(solution, stages=stages))
    for key, (start, _) in times(problem, solution).items():
        broken = moved_to(problem, solution, key, start + step)
        assert ViolationCode.PRECEDENCE in codes(problem, broken)


@MANY
@given(solved(pipeline=False))
def test_one_inference_has_no_period(drawn):
    problem, solution, _ = drawn
    assert codes(problem, evolve(solution, period=1)) == {ViolationCode.PERIOD}
    stages = (0,) * len(problem.tasks)
    assert codes(problem, evolve(solution, stages=stages)) == {ViolationCode.PERIOD}


@MANY
@given(solved(limits=False))
def test_limits_hold_to_the_last_unit(drawn):
    problem, solution, _ = drawn
    # A limit on the period would make another problem of one inference.
    others = tuple(limit for limit in problem.limits if limit.measure is Measure.PERIOD)
    for measure, value in measures(problem, solution).items():
        kept = tuple(limit for limit in others if limit.measure is not measure)
        for most, wanted in ((value, set()), (value - 1, {ViolationCode.LIMIT})):
            if most >= 0:
                limited = evolve(problem, limits=(*kept, Limit(measure, most)))
                assert codes(limited, solution) == wanted


@MANY
@given(solved())
def test_spaces_hold_to_the_last_byte(drawn):
    problem, solution, _ = drawn
    for name, peak in memory_peaks(problem, solution).items():
        for capacity, wanted in ((peak, set()), (peak - 1, {ViolationCode.MEMORY})):
            if capacity >= 0:
                spaces = tuple(
                    evolve(space, capacity=capacity if space.name == name else None)
                    for space in problem.spaces
                )
                assert codes(evolve(problem, spaces=spaces), solution) == wanted


@MANY
@given(solved())
def test_groups_and_switches_are_counted(drawn):
    problem, solution, _ = drawn
    devices = {
        task.name: task.options[index].device
        for task, index in zip(problem.tasks, solution.choice, strict=True)
    }
    group = tuple(devices)
    wanted = {ViolationCode.COLOCATION} if len(set(devices.values())) > 1 else set()
    assert codes(evolve(problem, colocated=(group,)), solution) == wanted
    busy = {device.name for device in problem.devices if device.resources}
    maker = {tensor.name: devices[tensor.source] for tensor in problem.tensors}
    ends = [(maker[edge.tensor], devices[edge.target]) for edge in problem.edges]
    switches = sum(a != b and {a, b} <= busy for a, b in ends)
    assert codes(evolve(problem, switches=switches), solution) == set()
    if switches:
        fewer = evolve(problem, switches=switches - 1)
        assert codes(fewer, solution) == {ViolationCode.SWITCHES}


@MANY
@given(solved())
def test_the_objective_is_the_first_measure(drawn):
    problem, solution, rng = drawn
    broken = evolve(solution, objective=solution.objective + rng.choice((-1, 1)))
    assert codes(problem, broken) == {ViolationCode.OBJECTIVE}


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


@pytest.mark.parametrize(
    ("measure", "unit"),
    [(Measure.LATENCY, "ns"), (Measure.ENERGY, "nJ"), (Measure.MEMORY, "B")],
)
def test_a_wrong_value_is_told_in_the_unit_of_its_measure(measure, unit):
    problem = evolve(BRANCHES, objectives=(measure,))
    found = solve(problem).solution
    wrong = SolverResult(Status.OPTIMAL, found, found.objective + 1, None, 0.0, "mine")
    with pytest.raises(SolverError, match=rf"states .*{unit}\b.* for .*{unit}\b"):
        verified(problem, wrong)
