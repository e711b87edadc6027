"""The batches that a plan could have had, as a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bnnplan.planner.choosing import by_image
from bnnplan.planner.plan import BatchResult, Plan
from bnnplan.planner.problem import Measure
from bnnplan.planner.profile import Origin
from bnnplan.planner.report.origin_text import estimated, offered_origin, plan_origin
from bnnplan.planner.report.tables import Rows
from bnnplan.planner.report.units import duration

MEASURED = ("measured latency", "by image")


def batch_parts(plan: Plan) -> Iterator[Rows | str]:
    """A table of the batches, and lines that tell how far they can be compared."""
    if not plan.batches:
        return
    yield _table(plan)
    if plan.measured is not None:
        yield f"batch {plan.batch} was run; what the other batches take is predicted only"
    yield from _mixed(plan)


def _table(plan: Plan) -> Rows:
    """Each batch with its objectives, whole and by image, and what is proven of it."""
    measures = plan.request.objectives
    rows = Rows(
        *("batch", "status", "note"),
        *(title for measure in measures for title in _titles(measure)),
        *(MEASURED if plan.measured is not None else ()),
        left=3,
        wrapped="note",
    )
    for row in plan.batches:
        chosen = "chosen" if row.batch == plan.batch else ""
        known = plan_origin(plan) if chosen else offered_origin(plan)
        rows.add_row(
            str(row.batch),
            row.status,
            row.note or ", ".join(filter(None, (chosen, "costs corrected" * row.corrected))),
            *(cell for measure in measures for cell in _cells(row, measure, known)),
            *(_measured(plan) if chosen else ()),
            style="bold" if chosen else "",
        )
    return rows


def _measured(plan: Plan) -> list[str]:
    """The median latency of the batch that was run, whole and by image."""
    if plan.measured is None:
        return []
    median = plan.measured.end_to_end.median
    return [duration(median), duration(median / plan.batch)]


def _mixed(plan: Plan) -> Iterator[str]:
    """Tell where batches were compared whose costs are known in different ways."""
    solved = [row for row in plan.batches if row.objectives]
    corrected = [row.batch for row in solved if row.corrected]
    profiled = [row.batch for row in solved if not row.corrected]
    if corrected and profiled:
        yield (
            f"the costs of {_batches(corrected)} are corrected by running it, those of "
            f"{_batches(profiled)} as profiled: how they compare is uncertain"
        )


def _batches(sizes: Sequence[int]) -> str:
    return f"{'batch' if len(sizes) == 1 else 'batches'} {', '.join(map(str, sizes))}"


def _titles(measure: Measure) -> list[str]:
    return [str(measure), *(["by image"] if measure is not Measure.MEMORY else [])]


def _cells(row: BatchResult, measure: Measure, known: Origin) -> list[str]:
    value = next((one.value for one in row.objectives if one.measure is measure), None)
    each = None if value is None else float(by_image(measure, value, row.batch))
    return [
        estimated(measure, value, known),
        *([estimated(measure, each, known)] if measure is not Measure.MEMORY else []),
    ]
