"""A Pareto front as a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rich.console import Console

from bnnplan.planner.problem import Measure
from bnnplan.planner.report.tables import Rows
from bnnplan.planner.report.units import amount, percent

OBJECTIVES = {measure: str(measure) for measure in Measure} | {Measure.PERIOD: "throughput"}
"""What the command line calls the measures as objectives."""
LIMITS = {Measure.LATENCY: ("--deadline", "ns"), Measure.ENERGY: ("--max-energy", "nJ")}
"""The options that limit a measure of the whole, and their least unit."""


def print_points(
    measures: tuple[Measure, Measure],
    points: Sequence[tuple[int, int, bool]],
    places: Sequence[Mapping[str, str]],
    *,
    epsilon: float,
    complete: bool,
    interrupted: bool,
    console: Console,
    verbose: bool = False,
) -> None:
    """Print the points of a front: both values, whether they are proven, and where things run.

    Parameters
    ----------
    measures : tuple of Measure
    points : sequence of (int, int, bool)
        Both values, and whether no plan is better in one and as good in the other.
    places : sequence of mapping of str to str
        For each point, the device of each layer or task.
    epsilon : float
        Of the front; 0 if it is exact.
    complete : bool
        Whether the front is proven.
    interrupted : bool
        Whether Ctrl-C ended the search.
    console : rich.console.Console
    verbose : bool
        Also name what runs on each device, and the options for each point.
    """
    first, second = (str(measure) for measure in measures)
    rows = Rows("proven", "where", first, second, left=2, wrapped="where")
    for (one, other, proven), place in zip(points, places, strict=True):
        rows.add_row(
            "yes" if proven else "no",
            _shares(place),
            amount(measures[0], one),
            amount(measures[1], other),
        )
    console.print(rows)
    console.print(
        _title(measures, len(points), epsilon, complete=complete, interrupted=interrupted)
    )
    if not verbose:
        options = plan_options(measures, points[0][:2])
        console.print(
            f"for a plan of a point, here the first: {options}, instead of --pareto (--verbose: "
            "of each point, and what runs where)"
        )
        return
    for number, (point, place) in enumerate(zip(points, places, strict=True), start=1):
        console.print(f"point {number}: {plan_options(measures, point[:2])}")
        for line in _named(place):
            console.print(f"  {line}")


def plan_options(measures: tuple[Measure, Measure], values: tuple[int, int]) -> str:
    """The options of ``bnnplan solve`` that give a plan as good as a point of a front.

    One of its values is the limit, the other measure the objective. Neither a period nor the memory
    of all spaces together has an option that limits it.
    """
    pairs = zip(measures, reversed(measures), values, strict=True)
    for limited, other, value in pairs:
        if limited in LIMITS:
            option, unit = LIMITS[limited]
            return f"--objective {OBJECTIVES[other]} {option} {value}{unit}"
    return f"--objective {OBJECTIVES[Measure.PERIOD]} --max-memory SPACE=SIZE"


def _title(
    measures: tuple[Measure, Measure],
    points: int,
    epsilon: float,
    *,
    complete: bool,
    interrupted: bool,
) -> str:
    """What is known of the front; it is exact, or as near as asked for, only if that is proven."""
    count = "1 point" if points == 1 else f"{points} points"
    title = f"front of {measures[0]} and {measures[1]}"
    if not complete:
        why = "interrupted" if interrupted else "time ended, or the method proves nothing"
        return f"{title}: {count}, not proven: {why}"
    steps = "exact" if epsilon == 0 else f"to {percent(epsilon)} of {measures[1]}"
    return f"{title}, {steps}: {count}, proven"


def _shares(place: Mapping[str, str]) -> str:
    """How many of the layers or tasks each device has."""
    devices = list(place.values())
    return ", ".join(f"{devices.count(name)} on {name}" for name in dict.fromkeys(devices))


def _named(place: Mapping[str, str]) -> Iterator[str]:
    """The layers or tasks of each device by name."""
    for device in dict.fromkeys(place.values()):
        yield f"{device}: {', '.join(name for name, where in place.items() if where == device)}"
