"""Choices that keep the weights within their spaces, made cheaper by changing one or two tasks.

The objective is a `Sum`; what else is limited is looked at afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from bnnplan.planner.solvers.exact.sums import Sum
from bnnplan.planner.solvers.exact.tables import IMPOSSIBLE, Times
from bnnplan.planner.solvers.interruption import over


class LocalSearch:
    """A choice with what every change of one task would cost.

    Parameters
    ----------
    total : Sum
        The objective.
    """

    def __init__(self, total: Sum) -> None:
        self.total = total
        self.spaces = list(total.graph.capacity)
        # All options of all tasks in one row each.
        task: list[int] = []
        place: list[int] = []
        option: list[int] = []
        cost: list[int] = []
        bytes_: list[list[int]] = []
        for number, classes in enumerate(total.classes):
            for position, indices in enumerate(classes):
                for index in indices:
                    one = total.graph.tasks[number].options[index]
                    task.append(number)
                    place.append(position)
                    option.append(index)
                    cost.append(total.cost(one))
                    bytes_.append([one.weight_bytes * (s == one.space) for s in self.spaces])
        self.task = np.array(task)
        self.place = np.array(place)
        self.option = option
        self.cost = np.array(cost, dtype=np.int64)
        self.bytes = np.array(bytes_, dtype=np.int64).reshape(len(task), len(self.spaces))
        self.first = np.searchsorted(self.task, np.arange(len(total.classes) + 1))
        self.terms: list[list[int]] = [[] for _ in total.classes]
        for number, term in enumerate(total.terms):
            for member in term.tasks:
                self.terms[member].append(number)
        self.near = [
            {other for number in numbers for other in total.terms[number].tasks}
            for numbers in self.terms
        ]

    def search(
        self, choice: Sequence[int], room: Mapping[str, int], deadline: float
    ) -> list[int] | None:
        """Give a choice that fits and that no change of one or two tasks improves.

        None if none is found that fits. It ends early at `deadline` (of ``time.perf_counter``).

        Parameters
        ----------
        choice : sequence of int
            To start from.
        room : mapping of str to int
            The bytes of weights that each limited space takes.
        """
        self.capacity = np.array([room[space] for space in self.spaces], dtype=np.int64)
        self.row = np.array([self._row(task, index) for task, index in enumerate(choice)])
        self.held = self.bytes[self.row].sum(axis=0)
        self.change = np.zeros(len(self.task), dtype=np.int64)
        for task in range(len(choice)):
            self._update(task)
        if not self._repair(deadline):
            return None
        while not over(deadline) and (self._improve() or self._exchange()):
            pass
        return [self.option[row] for row in self.row]

    def _row(self, task: int, index: int) -> int:
        return self.option.index(index, self.first[task], self.first[task + 1])

    def _update(self, task: int) -> None:
        """Compute what each option of a task would cost more than the present one."""
        rows = slice(self.first[task], self.first[task + 1])
        shared: Times = np.zeros(self.total.sizes[task], dtype=np.int64)
        for number in self.terms[task]:
            term = self.total.terms[number]
            here = tuple(
                slice(None) if other == task else self.place[self.row[other]]
                for other in term.tasks
            )
            shared = np.minimum(shared + term.costs[here], IMPOSSIBLE)
        costs = shared[self.place[rows]] + self.cost[rows]
        self.change[rows] = costs - costs[self.row[task] - self.first[task]]

    def _move(self, row: int) -> None:
        task = int(self.task[row])
        self.held += self.bytes[row] - self.bytes[self.row[task]]
        self.row[task] = row
        for other in self.near[task] | {task}:
            self._update(other)

    def _after(self) -> npt.NDArray[np.int64]:
        """Give the bytes held after each change of one task."""
        after: npt.NDArray[np.int64] = self.held + self.bytes - self.bytes[self.row[self.task]]
        return after

    def _repair(self, deadline: float) -> bool:
        """Take the change that is cheapest for what it frees, until everything fits."""
        while (excess := np.maximum(self.held - self.capacity, 0).sum()) > 0:
            left = np.maximum(self._after() - self.capacity, 0).sum(axis=1)
            freed = excess - left
            usable = np.flatnonzero((freed > 0) & (self.change < IMPOSSIBLE // 2))
            if not len(usable) or over(deadline):
                return False
            # What frees more than needed counts as what is needed.
            price = self.change[usable] / freed[usable]
            self._move(int(usable[price.argmin()]))
        return True

    def _improve(self) -> bool:
        """Take the best change of one task that fits."""
        fits = (self._after() <= self.capacity).all(axis=1)
        changes = np.where(fits, self.change, 0)
        best = int(changes.argmin())
        if changes[best] >= 0:
            return False
        self._move(best)
        return True

    def _exchange(self) -> bool:
        """Take the best change of two tasks, of which the first alone would not fit."""
        wanted = np.flatnonzero(self.change < 0)
        more = self.bytes - self.bytes[self.row[self.task]]
        best, pair = 0, None
        for row in wanted[np.argsort(self.change[wanted])]:
            fits = (self.held + more[row] + more <= self.capacity).all(axis=1)
            sums = np.where(fits, self.change + self.change[row], 0)
            for other in np.argsort(sums)[:8]:
                if sums[other] >= best:
                    break
                if int(self.task[other]) not in self.near[int(self.task[row])]:
                    best, pair = int(sums[other]), (int(row), int(other))
                    break
        if pair is None:
            return False
        for row in pair:
            self._move(row)
        return True
