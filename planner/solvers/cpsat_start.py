"""A good plan and bound where memory binds, so that CP-SAT has little left to do.

First come prices for memory. The choices at good prices are each optimal but for the limits, and
differ in few tasks: CP-SAT with only their options, and those that cost hardly more, is a small
model whose optimum is close to that of the whole. Then a part of the tasks is made optimal while
all others stay as they are, again and again.

Source of the last step: Shaw, "Using constraint programming and local search methods to solve
vehicle routing problems", CP 1998.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence

from attrs import evolve

from bnnplan.planner.solvers.base import Status
from bnnplan.planner.solvers.bounds import Kept
from bnnplan.planner.solvers.cpsat_assignment import assign
from bnnplan.planner.solvers.cpsat_engine import Effort
from bnnplan.planner.solvers.list_scheduling import fitting
from bnnplan.planner.solvers.pricing import Priced, priced
from bnnplan.planner.solvers.structure import Graph
from bnnplan.planner.solvers.sums import TooWideError

# The shares of the time that go into prices, and until the end of the small model.
PRICES_SHARE, SMALL_SHARE = 0.3, 0.5

# How many options a task has in the small model, on average.
PROMISING = 3

# The share of the bound by which a plan may be above it: from there on a proof is near.
NEAR = 0.0075

# How many tasks of each run are made optimal at once, at first and at least.
FIRST_LENGTH, SHORTEST = 16, 6

# How many steps in vain make runs longer, and the seconds of a step that make them shorter.
QUIET, STEP_SECONDS = 8, 1.0


def start(
    graph: Graph,
    kept: Kept,
    hint: Sequence[int] | None,
    *,
    time_limit: float,
    workers: int,
    seed: int,
) -> Priced:
    """Give a bound and, if one is found, a plan that keeps all limits; the objective is a sum."""
    started = time.perf_counter()
    found = Priced(0, None if hint is None else fitting(graph, hint))
    try:
        prices_end = started + PRICES_SHARE * time_limit
        found = priced(graph, kept, deadline=prices_end, best=found.best)
    except TooWideError:
        # What follows needs a plan, but no prices.
        found.choices.append(tuple(indices[0] for indices in kept))
    if not found.proven:
        effort = Effort(started + SMALL_SHARE * time_limit, workers, seed)
        _merge(graph, _promising(found, kept), effort, found)
    if found.best is None:
        _merge(graph, kept, Effort(started + time_limit, workers, seed), found)
    elif found.best.objective - found.bound > NEAR * found.bound:
        _improve(graph, kept, Effort(started + time_limit, workers, seed), found)
    return found


def _promising(found: Priced, kept: Kept) -> Kept:
    """Keep the options that some choice has, and those that are best at the last prices."""
    choices = [*found.choices, *([found.best.choice] if found.best else [])]
    used = {(task, index) for choice in choices for task, index in enumerate(choice)}
    near = [
        (value, task, index)
        for task, values in enumerate(found.near)
        for index, value in values.items()
    ]
    used.update((task, index) for _, task, index in sorted(near)[: PROMISING * len(kept)])
    return [[index for index in some if (task, index) in used] for task, some in enumerate(kept)]


def _improve(graph: Graph, kept: Kept, effort: Effort, found: Priced) -> None:
    """Make some tasks optimal while all others stay as they are, again and again.

    Two runs of tasks along the order of the graph, at random: memory that one gives up is what the
    other one takes.
    """
    chance = random.Random(effort.seed)
    length, quiet = FIRST_LENGTH, 0
    while not effort.over and not found.proven and length < len(graph.order):
        assert found.best is not None
        free: set[int] = set()
        for _ in range(2):
            begin = chance.randrange(max(1, len(graph.order) - length // 2))
            free.update(graph.order[begin : begin + length])
        choice = found.best.choice
        some = [indices if task in free else [choice[task]] for task, indices in enumerate(kept)]
        deadline = min(effort.deadline, time.perf_counter() + STEP_SECONDS)
        status = _merge(graph, some, evolve(effort, deadline=deadline), found)
        quiet = 0 if found.best.choice != choice else quiet + 1
        if status is not Status.OPTIMAL:
            length, quiet = max(SHORTEST, length * 2 // 3), 0
        elif quiet >= QUIET:
            length, quiet = length * 3 // 2, 0


def _merge(graph: Graph, kept: Kept, effort: Effort, found: Priced) -> Status:
    """Find the best plan with the options that are left, for the order of the graph."""
    assigned = assign(graph, kept, effort, found.best, ordered=True)
    for choice in assigned.choices:
        solution = fitting(graph, choice)
        if solution is not None:
            if found.best is None or solution.objective < found.best.objective:
                found.best = solution
            break
    return assigned.status
