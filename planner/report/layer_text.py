"""What the alternatives of a layer would cost, as text."""

from __future__ import annotations

from collections.abc import Iterator

from bnnplan.planner.explanation.change import Change
from bnnplan.planner.explanation.layer import Alternative, LayerExplanation
from bnnplan.planner.problem import Measure
from bnnplan.planner.profile import Origin
from bnnplan.planner.report.explanation_text import change_text, parts_text
from bnnplan.planner.report.origin_text import cost_text, estimated
from bnnplan.planner.report.tables import Rows

SHOWN = 16


def layer_text(
    measure: Measure,
    found: LayerExplanation,
    *,
    known: Origin = Origin.MEASURED,
    offered: Origin = Origin.MEASURED,
    verbose: bool = False,
) -> Iterator[str | Rows]:
    """Give the table of all alternatives of a layer, and what was not offered.

    What rests on costs that were not measured is marked: the plan by how its costs are `known`,
    what it would be by how those of everything `offered` are.
    """
    rows = Rows(
        *("placement", "takes", "alone changed", "all chosen anew", "what costs more"),
        left=5,
        optional=("alone changed",),
    )
    shown = found.alternatives if verbose else found.alternatives[:SHOWN]
    for one in shown:
        where = f"{one.device} {one.configuration.label}"
        if one.chosen:
            rows.add_row(
                where,
                cost_text(one.time_ns, one.origin),
                "",
                estimated(measure, one.kept.value, known),
                "the plan",
            )
            continue
        rows.add_row(
            where,
            cost_text(one.time_ns, one.origin),
            _value(measure, one.kept, offered),
            _value(measure, one.anew, offered),
            _why(measure, one, offered),
        )
    yield f"{found.layer} ({found.kind}): what the plan would be with each of its placements"
    yield rows
    if len(shown) < len(found.alternatives):
        yield f"({len(found.alternatives) - len(shown)} more with --verbose)"
    for device, configuration in found.excluded:
        yield f"excluded by the request: {device} {configuration.label}"
    for rejection in found.rejections:
        where = f"{rejection.device} {rejection.configuration}".strip()
        yield f"not offered: {where}: {rejection.reason}"


def _value(measure: Measure, change: Change, known: Origin) -> str:
    if change.value is None or change.difference is None:
        return "not possible" if change.reasons else "not found"
    more = estimated(measure, abs(change.difference), known)
    sign = "+" if change.difference >= 0 else "−"
    limit = "" if change.proven or change.bound is None else "≤ "
    return f"{limit}{estimated(measure, change.value, known)} ({sign}{more})"


def _why(measure: Measure, one: Alternative, known: Origin) -> str:
    """What costs more: of the best that there is with the placement, else why it cannot be."""
    change = one.anew if one.anew.value is not None else one.kept
    if change.value is None:
        return change_text(measure, change, known)
    return ", ".join(parts_text(measure, change.parts, signed=True, known=known)) or "nothing"
