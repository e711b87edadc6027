"""How many batches a pipeline holds, where nobody says so."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bnnplan.models.graph import Network
from bnnplan.planner.execution.pipelines.layout import StreamLayout
from bnnplan.planner.plan import Plan
from bnnplan.planner.problem import Measure

SLACK = 1
"""How often more than needed a tensor is held between stages, where nothing forbids it."""
ROUND_NS = 8_000_000
"""What a window is enough for: filling a part of it is then worth waking the caller."""
MOST_SLOTS = 1024
MOST_WINDOW = 1 << 20
"""Batches in a window that is asked for."""
MOST_SLACK = 1 << 10
"""That is asked for."""
MOST_KEPT = 1 << 20
"""Turns of a stage, which the native pipeline has room for."""
MOST_BYTES = 16 << 20
"""Of a window that is larger than it must be."""


def wanted_slack(plan: Plan) -> int:
    """How often more than needed tensors are held, where memory suffices: 0 for a deadline."""
    limited = any(limit.measure is Measure.LATENCY for limit in plan.request.limits)
    return 0 if limited else SLACK


def window_slots(network: Network, plan: Plan, layouts: Sequence[StreamLayout], slack: int) -> int:
    """Slots of a window: all batches that stages can work on, twice; more where they are brief."""
    names = {*network.inputs, *network.outputs}
    nbytes = sum(network.types[name].nbytes(plan.batch) for name in names)
    least = 2 * sum(len(layout.stages) + slack for layout in layouts)
    period = plan.predicted.period_ns or plan.streams[0].period_ns
    worth = math.ceil(ROUND_NS / max(period, 1))
    return max(least, min(worth, MOST_SLOTS, MOST_BYTES // max(nbytes, 1)))
