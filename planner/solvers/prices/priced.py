"""What prices for memory have found: bounds, plans, and choices that are nearly plans."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from attrs import define, field, frozen

from bnnplan.planner.solution import Solution

Vector = npt.NDArray[np.float64]


@frozen
class Explored:
    """What prices have found for a part of the choices.

    Attributes
    ----------
    bound : int
        No solution of that part is below it.
    prices : array
        Those of the bound, of a byte of each limited space.
    choices : list of tuple of (int, tuple of int)
        The cheapest at all prices tried, each with its bound.
    """

    bound: int
    prices: Vector
    choices: list[tuple[int, tuple[int, ...]]]


@define
class Priced:
    """What prices have found.

    Attributes
    ----------
    bound : int
        No solution is below it.
    best : Solution or None
        The best plan that keeps all limits.
    choices : list of tuple of int
        They may break limits, but none is cheaper at the prices that each was found with.
    least : list of dict
        For each task, by option: no solution with that option is below it. Empty if not known.
    near : list of dict
        The same where room is left for tensors, so that it is no bound.
    root : Explored or None
        What good prices have found for all choices; None if there is none at all.
    """

    bound: int
    best: Solution | None = None
    choices: list[tuple[int, ...]] = field(factory=list)
    least: list[dict[int, int]] = field(factory=list)
    near: list[dict[int, int]] = field(factory=list)
    root: Explored | None = None

    def useful(self) -> tuple[tuple[int, ...], ...] | None:
        """For each task, the options that a better plan may have; None if that is not known."""
        if self.best is None or not self.least:
            return None
        most = self.best.objective
        return tuple(
            tuple(index for index, least in sorted(values.items()) if least <= most)
            for values in self.least
        )

    def keep(self, solution: Solution) -> None:
        """Keep a plan if it is better."""
        if self.best is None or solution.objective < self.best.objective:
            self.best = solution

    @property
    def proven(self) -> bool:
        """Whether the plan is the optimum."""
        return self.best is not None and self.best.objective <= self.bound
