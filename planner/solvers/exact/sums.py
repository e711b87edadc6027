"""An objective that is a sum, as terms that depend on the options of few tasks each.

That is the energy, and the latency where only one thing can be busy at a time. Options that look
alike from outside (device and ports) are one class, since all terms but their own costs are equal.
What limits the sum (memory, switches, other measures) is no part of it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
from attrs import frozen

from bnnplan.planner.problem import Measure, Option
from bnnplan.planner.solvers.base import SolverError
from bnnplan.planner.solvers.bounds import Kept
from bnnplan.planner.solvers.exact.tables import IMPOSSIBLE, Times, add
from bnnplan.planner.solvers.structure import Graph

WIDEST = 4_000_000
"""Entries of the largest table that is built; 8 bytes each."""


class TooWideError(SolverError):
    """A graph whose tasks cannot be eliminated with tables of bearable size."""


@frozen
class Term:
    """Costs of the combinations of some tasks' classes, one axis a task, in ascending order."""

    tasks: tuple[int, ...]
    costs: Times


class Sum:
    """The first objective of a problem as a sum.

    Attributes
    ----------
    classes : list of list of list of int
        For each task, its classes: the positions of their options.
    terms : list of Term
        Everything but the costs of options.
    """

    def __init__(self, graph: Graph, kept: Kept) -> None:
        """Build all terms.

        Raises
        ------
        TooWideError
            If a tensor has too many readers for a table.
        """
        self.graph = graph
        self.powered = graph.problem.objectives[0] is Measure.ENERGY
        grouped = {task for group in graph.colocated for task in group}
        timed = bool(graph.entries) and not self.powered
        self.classes: list[list[list[int]]] = []
        for task, indices in enumerate(kept):
            by_look: dict[tuple[object, ...], list[int]] = {}
            for index in indices:
                option = graph.tasks[task].options[index]
                device = option.device if timed or task in grouped else ""
                look = device, option.input_ports, option.output_ports
                by_look.setdefault(look, []).append(index)
            self.classes.append(list(by_look.values()))
        # One option stands for its class.
        self._looks = [
            [graph.tasks[task].options[indices[0]] for indices in classes]
            for task, classes in enumerate(self.classes)
        ]
        self.sizes = [len(classes) for classes in self.classes]
        self.terms = [self._passing(tensor) for tensor in range(len(graph.tensors))]
        if timed:
            self.terms += [self._entry(task) for task, links in enumerate(graph.inputs) if links]
        for group in graph.colocated:
            self.terms += [self._together(*pair) for pair in itertools.pairwise(group)]

    def cost(self, option: Option) -> int:
        """Give what an option costs by itself."""
        return option.energy if self.powered else option.duration

    def _passing(self, tensor: int) -> Term:
        """Give the cost of all transfers of a tensor, and of its export."""
        graph = self.graph
        source, links = graph.source[tensor], graph.readers[tensor]
        tasks = sorted({source, *(link.target for link in links)})
        self._check_size(tasks)
        given = self._ports(tasks, source, output=graph.tensors[tensor].output)
        wanted = [self._ports(tasks, link.target, input_=link.input) for link in links]
        total = np.zeros([self.sizes[task] for task in tasks], dtype=np.int64)
        for port in sorted({one for ports in wanted for one in ports.flat}):
            reads = np.logical_or.reduce(np.broadcast_arrays(*(ports == port for ports in wanted)))
            moving = _mapped(given, {one: self._move(tensor, one, port) for one in given.flat})
            total = add(total, np.where(reads, moving, 0))
        if graph.exports[tensor] and links:
            exporting = _mapped(given, {one: self._export(tensor, one) for one in given.flat})
            leaves = np.logical_or.reduce(np.broadcast_arrays(*(one != given for one in wanted)))
            total = add(total, np.where(leaves, exporting, 0))
        return Term(tuple(tasks), total)

    def _ports(
        self, tasks: Sequence[int], task: int, *, input_: int = 0, output: int | None = None
    ) -> npt.NDArray[np.str_]:
        """Give the port of each class of a task along its axis among those of `tasks`."""
        names = [
            look.input_ports[input_] if output is None else look.output_ports[output]
            for look in self._looks[task]
        ]
        return np.array(names).reshape(self._shape(tasks, task))

    def _shape(self, tasks: Sequence[int], *axes: int) -> list[int]:
        return [self.sizes[task] if task in axes else 1 for task in tasks]

    def _move(self, tensor: int, given: str, wanted: str) -> int:
        if given == wanted:
            return 0
        move = self.graph.transfers[tensor].get((given, wanted))
        if move is None:
            return IMPOSSIBLE
        return move.energy if self.powered else move.duration

    def _export(self, tensor: int, port: str) -> int:
        export = self.graph.exports[tensor].get(port)
        if export is None:
            return 0
        return export.energy if self.powered else export.duration

    def _entry(self, task: int) -> Term:
        """Give the largest entry of the inputs of a task."""
        sources = {link.source for link in self.graph.inputs[task]}
        tasks = sorted({task, *sources})
        self._check_size(tasks)
        largest = np.zeros([self.sizes[one] for one in tasks], dtype=np.int64)
        for source in sorted(sources):
            pairs = [
                self.graph.entry_time(*((a, b) if source < task else (b, a)))
                for a in self._looks[min(source, task)]
                for b in self._looks[max(source, task)]
            ]
            costs = np.array(pairs, dtype=np.int64).reshape(self._shape(tasks, source, task))
            largest = np.maximum(largest, costs)
        return Term(tuple(tasks), largest)

    def _together(self, first: int, second: int) -> Term:
        """Make it impossible that two tasks lie on different devices."""
        first, second = sorted((first, second))
        costs = [
            [0 if a.device == b.device else IMPOSSIBLE for b in self._looks[second]]
            for a in self._looks[first]
        ]
        return Term((first, second), np.array(costs, dtype=np.int64))

    def _check_size(self, tasks: Iterable[int]) -> None:
        if math.prod(self.sizes[task] for task in tasks) > WIDEST:
            raise TooWideError("a tensor has too many readers to eliminate tasks; use 'cpsat'")


def _mapped(names: npt.NDArray[np.str_], costs: Mapping[str, int]) -> Times:
    return np.array([costs[one] for one in names.flat], dtype=np.int64).reshape(names.shape)
