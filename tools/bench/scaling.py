"""How the time to a proof grows with layers, placements and devices, as tables and a picture."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from attrs import evolve, frozen
from bench import Result, machine, only_parser, save, warn_if_busy
from branches import concurrent, parallel
from curves import Curve, Panel, Point, drawn
from instances import assignment, residual
from outcomes import WORKERS

from bnnplan.planner.problem import Measure, Problem
from bnnplan.planner.solvers import solve

BRANCHES = 4
ROOM = 0.6
"""Memory of each device in the graphs with memory limits, as a share of all weights."""


@frozen
class Size:
    """How large a problem is; `placements` of a layer on all devices together."""

    layers: int = 60
    placements: int = 16
    devices: int = 4


def _chain(size: Size) -> Problem:
    return assignment("chain", size.layers, size.placements, size.devices, 0)


def _graph(size: Size) -> Problem:
    return assignment("inception", size.layers, size.placements, size.devices, 0, room=ROOM)


def _schedule(size: Size) -> Problem:
    reads = parallel(BRANCHES, max(1, (size.layers - 2) // BRANCHES))
    return concurrent(reads, size.devices, 0, placements=max(1, size.placements // size.devices))


def _pipeline(size: Size) -> Problem:
    return concurrent(
        residual(size.layers, random.Random(0)),
        size.devices,
        0,
        placements=max(1, size.placements // size.devices),
        objective=Measure.PERIOD,
        contiguous=True,
    )


KINDS: dict[str, Callable[[Size], Problem]] = {
    "chain": _chain,
    "graph with memory limits": _graph,
    "schedule": _schedule,
    "pipeline": _pipeline,
}
AXES = {
    "layers": (10, 20, 50, 100, 200, 500, 1000, 2000),
    "placements": (4, 8, 16, 32, 64, 128),
    "devices": (2, 4, 8, 16),
}


def main() -> None:
    parser = only_parser(__doc__)
    parser.add_argument("--picture", type=Path, metavar="FILE", help="write an SVG picture")
    parser.add_argument("--time-limit", type=float, default=10.0, help="seconds a problem")
    options = parser.parse_args()
    limit = 0.3 if options.quick else options.time_limit
    kinds = [name for name in KINDS if not options.only or any(o in name for o in options.only)]
    where = machine()
    warn_if_busy(where)
    for kind in kinds:
        # The first one loads the solver.
        solve(KINDS[kind](Size(layers=10)), time_limit=limit, workers=WORKERS)
    panels = [Panel(axis, tuple(_curve(kind, axis, limit) for kind in kinds)) for axis in AXES]
    for panel in panels:
        print("\n".join(table(panel)), end="\n\n")
    if options.picture is not None:
        options.picture.write_text(drawn(panels, "seconds until proven", limit))
    save(list(results(panels)), options.json, where)


def _curve(kind: str, axis: str, limit: float) -> Curve:
    points = []
    for value in AXES[axis]:
        made = KINDS[kind](evolve(Size(), **{axis: value}))
        began = time.perf_counter()
        result = solve(made, time_limit=limit, workers=WORKERS)
        points.append(Point(value, time.perf_counter() - began, result.gap))
    return Curve(kind, tuple(points))


def table(panel: Panel) -> Iterator[str]:
    """A table in Markdown: a row for each size, a column for each kind."""
    yield f"| {panel.axis} | " + " | ".join(curve.name for curve in panel.curves) + " |"
    yield "| --- " * (len(panel.curves) + 1) + "|"
    for row in zip(*(curve.points for curve in panel.curves), strict=True):
        yield f"| {row[0].size} | " + " | ".join(map(_cell, row)) + " |"


def _cell(point: Point) -> str:
    taken = f"{1e3 * point.seconds:.1f} ms" if point.seconds < 1 else f"{point.seconds:.2f} s"
    if point.proven:
        return taken
    return f"{taken}, no plan" if point.gap is None else f"{taken}, gap {point.gap:.1%}"


def results(panels: list[Panel]) -> Iterator[Result]:
    """Every point as a result of the shared form."""
    for panel in panels:
        for curve in panel.curves:
            for point in curve.points:
                name = f"{curve.name}, {point.size} {panel.axis}"
                yield Result(name, WORKERS, point.seconds, "s")
                if point.gap is not None:
                    yield Result(f"{name}: gap", WORKERS, point.gap, "")


if __name__ == "__main__":
    main()
