"""From the pipeline of the last round to the best of all that were tried.

Costs are corrected from round to round by a noisy machine, so that the last plan is not always the
best: what was tried is run once more, in turns.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from bnnplan.backends.interface import Configuration
from bnnplan.models.graph import Network
from bnnplan.planner.execution.measure import ratio_interval
from bnnplan.planner.plan import Plan
from bnnplan.planner.problem import Measure
from bnnplan.planner.report.units import interval_text, times
from bnnplan.planner.trials.delivery import PLAN
from bnnplan.planner.trials.exactness import Reference
from bnnplan.planner.trials.turns import periods, run_in_turns, together

MOST = 4
"""Earlier plans that are run once more, the latest first."""


def with_best_tried(
    found: Plan, tried: Sequence[Plan], network: Network, test: Reference, *, seconds: float
) -> Plan:
    """The plan, or an earlier one whose period is shorter beyond doubt.

    Parameters
    ----------
    found : Plan
        What would be delivered; it has run.
    tried : sequence of Plan
        Of all rounds, for the same request and batch.
    network : Network
    test : Reference
    seconds : float
        To run all of them.
    """
    others = {_placed(plan): plan for plan in tried if _placed(plan) != _placed(found)}
    if found.objective is not Measure.PERIOD or not others:
        return found
    plans = {PLAN: found}
    plans |= {f"earlier {n}": plan for n, plan in enumerate([*others.values()][-MOST:])}
    measured = run_in_turns(plans, network, test, seconds=seconds)
    best = min(plans, key=lambda name: periods(measured[name]).time().median)
    ratio = ratio_interval(periods(measured[PLAN]), periods(measured[best]))
    if best == PLAN or ratio.low <= 1.0:
        return attrs.evolve(found, pipeline=together(measured[PLAN]))
    winner = attrs.evolve(plans[best], pipeline=together(measured[best]))
    said = (
        "a plan of an earlier round measured faster than the last one, whose period is "
        f"{times(ratio.median)} ({interval_text(ratio)}) its, so that is delivered"
    )
    return attrs.evolve(winner, verdict=said, agreement=found.agreement)


def _placed(plan: Plan) -> tuple[tuple[tuple[str, str, Configuration, int | None], ...], ...]:
    """What runs where, in all streams."""
    return tuple(
        tuple((row.name, row.device, row.configuration, row.stage) for row in stream.layers)
        for stream in plan.streams
    )
