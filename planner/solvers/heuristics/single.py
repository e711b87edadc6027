"""Baselines: everything on one device, and everything in one configuration."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial

from bnnplan.planner.problem import Option, Problem
from bnnplan.planner.problem_rules import listed
from bnnplan.planner.solvers.base import SolverResult
from bnnplan.planner.solvers.bounds import Kept
from bnnplan.planner.solvers.features import EVERYTHING
from bnnplan.planner.solvers.heuristics.greedy import stated
from bnnplan.planner.solvers.heuristics.list_scheduling import fitting, improve
from bnnplan.planner.solvers.heuristics.starts import fastest
from bnnplan.planner.solvers.presolve import undominated
from bnnplan.planner.solvers.structure import Graph

METHOD = "single-device"
SUPPORTS = EVERYTHING
COMPLETE = False
GROUP_METHOD = "single-configuration"


def solve(
    problem: Problem,
    *,
    time_limit: float = 1.0,
    workers: int = 1,
    seed: int = 0,
    hint: Sequence[int] | None = None,
) -> SolverResult:
    """Give the best single device; parameters and result as for every `Solver`."""
    results = single_devices(problem, time_limit=time_limit)
    assert results, "no device with resources, see unsuited"
    return min(results.values(), key=lambda one: (one.objective is None, one.objective or 0))


def unsuited(graph: Graph) -> str:
    """Tell why the method is not for a problem; empty if it is."""
    return "" if any(graph.resources.values()) else "needs a device with resources"


def single_devices(problem: Problem, *, time_limit: float = 1.0) -> dict[str, SolverResult]:
    """Give the plan of each device that occupies resources, by device name.

    Each task takes its fastest option there, improved by local search where the ports of one
    device differ. What the device cannot run falls to the fastest other option, and the message
    of the result names it.
    """
    graph = Graph(problem)
    names = [name for name, resources in graph.resources.items() if resources]
    return {
        name: _restricted(
            graph, partial(_on_device, name),
            f"{METHOD} {name}", time_limit / len(names),
        )
        for name in names
    }  # fmt: skip


def single_groups(problem: Problem, *, time_limit: float = 1.0) -> dict[str, SolverResult]:
    """Give the plan of each group label over all tasks, by label, as for `single_devices`."""
    graph = Graph(problem)
    names = dict.fromkeys(option.group for task in graph.tasks for option in task.options)
    names.pop("", None)
    return {
        name: _restricted(
            graph, partial(_in_group, name),
            f"{GROUP_METHOD} {name}", time_limit / len(names),
        )
        for name in names
    }  # fmt: skip


def _on_device(name: str, option: Option) -> bool:
    return option.device == name


def _in_group(name: str, option: Option) -> bool:
    return option.group == name


def _restricted(
    graph: Graph, wanted: Callable[[Option], bool], method: str, time_limit: float
) -> SolverResult:
    """Plan with the wanted options wherever a task has one."""
    kept: list[Sequence[int]] = []
    fallen = []
    for task, useful in zip(graph.tasks, undominated(graph), strict=True):
        indices = [index for index, option in enumerate(task.options) if wanted(option)]
        if not indices:
            indices = useful
            if any(graph.resources[option.device] for option in task.options):
                fallen.append(task.name)
        kept.append(indices)
    message = f"runs elsewhere: {listed(fallen)}" if fallen else ""
    return within(graph, kept, method, time_limit, message)


def within(
    graph: Graph, kept: Kept, method: str, time_limit: float, message: str = ""
) -> SolverResult:
    """Give each task the fastest of its options in `kept`, improved by local search."""
    started = time.perf_counter()
    choice: Sequence[int] = fastest(graph, kept)
    start = fitting(graph, choice)
    if start is not None:
        choice = improve(graph, start, kept, deadline=started + time_limit).choice
    return stated(graph.problem, graph, choice, method, started, message)
