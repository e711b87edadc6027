"""From a profile to a plan: encode, solve, compare with the baselines."""

from __future__ import annotations

from attrs import frozen

from bnnplan.models.graph import Network
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
from bnnplan.planner.profile import USER, Profile, shape_fingerprint
from bnnplan.planner.solvers import greedy, single, solve
from bnnplan.planner.solvers.base import SolverResult, Status

SINGLE_DEVICE = "best single device"
GREEDY = "per-layer greedy (HEP-BNN)"


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
    encoding = encode_problem(network, profile)
    result = solve(
        encoding.problem,
        chosen.method,
        time_limit=chosen.time_limit,
        workers=chosen.workers,
        seed=chosen.seed,
    )
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
        baselines=_baselines(encoding),
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


def _baselines(encoding: Encoding) -> tuple[Baseline, ...]:
    problem = encoding.problem
    devices = single.single_devices(problem)
    feasible = {name: r for name, r in devices.items() if r.objective is not None}
    baselines = []
    if feasible:
        best = min(feasible, key=lambda name: feasible[name].objective or 0)
        note = "; ".join(filter(None, (best, feasible[best].message)))
        baselines.append(_baseline(SINGLE_DEVICE, encoding, feasible[best], note))
    baselines.append(_baseline(GREEDY, encoding, greedy.solve(problem)))
    baselines += [
        _baseline(f"all on {name}", encoding, result, result.message)
        for name, result in devices.items()
    ]
    groups = sorted(
        single.single_groups(problem).items(),
        key=lambda item: (item[1].objective is None, item[1].objective or 0),
    )
    baselines += [
        _baseline(f"all {name}", encoding, result, result.message) for name, result in groups
    ]
    return tuple(baselines)


def _baseline(name: str, encoding: Encoding, result: SolverResult, note: str = "") -> Baseline:
    if result.solution is None:
        return Baseline(name, None, note=result.message or note)
    chosen = encoding.chosen(result.solution.choice)
    placements = {node: (cost.device, cost.configuration) for node, cost in chosen.items()}
    return Baseline(name, result.objective, note=note, placements=placements)


__all__ = ["GREEDY", "SINGLE_DEVICE", "USER", "SolveOptions", "build_plan", "plan_latency"]
