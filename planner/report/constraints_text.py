"""Which constraints of a plan bind, and what more of everything would be worth, as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bnnplan.planner.explanation.constraints import Worths
from bnnplan.planner.problem import Measure
from bnnplan.planner.report.tables import Rows
from bnnplan.planner.report.units import amount
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


def constraint_lines(measure: Measure, worths: Worths) -> Iterator[str]:
    """Say which constraints bind, and what each costs."""
    for one in worths.binding:
        name = " ".join(filter(None, (CONSTRAINTS[one.what], one.name)))
        if one.low:
            yield f"binds: {name}; without it {_gain(measure, one)}"
        else:
            yield f"may bind: {name}; without it at most {amount(measure, one.high)} less"
    if worths.loose and not worths.binding:
        yield "no constraint binds: without any of them no plan is better"
    elif worths.loose:
        yield f"constraints that do not bind: {worths.loose}"


def _gain(measure: Measure, one: Worth) -> str:
    if one.proven:
        return f"{amount(measure, one.gain)} less"
    return f"{amount(measure, one.low)} to {amount(measure, one.high)} less"


def margin_table(measure: Measure, margins: Sequence[Worth]) -> Rows:
    """What a little more of everything would be worth."""
    rows = Rows("what if", "", "worth", left=2)
    for one in margins:
        rows.add_row(f"{one.what} {one.name}".strip(), one.change, _worth(measure, one))
    return rows


def _worth(measure: Measure, one: Worth) -> str:
    if one.proven:
        return f"{amount(measure, one.gain)} less" if one.gain else "nothing"
    return f"at most {amount(measure, one.high)} less"
