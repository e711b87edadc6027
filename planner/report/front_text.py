"""A Pareto front as a table."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from bnnplan.planner.problem import Measure
from bnnplan.planner.report.tables import Rows
from bnnplan.planner.report.units import amount, percent


def print_points(
    measures: tuple[Measure, Measure],
    points: Sequence[tuple[int, int, bool]],
    places: Sequence[str],
    *,
    epsilon: float,
    complete: bool,
    interrupted: bool,
    console: Console,
) -> None:
    """Print the points of a front: both values, whether they are proven, and where things run.

    Parameters
    ----------
    measures : tuple of Measure
    points : sequence of (int, int, bool)
        Both values, and whether no plan is better in one and as good in the other.
    places : sequence of str
        For each point.
    epsilon : float
        Of the front; 0 if it is exact.
    complete : bool
        Whether the front is proven.
    interrupted : bool
        Whether Ctrl-C ended the search.
    console : rich.console.Console
    """
    first, second = (str(measure) for measure in measures)
    rows = Rows("proven", "where", first, second, left=2, wrapped="where")
    for (one, other, proven), place in zip(points, places, strict=True):
        rows.add_row(
            "yes" if proven else "no", place, amount(measures[0], one), amount(measures[1], other)
        )
    console.print(rows)
    steps = "exact" if epsilon == 0 else f"to {percent(epsilon)} of {second}"
    why = "interrupted" if interrupted else "time ended, or the method proves nothing"
    state = "proven" if complete else f"not proven: {why}"
    count = "1 point" if len(points) == 1 else f"{len(points)} points"
    console.print(f"front of {first} and {second}, {steps}: {count}, {state}")
