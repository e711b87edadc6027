"""One problem for each limit on threads, and the best of their solutions."""

from __future__ import annotations

import itertools
import time
from collections.abc import Mapping, Sequence

import attrs
from attrs import frozen

from bnnplan.models.graph import Network
from bnnplan.planner.encoding import Encoding, encode_problem
from bnnplan.planner.profile import Profile
from bnnplan.planner.solvers import solve
from bnnplan.planner.solvers.base import SolverResult, Status


@frozen
class SolveOptions:
    """How to search for a plan.

    Parameters
    ----------
    method : str
        Name of a solver, or ``auto``.
    time_limit : float
        Seconds.
    workers : int
        Threads of the solver; 1 is deterministic.
    seed : int
    """

    method: str = "auto"
    time_limit: float = 60.0
    workers: int = 2
    seed: int = 0


def encodings_of(network: Network, profile: Profile) -> list[Encoding]:
    """One problem for every limit on the threads of each device.

    The launch of a program costs more the more threads its widest layer uses. With the limit
    fixed that cost is a constant; the best plan over all limits is the best plan.
    """
    names = [device.name for device in profile.board.devices]
    products = itertools.product(*(profile.thread_counts(name) for name in names))
    limits = [dict(zip(names, limit, strict=True)) for limit in products]
    # The last limit is none: if a layer has no placement there, encoding it says so.
    useful = [limit for limit in limits[:-1] if _is_runnable(network, profile, limit)]
    return [encode_problem(network, profile, limit) for limit in [*useful, limits[-1]]]


def _is_runnable(network: Network, profile: Profile, limit: Mapping[str, int]) -> bool:
    """Whether every layer has a placement of no more threads than the limit."""
    return all(
        any(
            cost.configuration.threads <= limit[cost.device]
            for cost in profile.layers[node.name].placements
        )
        for node in network.nodes
    )


def solve_all(
    encodings: Sequence[Encoding], options: SolveOptions
) -> list[tuple[Encoding, SolverResult]]:
    """Solve every problem; together they keep the time limit."""
    end = time.monotonic() + options.time_limit
    solved = []
    for index, encoding in enumerate(encodings):
        left = max(end - time.monotonic(), options.time_limit / 1000)
        result = solve(
            encoding.problem,
            options.method,
            time_limit=left / (len(encodings) - index),
            workers=options.workers,
            seed=options.seed,
        )
        solved.append((encoding, result))
    return solved


def best(solved: list[tuple[Encoding, SolverResult]]) -> tuple[Encoding, SolverResult]:
    """The best of several problems' results, with a bound that holds for all of them."""
    feasible = [pair for pair in solved if pair[1].objective is not None]
    if not feasible:
        return next((p for p in solved if p[1].status is not Status.INFEASIBLE), solved[-1])
    encoding, found = min(feasible, key=lambda pair: pair[1].objective or 0)
    others = [r for _, r in solved if r.status is not Status.INFEASIBLE]
    bounds = [r.bound for r in others]
    bound = None if None in bounds else min(b for b in bounds if b is not None)
    optimal = bound is not None and found.objective is not None and bound >= found.objective
    return encoding, attrs.evolve(
        found,
        bound=bound,
        status=Status.OPTIMAL if optimal else Status.FEASIBLE,
        runtime_s=sum(r.runtime_s for _, r in solved),
    )
