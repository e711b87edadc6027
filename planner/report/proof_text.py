"""What is proven of objectives, as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bnnplan.planner.plan_values import gap
from bnnplan.planner.profile import Origin
from bnnplan.planner.report.origin_text import estimated
from bnnplan.planner.report.units import duration, percent
from bnnplan.planner.solvers.base import Proven


def proof_lines(
    status: str,
    objectives: Sequence[Proven],
    method: str,
    seconds: float,
    message: str = "",
    *,
    known: Origin = Origin.MEASURED,
    offered: Origin = Origin.MEASURED,
) -> Iterator[str]:
    """Status, value, bound and gap of each objective, and how they were found.

    What rests on costs that were not measured is marked: values by how the costs of what was
    found are `known`, bounds by how those of everything `offered` are.
    """
    for number, one in enumerate(objectives):
        then = "" if number == 0 else "then "
        start = f"{status}: " if number == 0 else ""
        end = f", {method} in {duration(seconds * 1e9)}" if number == 0 else ""
        yield f"{start}{then}{objective_text(one, known, offered)}{end}"
    if message:
        yield message


def objective_text(
    one: Proven, known: Origin = Origin.MEASURED, offered: Origin = Origin.MEASURED
) -> str:
    """Value, bound and gap of an objective."""
    return (
        f"{one.measure} {estimated(one.measure, one.value, known)}, "
        f"bound {estimated(one.measure, one.bound, offered)}, gap {percent(gap(one))}"
    )
