"""Pipelines made better by changing one task, or two at once."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Sequence

from bnnplan.planner.problem import Measure
from bnnplan.planner.solvers.bounds import Kept
from bnnplan.planner.solvers.interruption import over
from bnnplan.planner.solvers.schedules.flow import Flow
from bnnplan.planner.solvers.structure import Graph

Value = tuple[int, int]
"""The period, and how uneven the loads are: what is even can be moved further."""


def only_period(graph: Graph) -> bool:
    """Tell whether a choice is as good as its period is short, whatever it is."""
    problem = graph.problem
    return (
        problem.objectives[0] is Measure.PERIOD
        and not problem.limits
        and problem.switches is None
        and not (graph.contiguous or graph.colocated or graph.capacity)
    )


def improved(
    graph: Graph, kept: Kept, choice: Sequence[int], tries: int, deadline: float
) -> list[int]:
    """Give a choice that no change of one or two tasks improves, or the best after `tries`.

    Or the best at `deadline` (of ``time.perf_counter``).
    Only the period counts: the problem has to be one of `only_period`.
    """
    search = _Search(graph, kept, choice, tries, deadline)
    while search.single() or search.double():
        pass
    return search.choice


class _Search:
    def __init__(
        self, graph: Graph, kept: Kept, choice: Sequence[int], tries: int, deadline: float
    ) -> None:
        self.graph = graph
        self.kept = kept
        self.choice = [*choice]
        self.tries = tries
        self.deadline = deadline
        self.value = self._value(self.choice)

    def _is_over(self) -> bool:
        return self.tries <= 0 or over(self.deadline)

    def single(self) -> bool:
        """Change one task after the other; tell whether any change was for the better."""
        better = False
        for task in self.graph.order:
            if self._is_over():
                return False
            for index in self.kept[task]:
                better |= self._try({task: index})
        return better

    def double(self) -> bool:
        """Change two tasks at once, until that is for the better; tell whether it was."""
        for first, second in itertools.combinations(self.graph.order, 2):
            if self._is_over():
                return False
            for one, other in itertools.product(self.kept[first], self.kept[second]):
                both = one != self.choice[first] and other != self.choice[second]
                if both and self._try({first: one, second: other}):
                    return True
        return False

    def _try(self, change: dict[int, int]) -> bool:
        changed = [*self.choice]
        for task, index in change.items():
            changed[task] = index
        if changed == self.choice or self.tries <= 0:
            return False
        self.tries -= 1
        value = self._value(changed)
        if value is None or (self.value is not None and value >= self.value):
            return False
        self.choice, self.value = changed, value
        return True

    def _value(self, choice: Sequence[int]) -> Value | None:
        """Give what a choice is worth; None if it needs an impossible transfer."""
        tasks = self.graph.tasks
        flow = Flow(
            self.graph, [task.options[index] for task, index in zip(tasks, choice, strict=True)]
        )
        if not flow.possible:
            return None
        loads: dict[str, int] = defaultdict(int)
        for duration, busy in zip(flow.durations, flow.resources, strict=True):
            for resource in busy:
                loads[resource] += duration
        return flow.period(), sum(load * load for load in loads.values())
