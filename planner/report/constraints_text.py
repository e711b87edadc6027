"""Which constraints of a plan bind, and what more of everything would be worth, as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bnnplan.planner.explanation.constraints import Worths
from bnnplan.planner.problem import Measure
from bnnplan.planner.profile import Origin
from bnnplan.planner.report.origin_text import estimated
from bnnplan.planner.report.tables import Rows
from bnnplan.planner.solvers.insight.worth import Worth

CONSTRAINTS = {
    "space": "memory of",
    "limit": "limit of",
    "switches": "number of switches",
    "colocated": "together:",
    "contiguous": "one part on",
    "pin": "pin",
    "forbidden": "forbidden:",
}


def constraint_lines(
    measure: Measure, worths: Worths, known: Origin = Origin.MEASURED
) -> Iterator[str]:
    """Say which constraints bind, and what each costs."""
    for one in worths.binding:
        name = " ".join(filter(None, (CONSTRAINTS[one.what], one.name)))
        if one.low:
            yield f"binds: {name}; without it {_gain(measure, one, known)}"
        else:
            yield f"may bind: {name}; without it at most {estimated(measure, one.high, known)} less"
    if worths.loose and not worths.binding:
        yield "no constraint binds: without any of them no plan is better"
    elif worths.loose:
        yield f"constraints that do not bind: {worths.loose}"


def _gain(measure: Measure, one: Worth, known: Origin) -> str:
    if one.proven:
        return f"{estimated(measure, one.gain, known)} less"
    return f"{estimated(measure, one.low, known)} to {estimated(measure, one.high, known)} less"


def margin_table(
    measure: Measure, margins: Sequence[Worth], known: Origin = Origin.MEASURED
) -> Rows:
    """What a little more of everything would be worth."""
    rows = Rows("what if", "", "worth", left=2)
    for one in margins:
        rows.add_row(f"{one.what} {one.name}".strip(), one.change, _worth(measure, one, known))
    return rows


def _worth(measure: Measure, one: Worth, known: Origin) -> str:
    if one.proven:
        return f"{estimated(measure, one.gain, known)} less" if one.gain else "nothing"
    return f"at most {estimated(measure, one.high, known)} less"
