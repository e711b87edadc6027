"""What a solution would gain by asking a little less."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from bnnplan.planner.solution import Solution
from bnnplan.planner.solvers.insight.alternatives import Outcome, best_outcome, chosen_anew
from bnnplan.planner.solvers.insight.relaxations import Relaxation
from bnnplan.planner.solvers.schedules.solutions import solution_of
from bnnplan.planner.solvers.structure import Graph


@frozen
class Worth:
    """What a relaxation would gain, in the unit of the first objective.

    Attributes
    ----------
    what, name, change : str
        As of the relaxation.
    gain : int
        By the best solution that was found.
    low, high : int
        What optimal solutions gain is in between.
    """

    what: str
    name: str
    change: str
    gain: int
    low: int
    high: int

    @property
    def proven(self) -> bool:
        """Whether the gain is certain."""
        return self.low == self.high


def worth(
    relaxations: Sequence[Relaxation],
    presents: Sequence[Solution | None],
    value: int,
    bound: int | None,
    *,
    time_limit: float,
    workers: int = 1,
    seed: int = 0,
) -> Worth:
    """Solve a relaxation, and compare.

    Parameters
    ----------
    relaxations : sequence of Relaxation
        The same of several problems, of which any solution counts; at least one.
    presents : sequence of Solution or None
        A solution of each of the problems, before they were relaxed.
    value : int
        Of the best solution of all of them.
    bound : int or None
        No solution of any of them is below.
    time_limit, workers, seed
        As for every `Solver`; the time is for all.
    """
    outcomes: list[Outcome] = []
    for relaxation, present in zip(relaxations, presents, strict=True):
        graph = Graph(relaxation.problem)
        outcomes.append(
            chosen_anew(
                graph,
                {},
                None if present is None else solution_of(graph, present.choice),
                time_limit=time_limit / len(relaxations),
                workers=workers,
                seed=seed,
            )
        )
    found = outcomes[best_outcome(outcomes)]
    bounds = [one.bound for one in outcomes if not one.impossible]
    best = value if found.objective is None else min(value, found.objective)
    least = 0 if None in bounds else min([best, *(b for b in bounds if b is not None)])
    first = relaxations[0]
    return Worth(
        first.what,
        first.name,
        first.change,
        gain=value - best,
        low=max(0, (bound or 0) - best),
        high=value - least,
    )
