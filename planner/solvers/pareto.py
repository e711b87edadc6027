"""The Pareto front of two measures, by the ε-constraint method.

The first measure is minimised, then the second among those solutions, which gives one point. The
next point has to be better in the second measure, which is limited accordingly, and so on to the
least value of the second measure. Measures are whole numbers, so that a limit one unit lower skips
nothing: with every step proven the front is exact. Coarser steps skip just those solutions that the
point before is at most a share ε worse than.

Source: Haimes, Lasdon, Wismer, "On a bicriterion formulation of the problems of integrated system
identification and system optimization", IEEE Trans. SMC 1(3), 1971.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from fractions import Fraction

from attrs import evolve, frozen

from bnnplan.planner.problem import Limit, Measure, Problem
from bnnplan.planner.solution import Solution
from bnnplan.planner.solvers import solve
from bnnplan.planner.solvers.base import SolverError, SolverResult, Status
from bnnplan.planner.solvers.interruption import is_asked, over


@frozen
class Point:
    """A solution of the front.

    Attributes
    ----------
    values : tuple of int
        By measure of the front, in its unit.
    solution : Solution
    optimal : bool
        Whether both values are proven: no solution is better in one and as good in the other.
    """

    values: tuple[int, int]
    solution: Solution
    optimal: bool


@frozen
class Front:
    """What is known of a Pareto front.

    Attributes
    ----------
    measures : tuple of Measure
    points : tuple of Point
        From the least value of the first measure to the least value of the second.
    epsilon : float
        For every solution there is a point that is at least as good in the first measure, and at
        most this share worse in the second; 0 for the exact front.
    complete : bool
        Whether that is proven; else time ended, or a method that proves nothing was used.
    status : Status
        Infeasible where there is no solution at all.
    reasons : tuple of str
        If infeasible.
    interrupted : bool
        Whether Ctrl-C ended the search.
    """

    measures: tuple[Measure, Measure]
    points: tuple[Point, ...]
    epsilon: float
    complete: bool
    status: Status
    reasons: tuple[str, ...] = ()
    interrupted: bool = False


def front(
    problem: Problem,
    measures: tuple[Measure, ...],
    method_name: str = "auto",
    *,
    time_limit: float = 60.0,
    workers: int = 1,
    seed: int = 0,
    epsilon: float = 0.0,
    progress: Callable[[Point], None] | None = None,
) -> Front:
    """Find the front of two measures of `problem`; its objectives are not looked at.

    Parameters
    ----------
    problem : Problem
        Its limits hold for every point.
    measures : tuple of Measure
        Two different ones.
    method_name : str
        One of `METHODS`.
    time_limit : float
        Seconds for the whole front; what is found until then, or Ctrl-C, is given.
    workers, seed
        As for every `Solver`.
    epsilon : float
        From 0 to below 1; see `Front`.
    progress : callable, optional
        Gets each point when it is found.

    Raises
    ------
    SolverError
        If the measures are not two, or `epsilon` is out of range.
    """
    if len(set(measures)) != 2 or len(measures) != 2:
        raise SolverError(
            f"a front has two different measures, not {', '.join(measures) or 'none'}"
        )
    if not 0 <= epsilon < 1:
        raise SolverError(f"epsilon must be from 0 to below 1, not {epsilon}")
    deadline = time.perf_counter() + time_limit
    first, second = measures

    def best(order: tuple[Measure, ...], most: int | None) -> SolverResult:
        limits = problem.limits
        if most is not None:
            others = tuple(limit for limit in limits if limit.measure is not second)
            limits = (*others, Limit(second, most))
        asked = evolve(problem, objectives=order, limits=limits)
        left = max(deadline - time.perf_counter(), time_limit / 100)
        return solve(asked, method_name, time_limit=left, workers=workers, seed=seed)

    found = _front(best, (first, second), problem.limit(second), epsilon, deadline, progress)
    return evolve(found, interrupted=is_asked() and not found.complete)


def _front(
    best: Callable[[tuple[Measure, ...], int | None], SolverResult],
    measures: tuple[Measure, Measure],
    most: int | None,
    epsilon: float,
    deadline: float,
    progress: Callable[[Point], None] | None,
) -> Front:
    """Walk along the front; `best` solves for measures, with a limit on the second of the front."""
    first, second = measures
    least = best((second, first), None)
    if least.solution is None:
        known = least.status is Status.INFEASIBLE
        return Front(measures, (), epsilon, known, least.status, least.reasons or (least.message,))
    end = least.proofs[0]
    points: list[Point] = []
    complete = end.value == end.bound
    while not over(deadline):
        found = best((first, second), most)
        if found.solution is None:
            # There is one: that of the least value of the second measure.
            complete = False
            break
        point = _point(found)
        complete &= point.optimal
        points.append(point)
        if progress is not None:
            progress(point)
        if point.values[1] <= end.value:
            break
        # No step passes over the least value of the second measure.
        most = max(end.value, _next(point.values[1], epsilon))
    else:
        complete = False
    # Where the walk has ended early, this is its other end.
    points.append(_point(least, reverse=True))
    return Front(
        measures=measures,
        points=_undominated(points),
        epsilon=epsilon,
        complete=complete,
        status=Status.OPTIMAL if complete else Status.FEASIBLE,
    )


def _next(value: int, epsilon: float) -> int:
    """The most that is not worth skipping: `value` is more than the share ε above it."""
    # As it was written: 0.1 is one tenth, which no float is.
    return math.ceil(value / (1 + Fraction(str(epsilon)))) - 1


def _point(found: SolverResult, *, reverse: bool = False) -> Point:
    assert found.solution is not None
    one, two = reversed(found.proofs) if reverse else found.proofs
    solution = evolve(found.solution, objective=one.value)
    return Point((one.value, two.value), solution, found.status is Status.OPTIMAL)


def _undominated(points: list[Point]) -> tuple[Point, ...]:
    """Keep what no other point is at least as good as; without proof some may not be."""
    kept: list[Point] = []
    for point in sorted(points, key=lambda point: point.values):
        if not kept or point.values[1] < kept[-1].values[1]:
            kept.append(point)
    return tuple(kept)
