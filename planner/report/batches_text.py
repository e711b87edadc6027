"""The batches that a plan could have had, as a table."""

from __future__ import annotations

from bnnplan.planner.choosing import by_image
from bnnplan.planner.plan import BatchResult, Plan
from bnnplan.planner.problem import Measure
from bnnplan.planner.report.tables import Rows
from bnnplan.planner.report.units import amount


def batch_table(plan: Plan) -> Rows:
    """Each batch with its objectives, whole and by image, and what is proven of it."""
    measures = plan.request.objectives
    rows = Rows(
        *("batch", "status", "note"),
        *(title for measure in measures for title in _titles(measure)),
        left=3,
        wrapped="note",
    )
    for row in plan.batches:
        chosen = "chosen" if row.batch == plan.batch else ""
        rows.add_row(
            str(row.batch),
            row.status,
            row.note or chosen,
            *(cell for measure in measures for cell in _cells(row, measure)),
            style="bold" if chosen else "",
        )
    return rows


def _titles(measure: Measure) -> list[str]:
    return [str(measure), *(["by image"] if measure is not Measure.MEMORY else [])]


def _cells(row: BatchResult, measure: Measure) -> list[str]:
    value = next((one.value for one in row.objectives if one.measure is measure), None)
    each = None if value is None else float(by_image(measure, value, row.batch))
    return [
        amount(measure, value),
        *([amount(measure, each)] if measure is not Measure.MEMORY else []),
    ]
