"""From profiles to a plan: encode, solve, choose the batch, compare with the baselines."""

from __future__ import annotations

import time
from collections.abc import Sequence

import attrs

from bnnplan.models.graph import Network
from bnnplan.planner.baselines import baselines_of
from bnnplan.planner.batches import Batch
from bnnplan.planner.choosing import Solved, best
from bnnplan.planner.plan import InfeasibleError, NoPlanError, Plan, Proof
from bnnplan.planner.plan_building import build_plan
from bnnplan.planner.profile import Profile
from bnnplan.planner.request import Request, RequestError
from bnnplan.planner.solving import SolveOptions
from bnnplan.planner.streams.baselines import stream_baselines
from bnnplan.planner.streams.batches import StreamBatch
from bnnplan.planner.streams.building import with_devices

MOST_TIGHTENINGS = 4
"""Solutions that turn out not to fit in memory as they run, before none is expected to."""


def find_plan(
    network: Network,
    profiles: Profile | Sequence[Profile],
    *,
    request: Request | None = None,
    source: str,
    options: SolveOptions | None = None,
) -> Plan:
    """Find the best plan for what is requested.

    If throughput comes first, it is a set of streams on parts of the board; else one schedule or
    pipeline on whole devices.

    Parameters
    ----------
    network : Network
    profiles : Profile or sequence of Profile
        Of this network, on one board of whole clusters; one for each batch size that the plan may
        have. The best batch is the one of least latency, period or energy an image (memory: in
        all); limits are those of a whole batch.
    request : Request, optional
        By default the least latency.
    source : str
        What the network was opened from; kept in the plan.
    options : SolveOptions, optional

    Raises
    ------
    RequestError
        If the request contradicts itself, or names what is not there.
    InfeasibleError
        If no plan exists; with the conflicting constraints.
    NoPlanError
        If none was found within the time limit.
    """
    offered = [profiles] if isinstance(profiles, Profile) else list(profiles)
    _check_batches(network, offered)
    wanted, chosen = request or Request(), options or SolveOptions()
    if wanted.is_stream:
        return _streams(network, offered, wanted, source, chosen)
    end = time.monotonic() + chosen.time_limit
    batches = [Batch(network, profile, wanted, chosen) for profile in offered]
    for number, batch in enumerate(batches):
        left = max(end - time.monotonic(), chosen.time_limit / 1000)
        batch.search(left / (len(batches) - number))
    while usable := [batch for batch in batches if batch.fault is None]:
        solved = best([batch.found for batch in batches if batch.found is not None])
        batch = next(one for one in usable if one.profile.batch == solved.images)
        found = _stated(network, batch, solved, wanted, source)
        if not (fitting := overfull(found)):
            rows = [one.row() for one in batches] if len(batches) > 1 else []
            return attrs.evolve(
                found,
                baselines=baselines_of(batch.encodings, batch.profile.board),
                batches=rows,
            )
        if batch.tightenings == MOST_TIGHTENINGS:
            batch.give_up(list(fitting))
        else:
            batch.tighten(fitting, max(end - time.monotonic(), chosen.time_limit / 10))
    raise _failure(network, batches)


def _streams(
    network: Network,
    profiles: Sequence[Profile],
    request: Request,
    source: str,
    options: SolveOptions,
) -> Plan:
    """The set of streams with the most images a second, over all batches."""
    end = time.monotonic() + options.time_limit
    batches = [StreamBatch(network, profile, request, options) for profile in profiles]
    for number, batch in enumerate(batches):
        left = max(end - time.monotonic(), options.time_limit / 1000)
        batch.search(left / (len(batches) - number))
    usable = [batch for batch in batches if batch.fault is None]
    if not usable:
        raise _failure(network, batches)
    solved = best([batch.found for batch in usable if batch.found is not None])
    chosen = next(one for one in usable if one.profile.batch == solved.images)
    plan = chosen.plan(solved, source)
    baselines = stream_baselines(chosen.finding)
    return attrs.evolve(
        plan,
        board=with_devices(plan.board, baselines.devices),
        baselines=baselines.rows,
        batches=[batch.row() for batch in batches] if len(batches) > 1 else [],
    )


def _check_batches(network: Network, profiles: Sequence[Profile]) -> None:
    if not profiles:
        raise RequestError("a plan needs a profile")
    seen = set()
    for profile in profiles:
        profile.require(network, profile.batch)
        if profile.batch in seen:
            raise RequestError(f"batch {profile.batch} is given twice")
        seen.add(profile.batch)


def _stated(network: Network, batch: Batch, solved: Solved, request: Request, source: str) -> Plan:
    result = solved.result
    assert result.solution is not None
    return build_plan(
        network,
        batch.profile,
        solved.encoding,
        result.solution,
        request=request,
        source=source,
        proof=Proof.of(result, solved.proofs),
    )


def overfull(plan: Plan) -> dict[str, int]:
    """What the solver may count in each space in which running a plan exceeds the capacity.

    A solver counts what is alive at each moment. Programs hold more: a segment's copies are made
    before it starts, inputs and outputs stay, workspaces stay, and tensors leave gaps.
    """
    capacity = plan.request.capacities(plan.board)
    found = {}
    for row in plan.memory:
        limit = capacity.get(row.space)
        if limit is not None and row.allocated_bytes > limit:
            found[row.space] = max(0, (row.predicted_bytes or 0) - row.allocated_bytes + limit)
    return found


def _failure(network: Network, batches: Sequence[Batch | StreamBatch]) -> Exception:
    """Why there is no plan, told of every batch where there are several."""
    faults = [(batch.profile.batch, batch.fault) for batch in batches if batch.fault is not None]
    if len(faults) == 1:
        return faults[0][1]
    lines = "; ".join(f"batch {size}: {fault}" for size, fault in faults)
    proven = all(isinstance(fault, InfeasibleError) for _, fault in faults)
    return (InfeasibleError if proven else NoPlanError)(
        f"no batch of {network.name!r} has a plan: {lines}"
    )
