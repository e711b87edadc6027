"""``bnnplan solve --pareto``: the front of two objectives instead of one plan."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import typer

from bnnplan.models.files import converter
from bnnplan.models.graph import Network
from bnnplan.planner.cli.common import console, progress_bar
from bnnplan.planner.cli.put import Put
from bnnplan.planner.cli.wishes import measures_of
from bnnplan.planner.fronts import find_front
from bnnplan.planner.plan import InfeasibleError, NoPlanError
from bnnplan.planner.plan_errors import StoppedError
from bnnplan.planner.problem import Measure, Problem
from bnnplan.planner.profile import Profile
from bnnplan.planner.profiling import Progress as Tell
from bnnplan.planner.report.front_text import print_points
from bnnplan.planner.report.units import amount
from bnnplan.planner.request import Request
from bnnplan.planner.solvers.pareto import Point, front
from bnnplan.planner.solving import SolveOptions

SCHEMA = "bnnplan.front"
VERSION = 1
Two = tuple[Measure, Measure]


def two_measures(pareto: str | None, epsilon: float | None) -> Two | None:
    """The measures of the front that is asked for; None if none is.

    Raises
    ------
    typer.BadParameter
        If they are not two, or epsilon is no share.
    """
    if pareto is None:
        return None
    if epsilon is not None and not 0 <= epsilon < 1:
        raise typer.BadParameter(f"--epsilon {epsilon:g}: must be from 0 to below 1, such as 0.01")
    measures = measures_of("--pareto", [pareto])
    if len(measures) != 2 or measures[0] is measures[1]:
        raise typer.BadParameter(
            f"--pareto {pareto}: must be two different objectives, such as latency,energy"
        )
    return measures[0], measures[1]


def print_front(
    network: Network,
    profile: Profile,
    measures: Two,
    epsilon: float,
    request: Request,
    options: SolveOptions,
    source: str,
    put: Put,
    *,
    verbose: bool,
) -> None:
    """Find the front of a network and print it."""
    with progress_bar(f"planning {network.name}", enabled=not put.json) as tell:
        found = find_front(
            network,
            profile,
            measures,
            request=request,
            options=options,
            epsilon=epsilon,
            progress=_counted(measures, tell),
        )
    plain = converter()
    document = {
        "source": source,
        "problem": network.name,
        "board": profile.board.name,
        "batch": profile.batch,
        "request": plain.unstructure(request),
        "measures": [str(measure) for measure in measures],
        "epsilon": epsilon,
        "complete": found.complete,
        "points": [
            {
                "values": [point.predicted.value(measure) for measure in measures],
                "optimal": point.optimal,
                "predicted": plain.unstructure(point.predicted),
                "placements": {
                    name: [cost.device, plain.unstructure(cost.configuration)]
                    for name, cost in point.placements.items()
                },
            }
            for point in found.points
        ],
    }
    places = [
        {name: cost.device for name, cost in point.placements.items()} for point in found.points
    ]
    _put_out(document, measures, places, put, interrupted=found.interrupted, verbose=verbose)


def print_problem_front(
    problem: Problem,
    measures: Two,
    epsilon: float,
    options: SolveOptions,
    put: Put,
    *,
    verbose: bool,
) -> None:
    """Find the front of a problem and print it."""
    with progress_bar(f"solving {problem.name}", enabled=not put.json) as tell:
        found = front(
            problem,
            measures,
            options.method,
            time_limit=options.time_limit,
            workers=options.workers,
            seed=options.seed,
            epsilon=epsilon,
            progress=_counted(measures, tell),
        )
    if not found.points:
        if found.interrupted:
            raise StoppedError(f"interrupted before a solution was found for {problem.name!r}")
        kind = InfeasibleError if found.complete else NoPlanError
        raise kind(f"problem {problem.name!r} has no solution: {'; '.join(found.reasons)}")
    chosen = [
        [task.options[index] for task, index in zip(problem.tasks, p.solution.choice, strict=True)]
        for p in found.points
    ]
    document = {
        "problem": problem.name,
        "measures": [str(measure) for measure in measures],
        "epsilon": epsilon,
        "complete": found.complete,
        "points": [
            {
                "values": list(point.values),
                "optimal": point.optimal,
                "options": {
                    task.name: option.name
                    for task, option in zip(problem.tasks, options_, strict=True)
                },
            }
            for point, options_ in zip(found.points, chosen, strict=True)
        ],
    }
    places = [
        {task.name: option.device for task, option in zip(problem.tasks, options_, strict=True)}
        for options_ in chosen
    ]
    _put_out(document, measures, places, put, interrupted=found.interrupted, verbose=verbose)


def _counted(measures: Two, tell: Tell) -> Callable[[Point], None]:
    """What tells of each point that is found."""
    count = 0

    def progress(point: Point) -> None:
        nonlocal count
        count += 1
        pairs = zip(measures, point.values, strict=True)
        values = ", ".join(f"{measure} {amount(measure, value)}" for measure, value in pairs)
        tell(0.0, f"point {count}: {values}")

    return progress


def _put_out(
    document: dict[str, Any],
    measures: Two,
    places: list[dict[str, str]],
    put: Put,
    *,
    interrupted: bool,
    verbose: bool,
) -> None:
    if not put.out(SCHEMA, VERSION, document):
        return
    print_points(
        measures,
        [(*point["values"], point["optimal"]) for point in document["points"]],
        places,
        epsilon=document["epsilon"],
        complete=document["complete"],
        interrupted=interrupted,
        console=console,
        verbose=verbose,
    )
    put.tell("front")
