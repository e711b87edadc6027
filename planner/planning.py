"""From a profile to a plan: encode, solve, compare with the baselines."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import attrs

from bnnplan.models.graph import Network
from bnnplan.planner.baselines import baselines_of
from bnnplan.planner.encoding import Encoding
from bnnplan.planner.plan import InfeasibleError, NoPlanError, Plan, Proof
from bnnplan.planner.plan_building import build_plan
from bnnplan.planner.profile import Profile
from bnnplan.planner.solvers import solve
from bnnplan.planner.solvers.base import SolverResult, Status
from bnnplan.planner.solving import SolveOptions, best, encodings_of, solve_all

SHOWN_REASONS = 3
PROVING = ("auto", "cpsat", "exhaustive")
"""Methods that find a plan if there is one, given time; the others may miss it."""
MOST_TIGHTENINGS = 4
"""Solutions that turn out not to fit in memory as they run, before none is expected to."""
PROOF_SECONDS = 10.0
"""For finding out whether there is a plan at all that the others have missed."""


def plan_latency(
    network: Network, profile: Profile, *, source: str, options: SolveOptions | None = None
) -> Plan:
    """Find the plan of least latency for one batch.

    Parameters
    ----------
    network : Network
    profile : Profile
        Of this network.
    source : str
        What the network was opened from; kept in the plan.
    options : SolveOptions, optional

    Raises
    ------
    InfeasibleError
        If no plan exists; with the conflicting constraints.
    NoPlanError
        If none was found within the time limit.
    """
    profile.require(network, profile.batch)
    chosen = options or SolveOptions()
    end = time.monotonic() + chosen.time_limit
    encodings = encodings_of(network, profile)
    plan = _plan(network, profile, encodings, source, chosen)
    for _ in range(MOST_TIGHTENINGS):
        fitting = _fitting(plan)
        if not fitting:
            return plan
        encodings = [_tightened(encoding, fitting) for encoding in encodings]
        left = max(end - time.monotonic(), chosen.time_limit / 10)
        try:
            tight = _plan(
                network, profile, encodings, source, attrs.evolve(chosen, time_limit=left)
            )
        except InfeasibleError:
            break
        # Whatever runs fits the solver's looser count as well, so the first bound holds.
        bound = plan.proof.bound_ns
        is_optimal = bound is not None and tight.predicted_ns <= bound
        status = str(Status.OPTIMAL if is_optimal else Status.FEASIBLE)
        plan = attrs.evolve(tight, proof=attrs.evolve(tight.proof, bound_ns=bound, status=status))
    if fitting := _fitting(plan):
        raise NoPlanError(
            f"no plan found for {network.name!r} whose programs fit in memory as they run: "
            f"{' and '.join(fitting)} too small; use a smaller batch, or a board with more memory"
        )
    return plan


def _fitting(plan: Plan) -> dict[str, int]:
    """What the solver may count in each space in which running a plan exceeds the capacity.

    A solver counts what is alive at each moment. Programs hold more: a segment's copies are made
    before it starts, inputs and outputs stay, workspaces stay, and tensors leave gaps.
    """
    capacity = {space.name: space.capacity for space in plan.board.spaces}
    found = {}
    for row in plan.memory:
        limit = capacity.get(row.space)
        if limit is not None and row.allocated_bytes > limit:
            found[row.space] = max(0, (row.predicted_bytes or 0) - row.allocated_bytes + limit)
    return found


def _tightened(encoding: Encoding, capacities: Mapping[str, int]) -> Encoding:
    """The encoding with other capacities of some spaces."""
    spaces = [
        attrs.evolve(space, capacity=capacities.get(space.name, space.capacity))
        for space in encoding.problem.spaces
    ]
    return attrs.evolve(encoding, problem=attrs.evolve(encoding.problem, spaces=tuple(spaces)))


def _plan(
    network: Network,
    profile: Profile,
    encodings: Sequence[Encoding],
    source: str,
    chosen: SolveOptions,
) -> Plan:
    """The plan of the best of all encodings' solutions."""
    encoding, result = best(solve_all(encodings, chosen))
    heuristic = chosen.method not in PROVING
    if result.status is Status.UNKNOWN and heuristic:
        result = _infeasible_if_proven(encodings[-1], result, chosen)
    if result.status is Status.INFEASIBLE:
        more = len(result.reasons) - SHOWN_REASONS
        listed = [*result.reasons[:SHOWN_REASONS], *([f"and {more} more"] if more > 0 else [])]
        reasons = "; ".join(listed) or result.message
        raise InfeasibleError(f"no plan exists for {network.name!r}: {reasons}")
    if result.solution is None or result.objective is None:
        if heuristic:
            raise NoPlanError(
                f"method {chosen.method!r} finds no plan for {network.name!r}: {result.message}; "
                "another --method, such as auto, may"
            )
        raise NoPlanError(
            f"no plan for {network.name!r} by method {result.method!r} within "
            f"{chosen.time_limit:g} s{': ' if result.message else ''}{result.message}; raise "
            "--time-limit, or try another --method"
        )
    return build_plan(
        network,
        profile,
        encoding,
        result.solution,
        source=source,
        proof=Proof(
            str(result.status),
            result.objective,
            result.bound,
            result.method,
            round(result.runtime_s, 6),
            result.message,
        ),
        baselines=baselines_of(encodings),
    )


def _infeasible_if_proven(
    encoding: Encoding, result: SolverResult, options: SolveOptions
) -> SolverResult:
    """What a method that proves nothing has found, unless another one proves that nothing is.

    The encoding must be the one without limits on threads: infeasible there is infeasible at all.
    """
    proof = solve(
        encoding.problem,
        "cpsat",
        time_limit=min(PROOF_SECONDS, options.time_limit),
        workers=options.workers,
        seed=options.seed,
    )
    return proof if proof.status is Status.INFEASIBLE else result
