"""What a change of a plan comes to, and which part of it costs how much."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import field, frozen

from bnnplan.planner.explanation.situation import Situation
from bnnplan.planner.problem import Measure
from bnnplan.planner.solution import Solution
from bnnplan.planner.solvers.insight.alternatives import Outcome, best_outcome, chosen_anew
from bnnplan.planner.solvers.insight.breakdown import TASKS, breakdown
from bnnplan.planner.solvers.structure import Graph

LAYER, OTHERS = "layer itself", "other layers"

Ways = Mapping[str, Sequence[str]]
"""The names of the options that are left, by name of task, of the tasks that may not take all."""


@frozen
class Change:
    """What a changed plan would be.

    Parameters
    ----------
    value : int or None
        Of the first objective; None if the change is not allowed, or nothing was found.
    difference : int or None
        How much more that is than the plan's own value.
    bound : int or None
        No plan with the change is below; None where that is not known.
    parts : mapping of str to int
        What the difference is made of.
    reasons : tuple of str
        Why the change is not allowed.
    """

    value: int | None
    difference: int | None
    bound: int | None = None
    parts: Mapping[str, int] = field(factory=dict)
    reasons: tuple[str, ...] = ()

    @property
    def proven(self) -> bool:
        """Whether it is certain that no plan with the change is better."""
        if self.value is None:
            return bool(self.reasons)
        return self.bound is not None and self.bound >= self.value


def change_of(
    situation: Situation, graph: Graph, outcome: Outcome, layer: str | None = None
) -> Change:
    """State an outcome in one of the problems against the plan.

    Parameters
    ----------
    situation : Situation
    graph : Graph
        Of the problem of the outcome.
    outcome : Outcome
    layer : str, optional
        The layer that was changed: what it takes itself is a part of its own.
    """
    if outcome.objective is None or outcome.solution is None:
        return Change(None, None, outcome.bound, reasons=outcome.reasons)
    present, measure = situation.present, situation.measure
    before = dict(breakdown(situation.home.graph, present, measure))
    after = dict(breakdown(graph, outcome.solution, measure))
    parts = {
        name: after.get(name, 0) - before.get(name, 0) for name in dict.fromkeys([*before, *after])
    }
    if layer is not None and measure in (Measure.LATENCY, Measure.ENERGY):
        task = situation.task(layer)
        own = _own(graph, outcome.solution, task, measure)
        own -= _own(situation.home.graph, present, task, measure)
        parts = {LAYER: own, OTHERS: parts.pop(TASKS, 0) - own, **parts}
    return Change(
        outcome.objective,
        outcome.objective - present.objective,
        outcome.bound,
        {name: part for name, part in parts.items() if part},
    )


def _own(graph: Graph, solution: Solution, task: int, measure: Measure) -> int:
    option = graph.tasks[task].options[solution.choice[task]]
    return option.energy if measure is Measure.ENERGY else option.duration


def anew(
    situation: Situation,
    ways: Ways,
    *,
    time_limit: float,
    workers: int = 1,
    seed: int = 0,
    layer: str | None = None,
) -> Change:
    """The best plan with only some of the options of some tasks, under any limit on threads."""
    positions = []
    for setting in situation.settings:
        left = {}
        for number, task in enumerate(setting.graph.tasks):
            if task.name in ways:
                left[number] = [
                    index
                    for index, option in enumerate(task.options)
                    if option.name in ways[task.name]
                ]
        if all(left.values()):
            positions.append((setting, left))
    if not positions:
        return Change(None, None, reasons=("the request leaves no such placement",))
    outcomes = [
        chosen_anew(
            setting.graph,
            left,
            setting.present,
            time_limit=time_limit / len(positions),
            workers=workers,
            seed=seed,
        )
        for setting, left in positions
    ]
    best = best_outcome(outcomes)
    bounds = [one.bound for one in outcomes if not one.impossible]
    bound = None if None in bounds else min((b for b in bounds if b is not None), default=None)
    found = Outcome(outcomes[best].solution, bound, outcomes[best].reasons)
    return change_of(situation, positions[best][0].graph, found, layer)
