"""States a solution of the problem as a plan of the network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import attrs

from bnnplan.models.graph import Network
from bnnplan.planner.board import Board
from bnnplan.planner.encoding import Encoding
from bnnplan.planner.offers import has_power
from bnnplan.planner.plan import (
    Baseline,
    BatchResult,
    Plan,
    PlannedLayer,
    PlannedTransfer,
    Predicted,
    Proof,
)
from bnnplan.planner.plan_memory import planned_memory
from bnnplan.planner.problem import Measure, Problem
from bnnplan.planner.profile import Origin, PlacementCost, Profile, shape_fingerprint
from bnnplan.planner.request import Request
from bnnplan.planner.solution import Solution
from bnnplan.planner.solvers.checking.checker import measures, memory_peaks
from bnnplan.planner.solvers.schedules.evaluation import schedule
from bnnplan.planner.solvers.structure import Graph
from bnnplan.planner.uncertainty import Doubt, doubt_of, interval_of, period_interval


def build_plan(
    network: Network,
    profile: Profile,
    encoding: Encoding,
    solution: Solution,
    *,
    request: Request,
    source: str,
    proof: Proof,
    baselines: tuple[Baseline, ...] = (),
    batches: tuple[BatchResult, ...] = (),
) -> Plan:
    """State a solution of the problem as a plan of the network.

    The schedule is that of one batch that runs alone, also where the plan is a pipeline.
    """
    alone = run_alone(encoding, solution)
    chosen = encoding.chosen(solution.choice)
    kinds = {node.name: node.layer.kind for node in network.nodes}
    stages = solution.stages or (None,) * len(solution.choice)
    rows: list[PlannedLayer] = []
    busy: list[tuple[int, int, str]] = []
    launches = 0
    for task, loaded, index, start, end, stage in zip(
        _alone(encoding).tasks,
        encoding.problem.tasks,
        solution.choice,
        alone.starts,
        alone.ends,
        stages,
        strict=True,
    ):
        if (cost := chosen.get(task.name)) is None:
            continue
        duration = task.options[index].duration
        launches += end - start - duration
        busy.append((start, end, cost.device))
        rows.append(
            PlannedLayer(
                task.name,
                kinds[task.name],
                cost.device,
                cost.configuration,
                start,
                duration,
                stage=stage,
                launch_ns=end - start - duration,
                loaded_ns=loaded.options[index].duration if encoding.alone else None,
                origin=cost.origin,
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
        request=request,
        layers=rows,
        transfers=_transfers(network, profile, encoding, alone),
        launches_ns=launches,
        concurrent=concurrent,
        predicted=attrs.evolve(
            predict(encoding, profile.board, solution),
            interval=_interval(kinds, chosen, max(alone.ends), request),
            period_interval=_period_interval(rows, chosen, solution.period, request),
        ),
        proof=proof,
        baselines=baselines,
        batches=batches,
        memory=planned_memory(
            network,
            profile.board,
            profile.batch,
            chosen,
            [row.name for row in rows],
            memory_peaks(encoding.problem, solution),
            request.capacities(profile.board),
            concurrent=concurrent,
        ),
        costs=profile.costs_digest,
        model=_model(profile),
    )


def _interval(
    kinds: Mapping[str, str], chosen: Mapping[str, PlacementCost], whole: int, request: Request
) -> tuple[int, int] | None:
    """Where the latency lies; None where costs are measured, or stated at a confidence already."""
    if request.confidence is not None:
        return None
    return interval_of(whole, {name: (kinds[name], cost) for name, cost in chosen.items()})


def _period_interval(
    rows: Iterable[PlannedLayer],
    chosen: Mapping[str, PlacementCost],
    period: int | None,
    request: Request,
) -> tuple[int, int] | None:
    """Where the period lies; None of what is no pipeline, and as for the latency."""
    if period is None or request.confidence is not None:
        return None
    return period_interval(period, (_period_cost(row, chosen[row.name]) for row in rows))


def _period_cost(row: PlannedLayer, cost: PlacementCost) -> tuple[str, int, Doubt]:
    taken = row.predicted_ns if row.loaded_ns is None else row.loaded_ns
    doubt = doubt_of(row.name, row.kind, cost, cost.loaded or cost.time)
    return row.device, taken + row.launch_ns, doubt


def _model(profile: Profile) -> str:
    """What predicted costs, if anything did: also of placements that the plan does without."""
    offered = (cost for costs in profile.layers.values() for cost in costs.placements)
    is_measured = all(cost.origin is Origin.MEASURED for cost in offered)
    return "" if is_measured else profile.conditions.model


def predict(encoding: Encoding, board: Board, solution: Solution) -> Predicted:
    """The predicted value of everything that a solution can be measured by."""
    values = measures(encoding.problem, solution)
    used = {cost.device for cost in encoding.chosen(solution.choice).values()}
    return Predicted(
        latency_ns=values[Measure.LATENCY],
        alone_ns=max(run_alone(encoding, solution).ends),
        period_ns=solution.period,
        energy_nj=values[Measure.ENERGY] if has_power(board, used) else None,
        memory_bytes=values[Measure.MEMORY],
    )


def run_alone(encoding: Encoding, solution: Solution) -> Solution:
    """The schedule of one batch while no other is under way: of a pipeline, the same choice."""
    if not encoding.problem.is_pipeline:
        return solution
    alone = schedule(Graph(_alone(encoding)), solution.choice)
    assert alone is not None, "what a pipeline transfers, one batch can transfer"
    return alone


def _alone(encoding: Encoding) -> Problem:
    return encoding.alone or encoding.problem


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
