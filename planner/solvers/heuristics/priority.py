"""Placement by priority: each device in turn takes every task that it supports.

The order is that of the devices of the problem. What one device takes makes up subgraphs, each as
large as it can be; costs are not looked at, but for the fastest options of a device. Limits and
groups are not looked at either: the result says so if one is not kept.

Sources: the HETERO plugin of OpenVINO, which gives each operation to the first of the listed
devices that supports it, and the execution providers of ONNX Runtime, which claim nodes in the
order in which they are registered.
"""

from __future__ import annotations

from collections.abc import Sequence

from bnnplan.planner.problem import Problem
from bnnplan.planner.solvers.base import SolverResult
from bnnplan.planner.solvers.features import EVERYTHING
from bnnplan.planner.solvers.heuristics.single import within
from bnnplan.planner.solvers.structure import Graph

METHOD = "priority"
SUPPORTS = EVERYTHING
COMPLETE = False


def solve(
    problem: Problem,
    *,
    time_limit: float = 1.0,
    workers: int = 1,
    seed: int = 0,
    hint: Sequence[int] | None = None,
) -> SolverResult:
    """Give the placement by priority; parameters and result as for every `Solver`."""
    graph = Graph(problem)
    rank = {device.name: place for place, device in enumerate(problem.devices)}
    kept = []
    for task in graph.tasks:
        first = min((option.device for option in task.options), key=rank.__getitem__)
        kept.append([i for i, option in enumerate(task.options) if option.device == first])
    return within(graph, kept, METHOD, time_limit)
