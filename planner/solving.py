"""One problem for each limit on threads, solved within one time limit."""

from __future__ import annotations

import itertools
import time
from collections.abc import Mapping, Sequence

from attrs import frozen

from bnnplan.models.graph import Network
from bnnplan.planner.choosing import Solved
from bnnplan.planner.cores import cluster_of
from bnnplan.planner.encoding import Encoding, encode_problem
from bnnplan.planner.offers import Offers, offered_placements
from bnnplan.planner.plan_errors import NoPlanError, StoppedError
from bnnplan.planner.problem import Measure
from bnnplan.planner.profile import Profile
from bnnplan.planner.request import Request
from bnnplan.planner.solvers import is_complete, solve
from bnnplan.planner.solvers.base import SolverResult


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


def encodings_of(
    network: Network, profile: Profile, request: Request | None = None
) -> list[Encoding]:
    """One problem for every limit on the threads of each device.

    The launch of a program costs more the more threads its widest layer uses. With the limit
    fixed that cost is a constant; the best plan over all limits is the best plan. Energy and
    memory depend on no launch: without a wish for latency or throughput one problem is enough.
    So it is on parts of clusters, each of which starts as many threads as it has cores.

    Returns
    -------
    list of Encoding
        The last one has no limit.

    Raises
    ------
    RequestError, InfeasibleError
        See :func:`bnnplan.planner.offers.offered_placements`.
    """
    wanted = request or Request()
    whole = encode_problem(network, profile, wanted)
    if not wanted.concerns(Measure.LATENCY, Measure.PERIOD):
        return [whole]
    offers = offered_placements(network, profile, wanted)
    devices = profile.board.devices
    if teams := {one.name: one.threads for one in devices if one.name != cluster_of(one.name)}:
        return [encode_problem(network, profile, wanted, teams)]
    names = [device.name for device in devices]
    products = itertools.product(*(_thread_counts(offers, name) for name in names))
    limits = [dict(zip(names, limit, strict=True)) for limit in products]
    useful = [limit for limit in limits[:-1] if _is_runnable(offers, limit)]
    return [*(encode_problem(network, profile, wanted, limit) for limit in useful), whole]


def _thread_counts(offers: Offers, device: str) -> list[int]:
    """Thread counts of the configurations that may be chosen on a device; 1 if there are none."""
    counts = {
        cost.configuration.threads
        for costs in offers.values()
        for cost in costs
        if cost.device == device
    }
    return sorted(counts) or [1]


def _is_runnable(offers: Offers, limit: Mapping[str, int]) -> bool:
    """Whether every layer has a placement of no more threads than the limit."""
    return all(
        any(cost.configuration.threads <= limit[cost.device] for cost in costs)
        for costs in offers.values()
    )


def solve_all(
    encodings: Sequence[Encoding], options: SolveOptions, images: int = 1
) -> list[Solved]:
    """Solve every problem of a batch of so many images; together they keep the time limit."""
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
        solved.append(Solved(encoding, result, images))
    return solved


def nothing_found(name: str, result: SolverResult, options: SolveOptions) -> NoPlanError:
    """What to tell a user where a method has no plan, and has not proven that there is none."""
    method, why = options.method, result.message
    if result.interrupted:
        return StoppedError(f"interrupted before a plan was found for {name!r}")
    if not is_complete(method):
        return NoPlanError(
            f"method {method!r} finds no plan for {name!r}: {why}; another --method, such as "
            "auto, may"
        )
    return NoPlanError(
        f"no plan for {name!r} by method {result.method!r} within {options.time_limit:g} s"
        f"{': ' if why else ''}{why}; raise --time-limit, or try another --method"
    )
