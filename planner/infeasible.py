"""Where several problems stand for one request: what is told if none of them has a solution."""

from __future__ import annotations

import math
from collections.abc import Sequence

import attrs

from bnnplan.planner.choosing import Solved
from bnnplan.planner.encoding import Encoding
from bnnplan.planner.problem import Measure
from bnnplan.planner.solvers import solve
from bnnplan.planner.solvers.base import Status
from bnnplan.planner.solvers.lexicographic import with_objective
from bnnplan.planner.solving import SolveOptions

TIMED = (Measure.LATENCY, Measure.PERIOD)
"""What launches are a part of."""
PROOF_SECONDS = 10.0
"""For finding out what the search has not."""


def nearest(encodings: Sequence[Encoding], options: SolveOptions) -> int:
    """Of infeasible problems that differ in launches, which one's reasons are those of all.

    What starting a program costs decides how far the least latency or period is from its limit; the
    problem where it is least tells what would have to give way.
    """
    limited = [limit.measure for limit in encodings[-1].problem.limits]
    timed = [measure for measure in TIMED if measure in limited]
    last = len(encodings) - 1
    if not timed or last == 0:
        return last
    seconds = min(PROOF_SECONDS, options.time_limit) / len(encodings)

    def least(number: int) -> float:
        problem = encodings[number].problem
        others = tuple(limit for limit in problem.limits if limit.measure is not timed[0])
        free = with_objective(attrs.evolve(problem, limits=others), timed[0])
        found = solve(free, "auto", time_limit=seconds, workers=options.workers, seed=options.seed)
        return math.inf if found.objective is None else found.objective

    return min(range(last, -1, -1), key=least)


def infeasible_if_proven(found: Solved, encoding: Encoding, options: SolveOptions) -> Solved:
    """What a heuristic has found, unless another method proves that there is no plan.

    The problem must be the one without a limit on threads: infeasible there is infeasible at all.
    """
    proof = solve(
        encoding.problem,
        "auto",
        time_limit=min(PROOF_SECONDS, options.time_limit),
        workers=options.workers,
        seed=options.seed,
    )
    infeasible = proof.status is Status.INFEASIBLE
    return Solved(encoding, proof, found.images) if infeasible else found
