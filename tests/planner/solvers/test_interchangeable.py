"""Devices that may take each other's place: no solution is lost, whatever they share."""

import random

import pytest
from attrs import evolve
from random_problems import make_problem

from bnnplan.planner.problem import Device, Measure, Option, Problem, Space, Task
from bnnplan.planner.solvers.cpsat import any_problem as cpsat
from bnnplan.planner.solvers.exact import exhaustive
from bnnplan.planner.solvers.interchangeable import families
from bnnplan.planner.solvers.structure import Graph


def with_twin(seed, *, objective, partly):
    """A problem in which every option on d0 is there on a twin as well; it may share resources."""
    problem = make_problem(
        seed, tasks=4, options=2, objective=objective, pipeline=objective is Measure.PERIOD
    )
    chance = random.Random(seed)
    first, *others = problem.devices
    shared = sorted({one for device in others for one in device.resources})
    some = {one for one in shared if partly and chance.random() < 0.5}
    more = {one for one in shared if partly and chance.random() < 0.5}
    devices = (
        evolve(first, resources=frozenset({"own", *some})),
        *others,
        Device("twin", frozenset({"other", *more}), first.contiguous),
    )
    tasks = tuple(
        evolve(
            task,
            options=(
                *task.options,
                *(
                    evolve(option, name=f"{option.name} twin", device="twin")
                    for option in task.options
                    if option.device == first.name
                ),
            ),
        )
        for task in problem.tasks
    )
    return evolve(problem, devices=devices, tasks=tasks)


@pytest.mark.parametrize("objective", [Measure.PERIOD, Measure.LATENCY])
@pytest.mark.parametrize("partly", [False, True])
def test_equal_devices_lose_no_optimum(objective, partly):
    for seed in range(25):
        problem = with_twin(seed, objective=objective, partly=partly)
        exact, result = exhaustive.solve(problem), cpsat.solve(problem)
        assert (result.status, result.objective) == (exact.status, exact.objective), seed


def test_devices_that_share_with_others_what_their_twin_does_not_are_no_family():
    alike = with_twin(0, objective=Measure.PERIOD, partly=False)
    (family,) = families(Graph(alike))
    assert set(family.devices) == {alike.devices[0].name, "twin"}
    *others, twin = alike.devices
    stolen = evolve(twin, resources=twin.resources | others[1].resources | {"third"})
    third = evolve(others[1], resources=others[1].resources | {"third"})
    apart = evolve(alike, devices=(others[0], third, *others[2:], stolen))
    assert families(Graph(apart)) == []


def test_a_device_that_shares_a_core_with_another_is_not_equal_to_one_that_shares_none():
    def on(device, duration):
        return Option(device, device, duration, (), (), "ram")

    def either(name, duration):
        return Task(name, (on("d0", duration), on("d1", duration)))

    problem = Problem(
        name="shared core",
        tasks=(
            either("t0", 1),
            Task("t1", (on("d2", 5),)),
            Task("t2", (on("d2", 1),)),
            either("t3", 5),
            either("t4", 7),
        ),
        tensors=(),
        edges=(),
        devices=(
            Device("d0", frozenset({"a", "s"})),
            Device("d1", frozenset({"b"})),
            Device("d2", frozenset({"s"})),
        ),
        spaces=(Space("ram"),),
        ports=(),
        objectives=(Measure.PERIOD,),
    )
    assert cpsat.solve(problem).objective == exhaustive.solve(problem).objective == 11
