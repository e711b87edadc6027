"""Bounds and plans where memory binds: weights get a price in each space that is limited.

With prices there are no limits, so the least sum is found by elimination. Whatever the prices, it
is a bound, once the capacities are paid back; and the plans of good prices nearly fit. Prices rise
where a plan needs too much and fall where it leaves room.

Source: Geoffrion, "Lagrangean relaxation for integer programming", Mathematical Programming Study
2, 1974.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from bnnplan.planner.problem import Measure, Option
from bnnplan.planner.problem_sums import horizon, most_bytes, most_energy
from bnnplan.planner.solution import Solution
from bnnplan.planner.solvers.bounds import Kept
from bnnplan.planner.solvers.checking.checker import memory_peaks
from bnnplan.planner.solvers.exact.elimination import Elimination
from bnnplan.planner.solvers.exact.sums import Sum
from bnnplan.planner.solvers.exact.tables import IMPOSSIBLE, Times
from bnnplan.planner.solvers.heuristics.list_scheduling import fitting
from bnnplan.planner.solvers.interruption import over
from bnnplan.planner.solvers.prices.local_search import LocalSearch
from bnnplan.planner.solvers.prices.priced import Explored, Priced, Vector
from bnnplan.planner.solvers.schedules.solutions import solution_of
from bnnplan.planner.solvers.structure import Graph

ROUNDS = 60
ENOUGH = 1e-4
"""The share of the bound that is not worth another round."""
MOST_ENTRIES = 50_000_000
"""Of all tables together, which are kept for the bounds of options."""
REPAIRS = 6
"""How often a choice is tried again with less room."""
REDUCTIONS = 3
"""How often less room is left for weights, since tensors need it."""


class Pricing:
    """Finds prices, with all memory or less, for all choices or those with some classes fixed.

    Raises
    ------
    TooWideError
        If the least sum cannot be found by elimination.
    """

    def __init__(self, graph: Graph, kept: Kept, best: Solution | None) -> None:
        self.graph = graph
        self.total = Sum(graph, kept)
        self.spaces = list(graph.capacity)
        self.room = dict(graph.capacity)
        self._tight = dict(graph.capacity)
        powered = graph.problem.objectives[0] is Measure.ENERGY
        most = (most_energy if powered else horizon)(graph.problem) + 1
        # Prices are whole numbers in units this much finer, so that the bound is exact.
        self.fine = 1 << max(0, min(20, 57 - most.bit_length()))
        self.dearest = (IMPOSSIBLE // 4) // (most_bytes(graph.problem) + 1)
        self.elimination = Elimination(self.total, self.fine)
        self.near = LocalSearch(self.total)
        self._place = [
            {index: place for place, some in enumerate(classes) for index in some}
            for classes in self.total.classes
        ]
        self.found = Priced(0, best)

    def result(self, deadline: float) -> Priced:
        """Search with all memory for weights; then, until a plan fits, with less and less.

        `deadline` is one of ``time.perf_counter``.
        """
        root = self._search(deadline, tight=False)
        if root is not None:
            self.found.root = root
            self.found.bound = max(self.found.bound, root.bound)
            self.found.least = self.found.near = self.marginals(root.prices, {})
        for _ in range(REDUCTIONS):
            if self.found.best is not None or over(deadline):
                break
            if not self.found.choices:
                break
            before, self._tight = self._tight, self._narrowed(self._tight, self.found.choices[-1])
            if self._tight == before:
                break
            reduced = self._search(deadline, tight=True)
            if reduced is not None:
                self.found.near = self.marginals(reduced.prices, {})
        return self.found

    def _search(self, deadline: float, *, tight: bool) -> Explored | None:
        explored = self.explore({}, np.zeros(len(self.spaces)), deadline, tight=tight)
        if explored is not None:
            self.found.choices += [choice for _, choice in explored.choices]
            for _, choice in explored.choices:
                self.attempt(choice, deadline)
        return explored

    def explore(
        self,
        fixed: Mapping[int, int],
        prices: Vector,
        deadline: float,
        *,
        rounds: int = ROUNDS,
        enough: float = math.inf,
        tight: bool = False,
    ) -> Explored | None:
        """Look for the prices with the best bound; None if there is no choice at all.

        Parameters
        ----------
        fixed : mapping of int to int
            The class of some tasks.
        prices : array
            To start from.
        deadline : float
        rounds : int
            How many prices are tried at most.
        enough : float
            No better bound is needed.
        tight : bool
            Leaves the room that tensors took in `result`; then the bound is none.
        """
        # Imported only here: ortools takes half a second.
        from bnnplan.planner.solvers.milp.prices import Prices

        rooms = self._tight if tight else self.room
        room = np.array([rooms[space] for space in self.spaces], dtype=np.float64)
        # Prices are for a whole space each, so that those of all spaces are alike.
        unit = np.maximum(room, 1)
        search = Prices(len(self.spaces))
        trying = prices * unit
        choices: list[tuple[int, tuple[int, ...]]] = []
        for _ in range(rounds):
            least = self._least(trying / unit, fixed, rooms)
            if least is None:
                break
            value, choice = least
            choices.append((value, tuple(choice)))
            search.tell(trying, value, (self._held(choice) - room) / unit)
            if value >= enough or over(deadline):
                break
            proposed = search.next()
            if proposed is None or proposed[1] - search.value <= search.value * ENOUGH:
                break
            trying = proposed[0]
        if not choices:
            return None
        return Explored(max(value for value, _ in choices), search.best / unit, choices)

    def _whole(self, prices: Vector) -> dict[str, int]:
        """Give the prices of a byte as whole numbers."""
        most = self.dearest / self.fine
        pairs = zip(self.spaces, np.clip(prices, 0, most).tolist(), strict=True)
        return {space: round(price * self.fine) for space, price in pairs}

    def _costs(self, whole: dict[str, int]) -> list[list[list[int]]]:
        """Give for each task, class and option what it costs, bytes included."""

        def cost(option: Option) -> int:
            bytes_ = whole.get(option.space, 0) * option.weight_bytes
            return self.total.cost(option) * self.fine + bytes_

        return [
            [[cost(task.options[index]) for index in indices] for indices in classes]
            for task, classes in zip(self.graph.tasks, self.total.classes, strict=True)
        ]

    def _least(
        self, prices: Vector, fixed: Mapping[int, int], room: Mapping[str, int]
    ) -> tuple[int, list[int]] | None:
        """Give the bound that prices prove, and the choice that is cheapest with them."""
        whole = self._whole(prices)
        costs = self._costs(whole)
        least = self.elimination.least(_own(costs, fixed))
        if least is None:
            return None
        value, places = least
        choice = [
            self.total.classes[task][place][int(np.argmin(costs[task][place]))]
            for task, place in enumerate(places)
        ]
        return -(-(value - _paid(whole, room)) // self.fine), choice

    def marginals(self, prices: Vector, fixed: Mapping[int, int]) -> list[dict[int, int]]:
        """Give for each task and option the bound with it; empty if that takes much memory."""
        if self.elimination.entries > MOST_ENTRIES:
            return []
        whole = self._whole(prices)
        costs = self._costs(whole)
        paid = _paid(whole, self.room)
        found: list[dict[int, int]] = []
        for task, marginals in enumerate(self.elimination.marginals(_own(costs, fixed))):
            found.append({})
            for place, indices in enumerate(self.total.classes[task]):
                base = int(marginals[place]) - min(costs[task][place]) - paid
                for index, cost in zip(indices, costs[task][place], strict=True):
                    found[-1][index] = -(-(base + cost) // self.fine)
        return found

    def class_marginals(self, prices: Vector, fixed: Mapping[int, int]) -> list[list[int]]:
        """Give for each task and class the bound with it."""
        return [
            [min(values[index] for index in indices) for indices in classes]
            for classes, values in zip(
                self.total.classes, self.marginals(prices, fixed), strict=True
            )
        ]

    def places(self, choice: Sequence[int]) -> list[int]:
        """Give the class that each task has in a choice."""
        return [self._place[task][index] for task, index in enumerate(choice)]

    def _held(self, choice: Sequence[int]) -> Vector:
        held = dict.fromkeys(self.spaces, 0)
        for task, index in zip(self.graph.tasks, choice, strict=True):
            option = task.options[index]
            if option.space in held:
                held[option.space] += option.weight_bytes
        return np.array(list(held.values()), dtype=np.float64)

    def attempt(self, choice: Sequence[int], deadline: float) -> None:
        """Change a choice until its weights fit, and keep it if everything does.

        As long as no plan is known, what does not fit is tried again with less room for weights.
        """
        room = self._tight
        for _ in range(REPAIRS):
            better = self.near.search(choice, room, deadline)
            if better is None:
                return
            solution = fitting(self.graph, better)
            if solution is not None:
                self.found.keep(solution)
            if solution is not None or self.found.best is not None:
                return
            before, room = room, self._narrowed(room, better)
            if room == before:
                return
            choice = better

    def _narrowed(self, room: Mapping[str, int], choice: Sequence[int]) -> dict[str, int]:
        """Reserve what the tensors of a choice need beside weights."""
        solution = solution_of(self.graph, choice)
        if solution is None:
            return {**room}
        peaks = memory_peaks(self.graph.problem, solution)
        held = dict(zip(self.spaces, map(int, self._held(choice).tolist()), strict=True))
        free = {s: self.graph.capacity[s] - (peaks[s] - held[s]) for s in self.spaces}
        return {space: max(1, min(room[space], free[space])) for space in self.spaces}


def _paid(whole: Mapping[str, int], room: Mapping[str, int]) -> int:
    return sum(price * room[space] for space, price in whole.items())


def _own(costs: list[list[list[int]]], fixed: Mapping[int, int]) -> list[Times]:
    """Give for each task the cheapest of each class, and what is not fixed as impossible."""
    own = [np.array([min(some) for some in classes], dtype=np.int64) for classes in costs]
    for task, place in fixed.items():
        cost = own[task][place]
        own[task][:] = IMPOSSIBLE
        own[task][place] = cost
    return own
