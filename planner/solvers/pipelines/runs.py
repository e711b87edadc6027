"""Runs of tasks cut from the order of the graph, each on one device: a start for pipelines."""

from __future__ import annotations

import numpy as np

from bnnplan.planner.solvers.bounds import Kept
from bnnplan.planner.solvers.exact.tables import IMPOSSIBLE, Times
from bnnplan.planner.solvers.heuristics.starts import fastest
from bnnplan.planner.solvers.structure import Graph

MOST_CUTS = 50_000_000
"""Pairs of cuts for each set of devices that are looked at, all in all: about two seconds."""


def balanced_runs(graph: Graph, kept: Kept) -> list[int] | None:
    """Give the runs with the shortest longest one, by the durations of tasks alone.

    Every device takes one run at most, in whatever order of the devices is best. None if there
    is too much to look at, or if tasks fit no run.
    """
    devices = [device for device, resources in graph.resources.items() if resources]
    # What runs on no device with resources is no part of a run.
    tasks = [
        task
        for task in graph.order
        if any(graph.resources[graph.tasks[task].options[index].device] for index in kept[task])
    ]
    if not tasks or len(tasks) ** 2 << len(devices) > MOST_CUTS:
        return None
    choices = [fastest(graph, kept, device=device) for device in devices]
    spans = [
        _spans(graph, tasks, choice, device)
        for device, choice in zip(devices, choices, strict=True)
    ]
    best: dict[int, Times] = {0: np.array([0, *[IMPOSSIBLE] * len(tasks)])}
    came: dict[int, tuple[Times, Times]] = {}
    for used in range(1, 1 << len(devices)):
        last = [device for device in range(len(devices)) if used >> device & 1]
        ways = np.array(
            [np.maximum(best[used ^ 1 << device][:, np.newaxis], spans[device]) for device in last]
        )
        cuts = ways.min(axis=1)
        chosen = cuts.argmin(axis=0)
        best[used] = cuts.min(axis=0)
        begins = ways.argmin(axis=1)[chosen, np.arange(len(tasks) + 1)]
        came[used] = np.array(last)[chosen], begins
    used, end = len(best) - 1, len(tasks)
    if best[used][end] >= IMPOSSIBLE:
        return None
    choice = fastest(graph, kept)
    while used:
        device, begin = int(came[used][0][end]), int(came[used][1][end])
        for task in tasks[begin:end]:
            choice[task] = choices[device][task]
        used, end = used ^ 1 << device, begin
    return choice


def _spans(graph: Graph, tasks: list[int], choice: list[int], device: str) -> Times:
    """Give the ns of the tasks from one place (rows) until before another one (columns)."""
    options = [graph.tasks[task].options[choice[task]] for task in tasks]
    sums = np.cumsum([0, *(option.duration for option in options)])
    without = np.cumsum([0, *(option.device != device for option in options)])
    spans = sums - sums[:, np.newaxis]
    spans[(without - without[:, np.newaxis] > 0) | (spans < 0)] = IMPOSSIBLE
    spans[np.tril_indices(len(sums), -1)] = IMPOSSIBLE
    return spans
