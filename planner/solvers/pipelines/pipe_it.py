"""Pipe-it's search for a pipeline: begin with the finest one, balance it, merge stages.

A stage is a device and a run of the tasks in their order. The finest pipeline has as many stages
as devices can be busy at once, smallest devices first chosen, fastest first in line. Tasks move
across the split between two stages while the longer one of them shrinks. Then two neighbours are
merged, on the device that has the resources of both, if there is one, or on one of theirs, as long
as that shortens the period. As in the source, splits are balanced by the durations of tasks; what
is kept is decided with transfers as well.

Source: Wang, Ananthanarayanan, Zeng, Goel, Pathania, Mitra, "High-throughput CNN inference on
embedded ARM big.LITTLE multicore processors", IEEE TCAD 39(10), 2020 (arXiv 1903.05898), where
stages are numbers of cores of one cluster.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Sequence

from bnnplan.planner.problem import Measure, Problem
from bnnplan.planner.solvers.base import SolverResult
from bnnplan.planner.solvers.features import Feature
from bnnplan.planner.solvers.heuristics.greedy import stated
from bnnplan.planner.solvers.heuristics.starts import fastest
from bnnplan.planner.solvers.interruption import over
from bnnplan.planner.solvers.schedules.flow import Flow
from bnnplan.planner.solvers.structure import Graph

METHOD = "pipe-it"
SUPPORTS = frozenset({Feature.PIPELINE, Feature.EXPORTS, Feature.CONTIGUOUS})
COMPLETE = False
REQUIRES = frozenset({Feature.PIPELINE})

Stages = tuple[str, ...]
"""The devices of a pipeline, in line."""


def solve(
    problem: Problem,
    *,
    time_limit: float = 60.0,
    workers: int = 1,
    seed: int = 0,
    hint: Sequence[int] | None = None,
) -> SolverResult:
    """Give Pipe-it's pipeline; parameters and result as for every `Solver`."""
    started = time.perf_counter()
    graph = Graph(problem)
    choice = pipe_it_choice(graph, started + time_limit)
    return stated(problem, graph, choice, METHOD, started)


def unsuited(graph: Graph) -> str:
    """Tell why the method is not for a problem; empty if it is."""
    is_least = graph.problem.objectives[0] is Measure.PERIOD
    return "" if is_least else "minimises the period alone"


def pipe_it_choice(graph: Graph, deadline: float) -> list[int]:
    """Give Pipe-it's choice, whether it keeps limits or not.

    At `deadline` (of ``time.perf_counter``) it is the best so far.
    """
    return _Line(graph, deadline).best()


class _Line:
    """Pipelines of one order of the tasks."""

    def __init__(self, graph: Graph, deadline: float) -> None:
        self.graph = graph
        self.deadline = deadline
        everything = [range(len(task.options)) for task in graph.tasks]
        self.choices = {
            device: fastest(graph, everything, device=device) for device in graph.resources
        }
        # What runs on no device with resources takes no part.
        self.order = [
            task
            for task in graph.order
            if any(graph.resources[option.device] for option in graph.tasks[task].options)
        ]
        self.sums = {device: self._sums(choice, device) for device, choice in self.choices.items()}

    def _sums(self, choice: Sequence[int], device: str) -> list[tuple[int, int]]:
        """Sum, before each place: tasks that cannot run on a device, and durations there."""
        sums = [(0, 0)]
        for task in self.order:
            option = self.graph.tasks[task].options[choice[task]]
            impossible, span = sums[-1]
            sums.append((impossible + (option.device != device), span + option.duration))
        return sums

    def best(self) -> list[int]:
        """Merge stages as long as that shortens the period; give the choice."""
        stages = self._finest()
        period, choice = self._tried(stages)
        improved = True
        while improved and not over(self.deadline):
            improved = False
            tried = [(*self._tried(merged), merged) for merged in self._merged(stages)]
            if tried:
                found = min(tried, key=lambda one: one[0])
                if found[0] < period:
                    (period, choice, stages), improved = found, True
        return choice

    def _finest(self) -> Stages:
        """Choose the smallest devices that can be busy at once, the fastest first in line."""
        resources = self.graph.resources
        chosen: list[str] = []
        busy: set[str] = set()
        runs = {option.device for task in self.order for option in self.graph.tasks[task].options}
        # In their own order where they are equally small, not in that of a set.
        for device in sorted(resources, key=lambda one: len(resources[one])):
            if device in runs and resources[device] and busy.isdisjoint(resources[device]):
                chosen.append(device)
                busy |= resources[device]
        return tuple(sorted(chosen, key=lambda device: self._total(device)))

    def _total(self, device: str) -> float:
        """Sum what the tasks take on a device, of those that it can run."""
        options = [
            self.graph.tasks[task].options[self.choices[device][task]] for task in self.order
        ]
        mine = [option.duration for option in options if option.device == device]
        return sum(mine) / len(mine)

    def _merged(self, stages: Stages) -> Iterator[Stages]:
        resources = self.graph.resources
        for place in range(len(stages) - 1):
            both = resources[stages[place]] | resources[stages[place + 1]]
            larger = [device for device, its in resources.items() if its == both]
            for device in (*larger, stages[place], stages[place + 1]):
                yield (*stages[:place], device, *stages[place + 2 :])

    def _tried(self, stages: Stages) -> tuple[float, list[int]]:
        """Balance a pipeline; give its period, transfers included, and the choice."""
        choice = fastest(self.graph, [range(len(task.options)) for task in self.graph.tasks])
        splits = self._balanced(stages)
        for device, (first, last) in zip(stages, itertools.pairwise(splits), strict=True):
            for task in self.order[first:last]:
                choice[task] = self.choices[device][task]
        options = [
            task.options[index] for task, index in zip(self.graph.tasks, choice, strict=True)
        ]
        flow = Flow(self.graph, options)
        possible = flow.possible and self._longest(stages, splits) < float("inf")
        return (flow.period() if possible else float("inf")), choice

    def _longest(self, stages: Stages, splits: Sequence[int]) -> float:
        return max(
            (self._load(device, *span)
             for device, span in zip(stages, itertools.pairwise(splits), strict=True)),
            default=0.0,
        )  # fmt: skip

    def _load(self, device: str, first: int, last: int) -> float:
        """Give the ns of the tasks from one place to before another."""
        (without, before), (impossible, span) = self.sums[device][first], self.sums[device][last]
        return float("inf") if impossible > without else span - before

    def _balanced(self, stages: Stages) -> list[int]:
        """Move splits, from all tasks on the first stage, while that shortens two neighbours."""
        splits = [0, *[len(self.order)] * len(stages)]
        moved = True
        while moved and not over(self.deadline):
            moved = False
            for place in range(1, len(stages)):
                found = self._split(stages, splits, place)
                if found != splits[place]:
                    splits[place], moved = found, True
        return splits

    def _split(self, stages: Stages, splits: Sequence[int], place: int) -> int:
        """Give the split of two neighbours with the least longer stage, as it is if it is one."""
        first, last = splits[place - 1], splits[place + 1]

        def longer(split: int) -> float:
            return max(
                self._load(stages[place - 1], first, split),
                self._load(stages[place], split, last),
            )

        best = min(range(first, last + 1), key=longer)
        return best if longer(best) < longer(splits[place]) else splits[place]
