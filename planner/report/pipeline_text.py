"""What a pipeline does, stage by stage, as text."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from bnnplan.planner.plan import Plan, PlannedLayer
from bnnplan.planner.report.units import duration, per_second


def pipeline_lines(plan: Plan) -> Iterator[str]:
    """Period, rate and latency of a pipeline, and the layers of each stage; else nothing."""
    period = plan.predicted.period_ns
    if period is None:
        return
    stages: dict[int, list[PlannedLayer]] = defaultdict(list)
    for row in plan.layers:
        stages[row.stage or 0].append(row)
    rate = per_second(plan.batch * 1e9 / max(period, 1), " images")
    yield (
        f"pipeline: a batch every {duration(period)} ({rate}), latency of each "
        f"{duration(plan.predicted.latency_ns)}"
    )
    for number in sorted(stages):
        yield f"  stage {number}: {_devices(stages[number])}"
    if plan.measured:
        yield (
            "  predicted only: batches were run one after the other, and the measured latency is "
            "that of one alone"
        )


def _devices(rows: list[PlannedLayer]) -> str:
    """The layers of each device that works in a stage, and the time of them."""
    by_device: dict[str, list[PlannedLayer]] = defaultdict(list)
    for row in rows:
        by_device[row.device].append(row)
    parts = []
    for device, mine in by_device.items():
        names = mine[0].name if len(mine) == 1 else f"{mine[0].name} … {mine[-1].name}"
        count = "1 layer" if len(mine) == 1 else f"{len(mine)} layers"
        total = duration(sum(row.predicted_ns for row in mine))
        parts.append(f"{device} ({count}, {names}: {total})")
    return " and ".join(parts)
