"""From a profile to a plan: encode, solve, compare with the baselines."""

from __future__ import annotations

import itertools

import attrs
from attrs import frozen

from bnnplan.models.graph import Network
from bnnplan.planner.baselines import baselines_of
from bnnplan.planner.encoding import Encoding, encode_problem
from bnnplan.planner.plan import (
    Baseline,
    InfeasibleError,
    NoPlanError,
    Plan,
    PlannedLayer,
    PlannedTransfer,
    Proof,
)
from bnnplan.planner.problem import Solution
from bnnplan.planner.profile import Profile, shape_fingerprint
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
    encodings = _encodings(network, profile)
    encoding, result = _best([(each, _solve(each, chosen)) for each in encodings])
    if result.status is Status.INFEASIBLE:
        reasons = "; ".join(result.reasons) or result.message
        raise InfeasibleError(f"no plan exists for {network.name!r}: {reasons}")
    if result.solution is None or result.objective is None:
        raise NoPlanError(
            f"no plan for {network.name!r} within {chosen.time_limit} s: {result.message or 'the '}"
            "solver needs more time; raise --time-limit"
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


def _encodings(network: Network, profile: Profile) -> list[Encoding]:
    """One problem for every limit on the threads of each device.

    The launch of a program costs more the more threads its widest layer uses. With the limit
    fixed that cost is a constant; the best plan over all limits is the best plan.
    """
    names = [device.name for device in profile.board.devices]
    limits = itertools.product(*(profile.thread_counts(name) for name in names))
    encodings = [
        encode_problem(network, profile, dict(zip(names, limit, strict=True))) for limit in limits
    ]
    runnable = [e for e in encodings if all(task.options for task in e.problem.tasks)]
    return runnable or encodings[-1:]


def _solve(encoding: Encoding, options: SolveOptions) -> SolverResult:
    return solve(
        encoding.problem,
        options.method,
        time_limit=options.time_limit,
        workers=options.workers,
        seed=options.seed,
    )


def _best(solved: list[tuple[Encoding, SolverResult]]) -> tuple[Encoding, SolverResult]:
    """The best of several problems' results, with a bound that holds for all of them."""
    feasible = [pair for pair in solved if pair[1].objective is not None]
    if not feasible:
        return next((p for p in solved if p[1].status is not Status.INFEASIBLE), solved[-1])
    encoding, best = min(feasible, key=lambda pair: pair[1].objective or 0)
    others = [r for _, r in solved if r.status is not Status.INFEASIBLE]
    bounds = [r.bound for r in others]
    bound = None if None in bounds else min(b for b in bounds if b is not None)
    optimal = bound is not None and best.objective is not None and bound >= best.objective
    return encoding, attrs.evolve(
        best,
        bound=bound,
        status=Status.OPTIMAL if optimal else Status.FEASIBLE,
        runtime_s=sum(r.runtime_s for _, r in solved),
    )


def build_plan(
    network: Network,
    profile: Profile,
    encoding: Encoding,
    solution: Solution,
    *,
    source: str,
    proof: Proof,
    baselines: tuple[Baseline, ...],
) -> Plan:
    """State a solution of the problem as a plan of the network."""
    chosen = encoding.chosen(solution.choice)
    kinds = {node.name: node.layer.kind for node in network.nodes}
    rows, launches = [], 0
    for task, start, end in zip(
        encoding.problem.tasks, solution.starts, solution.ends, strict=True
    ):
        if (cost := chosen.get(task.name)) is None:
            continue
        launches += end - start - cost.time.median
        rows.append(
            PlannedLayer(
                task.name,
                kinds[task.name],
                cost.device,
                cost.configuration,
                start,
                cost.time.median,
            )
        )
    position = {node.name: index for index, node in enumerate(network.nodes)}
    rows.sort(key=lambda row: (row.start_ns, position[row.name]))
    return Plan(
        source=source,
        network=network.name,
        network_fingerprint=shape_fingerprint(network),
        board=profile.board,
        batch=profile.batch,
        objective="latency",
        layers=rows,
        transfers=_transfers(network, profile, solution),
        launches_ns=launches,
        concurrent=_overlaps(rows),
        proof=proof,
        baselines=baselines,
    )


def _transfers(network: Network, profile: Profile, solution: Solution) -> list[PlannedTransfer]:
    return [
        PlannedTransfer(
            moved.tensor,
            moved.source.split("/")[0],
            moved.target.split("/")[0],
            network.types[moved.tensor].nbytes(profile.batch),
            moved.end - moved.start,
        )
        for moved in sorted(solution.transfers, key=lambda moved: moved.start)
    ]


def _overlaps(rows: list[PlannedLayer]) -> bool:
    """Whether two devices are busy at the same moment."""
    busy_until: dict[str, int] = {}
    for row in rows:
        others = (end for device, end in busy_until.items() if device != row.device)
        if row.predicted_ns and any(end > row.start_ns for end in others):
            return True
        busy_until[row.device] = row.start_ns + row.predicted_ns
    return False
