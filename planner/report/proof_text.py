"""What is proven of objectives, as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bnnplan.planner.plan_values import gap
from bnnplan.planner.report.units import amount, duration, percent
from bnnplan.planner.solvers.base import Proven


def proof_lines(
    status: str, objectives: Sequence[Proven], method: str, seconds: float, message: str = ""
) -> Iterator[str]:
    """Status, value, bound and gap of each objective, and how they were found."""
    for number, one in enumerate(objectives):
        then = "" if number == 0 else "then "
        start = f"{status}: " if number == 0 else ""
        end = f", {method} in {duration(seconds * 1e9)}" if number == 0 else ""
        yield f"{start}{then}{objective_text(one)}{end}"
    if message:
        yield message


def objective_text(one: Proven) -> str:
    """Value, bound and gap of an objective."""
    return (
        f"{one.measure} {amount(one.measure, one.value)}, "
        f"bound {amount(one.measure, one.bound)}, gap {percent(gap(one))}"
    )
