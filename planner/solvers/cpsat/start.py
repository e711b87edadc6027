"""A good plan and bound where memory binds, so that CP-SAT has little left to do.

First come prices for memory. The choices at good prices are each optimal but for the limits, and
differ in few tasks: CP-SAT with only their options, and those that cost hardly more, is a small
model whose optimum is close to that of the whole. Then branching: what can be chosen is divided
into parts with prices of their own, which raises the bound, while CP-SAT on another thread looks
for plans in the parts with the least bounds. Last, some tasks are made optimal while all others
stay as they are, again and again.

Source of the last step: Shaw, "Using constraint programming and local search methods to solve
vehicle routing problems", CP 1998.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from attrs import evolve

from bnnplan.planner.solution import Solution
from bnnplan.planner.solvers.base import Status
from bnnplan.planner.solvers.bounds import Kept
from bnnplan.planner.solvers.cpsat.engine import Effort
from bnnplan.planner.solvers.cpsat.merging import merge, merged, promising
from bnnplan.planner.solvers.exact.sums import TooWideError
from bnnplan.planner.solvers.heuristics.list_scheduling import fitting
from bnnplan.planner.solvers.prices.branching import ROUNDS, Branching, Part
from bnnplan.planner.solvers.prices.priced import Priced
from bnnplan.planner.solvers.prices.pricing import Pricing
from bnnplan.planner.solvers.structure import Graph

# The shares of the time until the end of prices, of the small model, and of branching, and the
# share of it that improving may take where branching has led to a plan.
PRICES_SHARE, SMALL_SHARE, BRANCHING_SHARE, IMPROVING_SHARE = 0.2, 0.35, 0.85, 0.15

# Seconds for the small model of a part, and how many steps of branching come before the next one
# where no thread is to spare.
PART_SECONDS, STEPS = 4.0, 16

# After how many steps in vain branching ends, and the share of the bound that is worth a step.
STALE, WORTH = 40, 1e-4

# How many choices of a part are merged, the last and so the best ones.
ALIKE = 6

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
    pricing = None
    try:
        pricing = Pricing(graph, kept, found.best)
        found = pricing.result(started + PRICES_SHARE * time_limit)
    except TooWideError:
        # What follows needs a plan, but no prices.
        found.choices.append(tuple(indices[0] for indices in kept))
    whole = Effort(started + time_limit, workers, seed)
    if pricing is not None and found.root is not None and found.least:
        branching = Branching(graph, pricing, found.root)
        end = started + BRANCHING_SHARE * time_limit
        _branch(graph, kept, branching, evolve(whole, deadline=end), found)
    elif not found.proven:
        small = evolve(whole, deadline=started + SMALL_SHARE * time_limit)
        merge(graph, promising(found, kept), small, found)
    if found.best is None:
        merge(graph, kept, whole, found)
    elif not _near(found):
        end = time.perf_counter() + (1.0 if pricing is None else IMPROVING_SHARE) * time_limit
        _improve(graph, kept, evolve(whole, deadline=min(whole.deadline, end)), found)
    return found


def _near(found: Priced) -> bool:
    """Tell whether the plan is so close to the bound that nothing but the proof is left to do."""
    return found.best is not None and found.best.objective - found.bound <= NEAR * found.bound


def _branch(graph: Graph, kept: Kept, branching: Branching, effort: Effort, found: Priced) -> None:
    """Divide parts, and look for plans in those with the least bounds meanwhile."""
    seen: set[int] = set()
    steps, last, mark = 0, 0, (found.bound, found.best)
    merging: Future[tuple[Status, Solution | None]] | None = None

    def take() -> None:
        solution = merging.result()[1] if merging is not None else None
        if solution is not None:
            found.keep(solution)

    with ThreadPoolExecutor(1) as pool:
        try:
            while branching.open and steps - last < STALE and not (effort.over or _near(found)):
                known = math.inf if found.best is None else found.best.objective
                branching.step(known, effort.deadline)
                least = min(known, branching.bound)
                if least < math.inf:
                    found.bound = max(found.bound, int(least))
                steps += 1
                if found.bound > (1 + WORTH) * mark[0] or found.best is not mark[1]:
                    last, mark = steps, (found.bound, found.best)
                if merging is not None and not merging.done():
                    continue
                take()
                part = next((one for one in sorted(branching.open) if _is_new(one, seen)), None)
                if part is None or (effort.workers == 1 and steps % STEPS):
                    continue
                seen.add(part.number)
                some = promising(_of_part(branching, part, effort, found), kept)
                merging = pool.submit(merged, graph, some, _brief(effort), found.best)
                if effort.workers == 1:
                    merging.result()
        except BaseException:
            # Else the pool would wait for the other thread.
            effort.stopped.set()
            raise
        take()


def _is_new(part: Part, seen: set[int]) -> bool:
    return part.is_explored and part.number not in seen


def _brief(effort: Effort) -> Effort:
    """Give an effort for the small model of a part, with all threads but that of branching."""
    deadline = min(effort.deadline, time.perf_counter() + PART_SECONDS)
    return evolve(effort, deadline=deadline, workers=max(1, effort.workers - 1))


def _of_part(branching: Branching, part: Part, effort: Effort, found: Priced) -> Priced:
    """Give what prices find for a part where room is left for tensors."""
    pricing, prices = branching.pricing, part.explored.prices
    explored = pricing.explore(part.fixed, prices, effort.deadline, rounds=ROUNDS, tight=True)
    assert explored is not None
    near = pricing.marginals(explored.prices, part.fixed)
    choices = [choice for _, choice in explored.choices[-ALIKE:]]
    if found.best is None:
        for choice in choices:
            pricing.attempt(choice, effort.deadline)
    return Priced(part.bound, found.best, choices, near=near)


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
        status = merge(graph, some, evolve(effort, deadline=deadline), found)
        quiet = 0 if found.best.choice != choice else quiet + 1
        if status is not Status.OPTIMAL:
            length, quiet = max(SHORTEST, length * 2 // 3), 0
        elif quiet >= QUIET:
            length, quiet = length * 3 // 2, 0
