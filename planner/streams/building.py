"""States a set of streams as a plan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import attrs

from bnnplan.backends.interface import Device
from bnnplan.planner.board import Board
from bnnplan.planner.cores import on_devices
from bnnplan.planner.plan import MemoryUse, Plan, PlannedStream, Proof
from bnnplan.planner.plan_building import build_plan
from bnnplan.planner.solvers.schedules.solutions import evaluate
from bnnplan.planner.streams.found import Stream
from bnnplan.planner.streams.packing import period_of
from bnnplan.planner.streams.problems import StreamProblems, stream_request
from bnnplan.planner.streams.weights import counted_again, weights_of


def plan_of_streams(
    problems: StreamProblems, streams: Sequence[Stream], *, source: str, proof: Proof
) -> Plan:
    """State streams, the fastest first, as one plan: on cores that they share with no other one."""
    devices = problems.room.devices([stream.lineup for stream in streams])
    made: dict[int, tuple[Plan, list[Device]]] = {}
    plans = []
    for stream, mine in zip(streams, devices, strict=True):
        if id(stream) not in made:
            made[id(stream)] = _alone(problems, stream, mine, source, proof), mine
        plans.append(_moved(*made[id(stream)], mine))
    first = plans[0]
    used = [device for mine in devices for device in mine]
    periods = [_period(plan) for plan in plans]
    energies = [plan.predicted.energy_nj for plan in plans]
    memories = [plan.predicted.memory_bytes or 0 for plan in plans]
    again = counted_again(weights_of(problems.profile.board, stream) for stream in streams)
    several = len(plans) > 1
    return attrs.evolve(
        first,
        board=with_devices(problems.profile.board, used),
        request=problems.request,
        predicted=attrs.evolve(
            first.predicted,
            latency_ns=max(plan.predicted.latency_ns for plan in plans),
            period_ns=period_of(periods),
            period_interval=_interval(plans),
            energy_nj=None if None in energies else max(one or 0 for one in energies),
            memory_bytes=sum(memories) - again.total(),
            first_period_ns=periods[0] if several else None,
            first_latency_ns=first.predicted.latency_ns if several else None,
        ),
        memory=summed((row for plan in plans for row in plan.memory), again),
        costs=problems.profile.costs_digest,
        replicas=[
            PlannedStream(plan.layers, plan.transfers, period, plan.predicted.latency_ns)
            for plan, period in zip(plans[1:], periods[1:], strict=True)
        ],
    )


def _interval(plans: Sequence[Plan]) -> tuple[int, int] | None:
    """Where the period of all streams lies, if they are at the same end at once: rates add up."""
    known = [plan.predicted.period_interval for plan in plans]
    if not any(known):
        return None
    each = [one or (_period(plan),) * 2 for one, plan in zip(known, plans, strict=True)]
    return period_of([low for low, _ in each]), period_of([high for _, high in each])


def summed(rows: Iterable[MemoryUse], again: Mapping[str, int]) -> tuple[MemoryUse, ...]:
    """What several streams hold together in each space.

    Parameters
    ----------
    rows : iterable of MemoryUse
        Of every stream.
    again : mapping of str to int
        Bytes of weights in them that are counted more than once.
    """
    found: dict[str, list[MemoryUse]] = {}
    for row in rows:
        found.setdefault(row.space, []).append(row)
    return tuple(
        MemoryUse(
            space,
            sum(row.weight_bytes for row in mine) - again.get(space, 0),
            sum(row.activation_bytes for row in mine),
            sum(row.alive_bytes for row in mine),
            sum(row.workspace_bytes for row in mine),
            sum(row.predicted_bytes or 0 for row in mine) - again.get(space, 0),
        )
        for space, mine in found.items()
    )


def with_devices(board: Board, devices: Iterable[Device]) -> Board:
    """A board with parts of its clusters besides them."""
    known = {device.name: device for device in [*board.devices, *devices]}
    return attrs.evolve(board, devices=tuple(known.values()))


def _alone(
    problems: StreamProblems, stream: Stream, devices: list[Device], source: str, proof: Proof
) -> Plan:
    """One stream as a plan of its own, on given devices."""
    encoding = problems.encoding(stream.lineup, devices=devices)
    return build_plan(
        problems.network,
        on_devices(problems.profile, devices),
        encoding,
        evaluate(encoding.problem, stream.solution.choice),
        request=stream_request(problems.request, devices),
        source=source,
        proof=proof,
    )


def _moved(plan: Plan, devices: list[Device], others: list[Device]) -> Plan:
    """A plan of one stream on other devices of the same kinds."""
    names = {one.name: other.name for one, other in zip(devices, others, strict=True)}
    rows = [attrs.evolve(row, device=names[row.device]) for row in plan.layers]
    return attrs.evolve(plan, board=with_devices(plan.board, others), layers=rows)


def _period(plan: Plan) -> int:
    assert plan.predicted.period_ns is not None, "a plan for throughput is a pipeline"
    return plan.predicted.period_ns
