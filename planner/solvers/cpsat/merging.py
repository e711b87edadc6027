"""The best plan with few options: those of some choices, and those that cost hardly more.

CP-SAT solves such small models in seconds, where the choices are good and differ in few tasks.

Source: Aggarwal, Orlin, Tai, "Optimized crossover for the independent set problem", Operations
Research 45(2), 1997.
"""

from __future__ import annotations

from bnnplan.planner.solution import Solution
from bnnplan.planner.solvers.base import Status
from bnnplan.planner.solvers.bounds import Kept
from bnnplan.planner.solvers.cpsat.assignment import assign
from bnnplan.planner.solvers.cpsat.engine import Effort
from bnnplan.planner.solvers.heuristics.list_scheduling import fitting
from bnnplan.planner.solvers.prices.priced import Priced
from bnnplan.planner.solvers.structure import Graph

PROMISING = 2.5
"""How many options a task has in a small model, on average."""


def promising(found: Priced, kept: Kept) -> Kept:
    """Keep the options that some choice has, and those that are best at the last prices."""
    choices = [*found.choices, *([found.best.choice] if found.best else [])]
    used = {(task, index) for choice in choices for task, index in enumerate(choice)}
    near = [
        (value, task, index)
        for task, values in enumerate(found.near)
        for index, value in values.items()
    ]
    used.update((task, index) for _, task, index in sorted(near)[: int(PROMISING * len(kept))])
    return [[index for index in some if (task, index) in used] for task, some in enumerate(kept)]


def merge(graph: Graph, kept: Kept, effort: Effort, found: Priced) -> Status:
    """Find the best plan with the options that are left, for the order of the graph."""
    status, solution = merged(graph, kept, effort, found.best)
    if solution is not None:
        found.keep(solution)
    return status


def merged(
    graph: Graph, kept: Kept, effort: Effort, best: Solution | None
) -> tuple[Status, Solution | None]:
    """Give the plan as well as what the model says."""
    assigned = assign(graph, kept, effort, best, ordered=True)
    fitted = (fitting(graph, choice) for choice in assigned.choices)
    return assigned.status, next((one for one in fitted if one is not None), None)
