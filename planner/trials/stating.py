"""What is stated of a plan that has run: how well it was predicted, and what it allocated."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from bnnplan.models.graph import Network
from bnnplan.planner.execution.memory import footprint
from bnnplan.planner.execution.pipelines import Pipeline
from bnnplan.planner.plan import Plan
from bnnplan.planner.trials.exactness import Reference, make_runner

ONCE_MORE = "the last round agreed, but the plan was run once more"


def prediction_error(plan: Plan, predicted_ns: int, measured_ns: int) -> float:
    """By what share a prediction is off.

    Costs that are bounds of a confidence are expected to be above what is measured.
    """
    error = predicted_ns / max(measured_ns, 1) - 1
    return max(0.0, -error) if plan.request.confidence is not None else abs(error)


def with_own_error(plan: Plan) -> Plan:
    """The plan whose agreement is of the figures that it states itself.

    It may be another one than that of the last round, or it was measured again since.
    """
    ended = plan.agreement
    if ended is None:
        return plan
    if plan.pipeline is not None:
        predicted, measured = plan.predicted.period_ns or 0, plan.pipeline.period.median
    elif plan.measured is not None:
        predicted, measured = plan.predicted_ns, plan.measured.end_to_end.median
    else:
        return plan
    error = round(prediction_error(plan, predicted, measured), 6)
    is_close = error <= ended.tolerance and not ended.interrupted and not ended.note
    note = ONCE_MORE if ended.agreed and not is_close else ended.note
    return attrs.evolve(
        plan, agreement=attrs.evolve(ended, error=error, agreed=is_close, note=note)
    )


def with_allocated(plan: Plan, network: Network, test: Reference) -> Plan:
    """The plan with the memory that it allocates as it runs, in place of what was planned."""
    if plan.pipeline is not None:
        return attrs.evolve(plan, memory=Pipeline(plan, network).memory)
    counted: Mapping[str, int | None] = {row.space: row.predicted_bytes for row in plan.memory}
    return attrs.evolve(plan, memory=footprint(make_runner(test.bench, plan), counted))
