"""What a plan says of memory is what running it allocates, also where memory is scarce."""

import itertools

import attrs
import pytest
from made_up import made_up_profile
from networks import branches, chain

from bnnplan.backends.interface import Backend
from bnnplan.backends.reference import ReferenceBackend
from bnnplan.planner import arena
from bnnplan.planner.execution.memory import footprint
from bnnplan.planner.execution.workbench import Workbench
from bnnplan.planner.planning import find_plan
from bnnplan.planner.problem import Measure
from bnnplan.planner.request import Request
from bnnplan.planner.trials.exactness import Reference, make_runner


@pytest.fixture(autouse=True)
def fresh():
    """Layouts are remembered; these tests change how they are made."""
    arena.lay_out.cache_clear()
    yield
    arena.lay_out.cache_clear()


@pytest.fixture(scope="module", params=[chain, branches])
def case(request, two_references):
    network = request.param()
    return network, made_up_profile(two_references, network)


def extent(runner, space):
    """From the first byte of the tensors of a space to the last one."""
    arrays = [buffer.array for place, buffer in runner.buffers.items() if place[1] == space]
    starts = [array.ctypes.data for array in arrays]
    return max(s + a.nbytes for s, a in zip(starts, arrays, strict=True)) - min(starts)


def assert_runs_as_planned(network, plan):
    """The plan runs, is exact, and holds what it says."""
    bench = Workbench(network, plan.board, plan.batch)
    runner = make_runner(bench, plan)
    Reference(bench, 0).compare(runner)
    planned = {row.space: row for row in plan.memory}
    for row in footprint(runner):
        told = planned[row.space]
        assert attrs.evolve(row, predicted_bytes=told.predicted_bytes) == told
        assert extent(runner, row.space) <= row.activation_bytes
    return planned


def test_plans_hold_what_they_say(case):
    network, profile = case
    for objective in (Measure.LATENCY, Measure.MEMORY, Measure.PERIOD):
        request = Request(objectives=[objective])
        plan = find_plan(network, profile, request=request, source=network.name)
        assert_runs_as_planned(network, plan)


def test_a_capacity_that_is_just_enough_is_kept(case):
    network, profile = case
    free = find_plan(network, profile, source=network.name)
    needed = {row.space: row.allocated_bytes for row in free.memory}
    request = Request(memory={"host": 0, "far": 0} | needed)
    plan = find_plan(network, profile, request=request, source=network.name)
    planned = assert_runs_as_planned(network, plan)
    assert {space: row.allocated_bytes for space, row in planned.items()} == needed


def test_offsets_are_searched_for_where_quick_ones_do_not_fit(case, monkeypatch):
    network, profile = case
    board = attrs.evolve(profile.board, devices=profile.board.devices[:1])
    profile = attrs.evolve(
        profile,
        board=board,
        layers={
            name: attrs.evolve(
                costs, placements=[c for c in costs.placements if c.device == board.devices[0].name]
            )
            for name, costs in profile.layers.items()
        },
    )
    stacked = lambda sizes, *_: [0, *itertools.accumulate(-(-s // 64) * 64 for s in sizes)][:-1]  # noqa: E731
    monkeypatch.setattr(arena, "fitted", stacked)
    monkeypatch.setattr(arena, "TOTALS", 0)
    (free,) = find_plan(network, profile, source=network.name).memory
    # As much as is alive at once, and no more than alignment takes beside it.
    room = free.allocated_bytes - free.activation_bytes + free.alive_bytes + 128
    assert room < free.allocated_bytes
    plan = find_plan(network, profile, request=Request(memory={"host": room}), source=network.name)
    planned = assert_runs_as_planned(network, plan)
    assert planned["host"].allocated_bytes <= room


def test_plans_know_the_alignment_of_a_device(case, monkeypatch):
    network, profile = case
    tight = find_plan(network, profile, source=network.name)
    monkeypatch.setattr(ReferenceBackend, "alignment", lambda self, device: 4096)
    plan = find_plan(network, profile, source=network.name)
    assert_runs_as_planned(network, plan)
    assert sum(r.activation_bytes for r in plan.memory) > sum(
        r.activation_bytes for r in tight.memory
    )


def test_plans_know_which_backends_have_no_arenas(case, monkeypatch):
    network, profile = case
    monkeypatch.setattr(ReferenceBackend, "allocate_arena", Backend.allocate_arena)
    plan = find_plan(network, profile, source=network.name)
    bench = Workbench(network, plan.board)
    for row, planned in zip(footprint(make_runner(bench, plan)), plan.memory, strict=True):
        assert row.activation_bytes == planned.activation_bytes


def test_a_board_out_of_reach_is_planned_as_most_devices_are(case):
    network, profile = case
    here = find_plan(network, profile, source=network.name)
    away = attrs.evolve(
        profile,
        board=attrs.evolve(
            profile.board,
            devices=[attrs.evolve(d, backend="elsewhere") for d in profile.board.devices],
        ),
    )
    assert find_plan(network, away, source=network.name).memory == here.memory
