"""States a solution of the problem as a plan of the network."""

from __future__ import annotations

from bnnplan.models.graph import Network
from bnnplan.planner.encoding import Encoding
from bnnplan.planner.plan import Baseline, Plan, PlannedLayer, PlannedTransfer, Proof
from bnnplan.planner.plan_memory import planned_memory
from bnnplan.planner.profile import Profile, shape_fingerprint
from bnnplan.planner.solution import Solution
from bnnplan.planner.solvers.checking import memory_peaks


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
