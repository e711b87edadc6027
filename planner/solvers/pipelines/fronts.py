"""One search over fronts of costs: partial choices by frontier, all that no other one is below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from attrs import frozen

from bnnplan.planner.problem import Measure
from bnnplan.planner.solvers.bounds import Kept
from bnnplan.planner.solvers.exact.tables import Times
from bnnplan.planner.solvers.interruption import over
from bnnplan.planner.solvers.pipelines.frontiers import (
    EXPORTED,
    MADE,
    Frontier,
    Step,
    Steps,
    Stored,
)
from bnnplan.planner.solvers.pipelines.minimal_rows import GivenUp, front_of
from bnnplan.planner.solvers.schedules.loads import (
    binding_resources,
    durations,
    good_weights,
    least_period,
    within,
)
from bnnplan.planner.solvers.structure import Graph

Busy = tuple[Times, bool, frozenset[str]]
"""Stages by partial choice of something that happens, whether it separates stages, and where."""


@frozen
class Most:
    """The largest values that are worth finding; None where anything is."""

    period: int
    latency: int | None
    energy: int | None
    switches: int | None


@frozen
class Found:
    """What a search found.

    Attributes
    ----------
    choice : list of int or None
        The best one.
    complete : bool
        Whether nothing was left out that might be better.
    """

    choice: list[int] | None
    complete: bool


@frozen
class _Front:
    """Partial choices with one frontier.

    Attributes
    ----------
    frontier : Frontier
    costs : array, one row a partial choice
        Loads, the longest move without resources, energy, switches, stages so far; then the stage
        of everything that the frontier has.
    came : array, one row a partial choice
        Number of the front before, row there, and option.
    """

    frontier: Frontier
    costs: Times
    came: npt.NDArray[np.int64]


class Fronts:
    """Searches for the best choice for one pipeline.

    Parameters
    ----------
    graph, kept
        The problem, and the options that are left of it.
    """

    def __init__(self, graph: Graph, kept: Kept) -> None:
        self.graph = graph
        self.kept = kept
        self.measure = graph.problem.objectives[0]
        limits = {limit.measure for limit in graph.problem.limits}
        self.staged = Measure.LATENCY in {self.measure, *limits}
        self.powered = Measure.ENERGY in {self.measure, *limits}
        self.steps = Steps(graph)
        self.least = least_period(graph, kept)
        self.resources = binding_resources(graph, kept, self.least)
        self.column = {resource: column for column, resource in enumerate(self.resources)}
        self.alone = len(self.resources)
        self.energy, self.switches, self.count, self.fixed = range(self.alone + 1, self.alone + 5)
        self.busy = durations(graph, kept, self.resources)
        energies = [
            np.array([min(graph.tasks[task].options[index].energy for index in kept[task])])
            for task in graph.order
        ]
        self.rest_energy = _sums_from(energies)

    def _weigh(self, busy: Times) -> None:
        """Find weights of the resources, and the weighted durations of all tasks to come."""
        self.weights = good_weights(busy)
        least = (busy @ self.weights.T).min(axis=1)
        self.rest = _sums_from([least[task] for task in self.graph.order])

    def search(self, width: int, most: Most, *, exact: bool, deadline: float) -> Found:
        """Find the best choice that is worth it, if `width` partial choices suffice.

        If they do not, the most promising ones are kept; or nothing is found, if it is to be
        `exact`. Nor is anything found at `deadline` (of ``time.perf_counter``).
        """
        try:
            return self._search(width, most, exact=exact, deadline=deadline)
        except GivenUp:
            return Found(None, complete=False)

    def _search(self, width: int, most: Most, *, exact: bool, deadline: float) -> Found:
        busy = within(self.busy, most.period)
        if busy is None:
            return Found(None, complete=True)
        self._weigh(busy)
        fronts = [
            _Front(
                Frontier(),
                np.zeros((1, self.fixed), dtype=np.int64),
                np.zeros((1, 3), dtype=np.int64),
            )
        ]
        layers = [fronts]
        complete = True
        for number, task in enumerate(self.graph.order, start=1):
            room = width if exact else None
            fronts = self._extended(fronts, task, number, most, room, deadline)
            if sum(len(front.costs) for front in fronts) > width:
                complete = False
                fronts = self._narrowed(fronts, number, width)
            layers.append(fronts)
        return Found(self._best(layers), complete)

    def _extended(
        self,
        fronts: Sequence[_Front],
        task: int,
        number: int,
        most: Most,
        room: int | None,
        deadline: float,
    ) -> list[_Front]:
        """Do a task in every way after every partial choice; keep what is worth it.

        Raises
        ------
        GivenUp
            If that is more than `room`, or not done at `deadline`.
        """
        found: dict[Frontier, list[tuple[Times, npt.NDArray[np.int64]]]] = {}
        for place, front in enumerate(fronts):
            if over(deadline):
                raise GivenUp
            for index in self.kept[task]:
                step = self.steps.take(front.frontier, task, index)
                if step is None:
                    continue
                costs = self._costs(front, step, task)
                rows = np.flatnonzero(self._worth(costs, number, most))
                if len(rows):
                    came = np.column_stack(
                        [np.full(len(rows), place), rows, np.full(len(rows), index)]
                    )
                    found.setdefault(step.after, []).append((costs[rows], came))
        extended = []
        for frontier, parts in found.items():
            costs = np.concatenate([costs for costs, _ in parts])
            came = np.concatenate([came for _, came in parts])
            rows = front_of(costs, room=room, deadline=deadline)
            if room is not None:
                room -= len(rows)
            extended.append(_Front(frontier, costs[rows], came[rows]))
        return extended

    def _costs(self, front: _Front, step: Step, task: int) -> Times:
        """Give the costs after a step, one row a partial choice."""
        graph = self.graph
        things = [what for _, what in step.moves] + [what for _, what in step.exports]
        happens = [(what.duration, what.resources) for what in things]
        alone = max((span for span, busy in happens if not busy), default=0)
        happens.append((step.option.duration + step.entry, graph.resources[step.option.device]))
        more = [0] * self.fixed
        for span, busy in happens:
            for resource in busy:
                if resource in self.column:
                    more[self.column[resource]] += span
        if self.powered:
            more[self.energy] = step.option.energy + sum(what.energy for what in things)
        if graph.problem.switches is not None:
            more[self.switches] = step.switches
        costs: Times = front.costs[:, : self.fixed] + np.array(more, dtype=np.int64)
        if alone:
            costs[:, self.alone] = np.maximum(costs[:, self.alone], alone)
        if not self.staged:
            return costs
        stages = self._stages(front, step, task)
        now = stages[None]
        costs[:, self.count] = np.maximum(costs[:, self.count], now + 1)
        columns = [
            stages.get(one, now) for lying in step.after.lying for one in lying.stored(graph)
        ]
        return np.column_stack([costs, *columns])

    def _stages(self, front: _Front, step: Step, task: int) -> Mapping[Stored | None, Times]:
        """Give the stages of everything after a step; that of the task by None."""
        graph = self.graph
        known = [one for lying in front.frontier.lying for one in lying.stored(graph)]
        stages: dict[Stored | None, Times] = {
            one: front.costs[:, self.fixed + column] for column, one in enumerate(known)
        }
        made = {
            lying.tensor: (bool(busy), busy)
            for lying in front.frontier.lying
            for busy in [graph.resources[lying.device]]
        }
        source = {lying.tensor: lying.port for lying in front.frontier.lying}
        for one, export in step.exports:
            before: list[Busy] = [(stages[one[0], MADE], *made[one[0]])]
            stages[one] = _after(before, export.duration > 0, export.resources)
        for one, move in step.moves:
            before = [(stages[one[0], MADE], *made[one[0]])]
            if (one[0], EXPORTED) in stages:
                export = graph.exports[one[0]][move.source]
                taken = stages[one[0], EXPORTED]
                before.append((taken, export.duration > 0, export.resources))
            stages[one] = _after(before, move.duration > 0, move.resources)
        before = [(np.zeros(len(front.costs), dtype=np.int64), False, frozenset())]
        for link in graph.inputs[task]:
            tensor, port = link.tensor, step.option.input_ports[link.input]
            before.append((stages[tensor, MADE], *made[tensor]))
            if port == source[tensor]:
                continue
            move = graph.transfers[tensor][source[tensor], port]
            before.append((stages[tensor, port], move.duration > 0, move.resources))
            if (tensor, EXPORTED) in stages:
                export = graph.exports[tensor][source[tensor]]
                taken = stages[tensor, EXPORTED]
                before.append((taken, export.duration > 0, export.resources))
        resources = graph.resources[step.option.device]
        stages[None] = _after(before, bool(resources), resources)
        return stages

    def _periods(self, costs: Times) -> Times:
        return np.maximum(costs[:, : self.alone + 1].max(axis=1), self.least)

    def _bounds(self, costs: Times, number: int) -> Times:
        """Give a period that nothing is below that begins with these partial choices."""
        if not len(self.weights):
            return self._periods(costs)
        whole = costs[:, : self.alone] @ self.weights.T + self.rest[number]
        return np.maximum(self._periods(costs), (-(-whole // self.weights.sum(axis=1))).max(axis=1))

    def _worth(self, costs: Times, number: int, most: Most) -> npt.NDArray[np.bool_]:
        """Tell which partial choices after so many tasks may be worth it."""
        periods = self._bounds(costs, number)
        worth = periods <= most.period
        if most.latency is not None:
            worth &= periods * np.maximum(costs[:, self.count], 1) <= most.latency
        if most.energy is not None:
            worth &= costs[:, self.energy] + self.rest_energy[number] <= most.energy
        if most.switches is not None:
            worth &= costs[:, self.switches] <= most.switches
        return worth

    def _value(self, costs: Times, number: int) -> Times:
        """Give what the objective is at least."""
        if self.measure is Measure.ENERGY:
            return costs[:, self.energy] + self.rest_energy[number]
        periods = self._bounds(costs, number)
        if self.measure is Measure.LATENCY:
            return periods * np.maximum(costs[:, self.count], 1)
        return periods

    def _narrowed(self, fronts: Sequence[_Front], number: int, width: int) -> list[_Front]:
        """Keep the most promising partial choices."""
        values = np.concatenate([self._value(front.costs, number) for front in fronts])
        sums = np.concatenate([front.costs[:, : self.alone].sum(axis=1) for front in fronts])
        keep = np.zeros(len(values), dtype=bool)
        keep[np.lexsort((sums, values))[:width]] = True
        narrowed = []
        start = 0
        for front in fronts:
            mine = keep[start : start + len(front.costs)]
            start += len(front.costs)
            if mine.any():
                narrowed.append(_Front(front.frontier, front.costs[mine], front.came[mine]))
        return narrowed

    def _best(self, layers: Sequence[Sequence[_Front]]) -> list[int] | None:
        """Read the choice of the best complete one."""
        ends = [
            (int(values.min()), place, int(values.argmin()))
            for place, front in enumerate(layers[-1])
            for values in [self._value(front.costs, len(self.graph.order))]
        ]
        if not ends:
            return None
        _, place, row = min(ends)
        choice = [0] * len(self.graph.tasks)
        for task, fronts in zip(reversed(self.graph.order), reversed(layers), strict=False):
            place, row, choice[task] = map(int, fronts[place].came[row])
        return choice


def _after(before: Sequence[Busy], separate: bool, resources: frozenset[str]) -> Times:
    """Give the least stages of what waits for all of `before`."""
    return np.maximum.reduce(
        [
            stages + int(separate and other and resources.isdisjoint(its))
            for stages, other, its in before
        ]
    )


def _sums_from(rows: Sequence[Times]) -> Times:
    """Give the sums of all rows from each one on; last, the empty sum."""
    backwards = np.cumsum(np.array(rows)[::-1], axis=0)[::-1]
    return np.concatenate([backwards, np.zeros_like(backwards[:1])])
