"""What a solution would be if some of its tasks took other options.

Either everything else stays as it is, or everything else is chosen anew for the change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import frozen

from bnnplan.planner.solution import Solution
from bnnplan.planner.solvers import solve
from bnnplan.planner.solvers.base import Status
from bnnplan.planner.solvers.checking.checker import check
from bnnplan.planner.solvers.restriction import Restriction, only
from bnnplan.planner.solvers.schedules.evaluation import schedule
from bnnplan.planner.solvers.schedules.solutions import impossible, solution_of
from bnnplan.planner.solvers.structure import Graph


@frozen
class Outcome:
    """What a change comes to.

    Attributes
    ----------
    solution : Solution or None
        The changed solution; of one that is not allowed, what it would be. None if there is none.
    bound : int or None
        No solution with the change is below, in the unit of the first objective.
    reasons : tuple of str
        Why the change is not allowed, or not possible; empty if it is.
    """

    solution: Solution | None
    bound: int | None
    reasons: tuple[str, ...] = ()

    @property
    def allowed(self) -> bool:
        """Whether there is a solution with the change that breaks no rule."""
        return self.solution is not None and not self.reasons

    @property
    def impossible(self) -> bool:
        """Whether there certainly is no solution with the change."""
        return self.solution is None and bool(self.reasons)

    @property
    def proven(self) -> bool:
        """Whether it is certain that nothing with the change is better."""
        if self.solution is None:
            return self.impossible
        return self.bound is not None and self.bound >= self.solution.objective

    @property
    def objective(self) -> int | None:
        """Value of the first objective, None if the change is not allowed."""
        return self.solution.objective if self.solution and not self.reasons else None


def kept(graph: Graph, solution: Solution, changes: Mapping[int, int]) -> Outcome:
    """Change the options of some tasks (by position), and keep all others and their order."""
    choice = tuple(changes.get(task, index) for task, index in enumerate(solution.choice))
    if choice == solution.choice:
        return Outcome(solution, None)
    found = solution_of(graph, choice)
    if found is None:
        return Outcome(None, None, (impossible(graph, choice),))
    tried = [found]
    if not graph.problem.is_pipeline:
        place = {task: position for position, task in enumerate(graph.order)}
        order = sorted(place, key=lambda task: (solution.starts[task], place[task]))
        tried += filter(None, [schedule(graph, choice, order)])
    faults = [tuple(v.message for v in check(graph.problem, one)) for one in tried]
    best = min(range(len(tried)), key=lambda n: (bool(faults[n]), tried[n].objective))
    return Outcome(tried[best], None, faults[best])


def chosen_anew(
    graph: Graph,
    ways: Mapping[int, Sequence[int]],
    start: Solution | None = None,
    *,
    time_limit: float,
    workers: int = 1,
    seed: int = 0,
) -> Outcome:
    """Solve with only some of the options of some tasks.

    Parameters
    ----------
    graph : Graph
        Of the problem.
    ways : mapping of int to sequence of int
        The options that are left, by position, of the tasks that may not take all.
    start : Solution, optional
        A solution to start from; if it keeps to what is left, nothing worse is given.
    time_limit, workers, seed
        As for every `Solver`.
    """
    allowed = only(graph.problem, ways)
    part = Restriction(graph.problem, allowed)
    result = solve(
        part.problem,
        time_limit=time_limit,
        workers=workers,
        seed=seed,
        hint=None if start is None else part.hint(start.choice),
    )
    found = None if result.solution is None else part.back(result.solution)
    if start is not None and (found is None or found.objective > start.objective):
        stays = all(i in ways for i, ways in zip(start.choice, allowed, strict=True))
        found = start if stays and not check(graph.problem, start) else found
    if found is None and result.status is Status.INFEASIBLE:
        return Outcome(None, None, result.reasons or (result.message,))
    return Outcome(found, result.bound)


def best_outcome(outcomes: Sequence[Outcome]) -> int:
    """The position of the best outcome: allowed before unknown before impossible."""

    def rank(position: int) -> tuple[bool, bool, int]:
        value = outcomes[position].objective
        return value is None, outcomes[position].impossible, value or 0

    return min(range(len(outcomes)), key=rank)
