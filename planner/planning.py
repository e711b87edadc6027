"""From a profile to a plan: encode, solve, compare with the baselines."""

from __future__ import annotations

import itertools
import time
from collections.abc import Mapping, Sequence

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
from bnnplan.planner.plan_memory import planned_memory
from bnnplan.planner.problem import Solution
from bnnplan.planner.profile import Profile, shape_fingerprint
from bnnplan.planner.solvers import solve
from bnnplan.planner.solvers.base import SolverResult, Status
from bnnplan.planner.solvers.checking import memory_peaks

SHOWN_REASONS = 3
PROVING = ("auto", "cpsat", "exhaustive")
"""Methods that find a plan if there is one, given time; the others may miss it."""
MOST_TIGHTENINGS = 4
"""Solutions that turn out not to fit in memory as they run, before none is expected to."""
PROOF_SECONDS = 10.0
"""For finding out whether there is a plan at all that the others have missed."""


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
    end = time.monotonic() + chosen.time_limit
    encodings = _encodings(network, profile)
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
    encoding, result = _best(_solve_all(encodings, chosen))
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


def _encodings(network: Network, profile: Profile) -> list[Encoding]:
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


def _solve_all(
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
    rows: list[PlannedLayer] = []
    busy: list[tuple[int, int, str]] = []
    launches = 0
    for task, start, end in zip(
        encoding.problem.tasks, solution.starts, solution.ends, strict=True
    ):
        if (cost := chosen.get(task.name)) is None:
            continue
        launches += end - start - cost.time.median
        busy.append((start, end, cost.device))
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
    concurrent = _overlaps(busy)
    return Plan(
        source=source,
        network=network.name,
        network_fingerprint=shape_fingerprint(network),
        board=profile.board,
        batch=profile.batch,
        objective="latency",
        layers=rows,
        transfers=_transfers(network, profile, encoding, solution),
        launches_ns=launches,
        concurrent=concurrent,
        proof=proof,
        baselines=baselines,
        memory=planned_memory(
            network,
            profile.board,
            profile.batch,
            chosen,
            [row.name for row in rows],
            memory_peaks(encoding.problem, solution),
            concurrent=concurrent,
        ),
    )


def _transfers(
    network: Network, profile: Profile, encoding: Encoding, solution: Solution
) -> list[PlannedTransfer]:
    space_of = {port.name: port.space for port in encoding.problem.ports}
    return [
        PlannedTransfer(
            moved.tensor,
            space_of[moved.source],
            space_of[moved.target],
            network.types[moved.tensor].nbytes(profile.batch),
            moved.end - moved.start,
        )
        for moved in sorted(solution.transfers, key=lambda moved: moved.start)
    ]


def _overlaps(busy: list[tuple[int, int, str]]) -> bool:
    """Whether two devices are busy at the same moment; given start, end and device, launch incl."""
    busy_until: dict[str, int] = {}
    for start, end, device in sorted(busy):
        others = (until for other, until in busy_until.items() if other != device)
        if end > start and any(until > start for until in others):
            return True
        busy_until[device] = max(end, busy_until.get(device, 0))
    return False
