"""What the board said of a plan and of its candidates, as text."""

from __future__ import annotations

from collections.abc import Iterator

from bnnplan.planner.plan import Agreement, Plan
from bnnplan.planner.report.tables import Rows
from bnnplan.planner.report.units import duration, interval_text, percent, times


def trial_text(plan: Plan) -> Iterator[str | Rows]:
    """Give how correcting costs has ended, and the table of candidates, if there are any."""
    if plan.agreement is not None:
        what = "period" if plan.request.is_pipeline else "latency"
        is_bound = plan.request.confidence is not None
        yield agreement_text(plan.agreement, what, is_bound=is_bound)
    if plan.candidates is None:
        return
    rows = Rows("candidate", "predicted", "measured", "its time by the plan's", "95 %")
    for one in plan.candidates.rows:
        is_plan = dict(one.placements) == plan.assignment
        rows.add_row(
            f"{one.name}{' (the plan)' if is_plan else ''}",
            duration(one.predicted_ns),
            duration(one.measured.median),
            times(one.ratio.median),
            "" if is_plan else interval_text(one.ratio).removeprefix("95 % "),
        )
    yield rows
    correlation = plan.candidates.rank_correlation
    if correlation is not None:
        yield f"rank correlation of predicted and measured: {correlation:.2f}"


def agreement_text(found: Agreement, what: str, *, is_bound: bool = False) -> str:
    """How correcting costs by what was measured (latency or period) has ended.

    Where costs are bounds of a confidence, what is measured may be below what is predicted.
    """
    rounds = "1 round" if found.rounds == 1 else f"{found.rounds} rounds"
    asked = f"(tolerance {percent(found.tolerance)})"
    if found.agreed and is_bound:
        return (
            f"measured {what} is above the predicted bound by no more than {percent(found.error)} "
            f"after {rounds} {asked}"
        )
    if found.agreed:
        return (
            f"predicted and measured {what} agree within {percent(found.error)} after {rounds} "
            f"{asked}"
        )
    if found.interrupted:
        return (
            f"interrupted after {rounds}, with predicted and measured {what} "
            f"{percent(found.error)} apart {asked}"
        )
    if found.note:
        return (
            f"{found.note}: after {rounds}, predicted and measured {what} are "
            f"{percent(found.error)} apart {asked}"
        )
    return (
        f"the budget ended after {rounds} with predicted and measured {what} "
        f"{percent(found.error)} apart {asked}: the machine may be too busy to be planned for, "
        "solve again when it is quiet, or with a larger --budget"
    )
