"""A problem from a file with what a user wishes besides."""

from __future__ import annotations

from attrs import evolve

from bnnplan.planner.plan_errors import InfeasibleError
from bnnplan.planner.problem import Problem, Task
from bnnplan.planner.problem_rules import listed
from bnnplan.planner.request import Names, Request
from bnnplan.planner.solvers.restriction import Allowed, Restriction


def with_request(problem: Problem, request: Request) -> Problem:
    """The problem with the wishes of a request.

    Its objectives, its limits of the same measures and its limit on switches give way to those of
    the request; whatever else both state holds. The confidence is of no use: durations are given.

    Raises
    ------
    RequestError
        If the request names a task, device or memory space that is not there.
    InfeasibleError
        If it leaves a task without any option; with what took them away.
    """
    request.require_names(
        Names([task.name for task in problem.tasks], "task"),
        [device.name for device in problem.devices],
        [space.name for space in problem.spaces],
    )
    limits = {limit.measure: limit for limit in (*problem.limits, *request.limits)}
    return evolve(
        Restriction(problem, _allowed(problem, request)).problem,
        devices=tuple(
            evolve(one, contiguous=one.contiguous or (request.contiguous and bool(one.resources)))
            for one in problem.devices
        ),
        spaces=tuple(
            evolve(space, capacity=request.capacity(space.name, space.capacity))
            for space in problem.spaces
        ),
        objectives=request.objectives,
        limits=tuple(limits.values()),
        colocated=(*problem.colocated, *request.colocated),
        switches=problem.switches if request.switches is None else request.switches,
    )


def _allowed(problem: Problem, request: Request) -> Allowed:
    allowed = tuple(
        tuple(
            index
            for index, option in enumerate(task.options)
            if request.allows(task.name, option.device)
        )
        for task in problem.tasks
    )
    for task, left in zip(problem.tasks, allowed, strict=True):
        if not left:
            raise InfeasibleError(_why_none(task, request))
    return allowed


def _why_none(task: Task, request: Request) -> str:
    able = sorted({option.device for option in task.options})
    pinned = request.pins.get(task.name)
    if pinned is not None:
        return (
            f"task {task.name!r} is pinned to {pinned!r}, on which it has no option; it has some "
            f"on {listed(able)}"
        )
    return f"task {task.name!r} is forbidden on {listed(able)}, and has no option elsewhere"
