"""The prices to try next: where the linear bounds of those tried so far allow the best.

A bound that depends on prices is concave, and each that is known gives a linear one above it. Next
are the prices where the least of those is largest, not far from the best ones so far: a cutting
plane method in a trust region.

Source: Kelley, "The cutting-plane method for solving convex programs", SIAM Journal 8(4), 1960.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from ortools.math_opt.python import mathopt

Vector = npt.NDArray[np.float64]

GROW, SHRINK = 2.0, 0.5
FIRST_RADIUS = 0.2
"""How far from 0 prices may be at first, as a share of the bound without any."""


class Prices:
    """Proposes prices of some things that are limited, each at least 0.

    Parameters
    ----------
    count : int
        How many things; their prices are of like size.
    """

    def __init__(self, count: int) -> None:
        self.best = np.zeros(count)
        self.value = -np.inf
        self.radius = 0.0
        self.model = mathopt.Model()
        self.prices = [self.model.add_variable(lb=0.0) for _ in range(count)]
        self.bound = self.model.add_variable()
        self.model.maximize(self.bound)
        self.solver = mathopt.IncrementalSolver(self.model, mathopt.SolverType.GLOP)

    def tell(self, prices: Vector, value: float, slope: Vector) -> None:
        """Take over the bound that prices gave, and how much it rises with each of them."""
        line = mathopt.LinearSum(
            rise * (price - at)
            for rise, price, at in zip(slope.tolist(), self.prices, prices.tolist(), strict=True)
        )
        self.model.add_linear_constraint(self.bound <= value + line)
        if self.radius == 0.0:
            self.radius = FIRST_RADIUS * max(1.0, value)
        if value > self.value:
            if np.abs(prices - self.best).max() > 0.9 * self.radius:
                self.radius *= GROW
            self.best, self.value = prices, value
        else:
            self.radius *= SHRINK

    def next(self) -> tuple[Vector, float] | None:
        """Give the prices to try, and the bound that they may give at most; None if unknown."""
        for variable, at in zip(self.prices, self.best.tolist(), strict=True):
            variable.lower_bound = max(0.0, at - self.radius)
            variable.upper_bound = at + self.radius
        result = self.solver.solve()
        if result.termination.reason is not mathopt.TerminationReason.OPTIMAL:
            return None
        values = result.variable_values(self.prices)
        return np.array(values), result.objective_value()
