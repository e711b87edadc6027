"""``bnnplan solve``: the whole way from a network to a proven and measured plan."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from bnnplan.models.files import converter
from bnnplan.models.graph import Network
from bnnplan.models.load import DEFAULT
from bnnplan.planner.cli.common import (
    Batch,
    BoardFile,
    Budget,
    DeviceNames,
    Fresh,
    Json,
    NetworkText,
    Seed,
    Verbose,
    board_of,
    console,
    notes,
    open_board,
    open_lowered,
    print_json,
    progress_bar,
    require_writable,
)
from bnnplan.planner.cli.planned import source_of, whole_profile
from bnnplan.planner.plan import SCHEMA, VERSION, Plan, save_plan
from bnnplan.planner.planning import plan_latency
from bnnplan.planner.profile import Profile, load_profile
from bnnplan.planner.profiling import Options
from bnnplan.planner.report.plan_text import print_plan
from bnnplan.planner.solvers import METHODS
from bnnplan.planner.solving import SolveOptions
from bnnplan.planner.verification import solve_on_board

MOST_WORKERS = 256
"""More threads than any machine needs; CP-SAT has a limit of its own."""


class Objective(StrEnum):
    """What to make as small as possible."""

    LATENCY = "latency"


def _complete_method(incomplete: str) -> list[str]:
    """Names that a shell completes to."""
    return [name for name in METHODS if name.startswith(incomplete)]


def solve(
    net: NetworkText = DEFAULT,
    objective: Annotated[Objective, typer.Option(help="What to minimise.")] = Objective.LATENCY,
    board: BoardFile = None,
    devices: DeviceNames = None,
    batch: Batch = 1,
    profile: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Plan with this profile; measure nothing.")
    ] = None,
    run: Annotated[
        bool, typer.Option("--run/--no-run", help="Run the plan on the board and measure it.")
    ] = True,
    method: Annotated[
        str,
        typer.Option(
            help=f"Solver: {', '.join(METHODS)}; auto chooses by structure.",
            autocompletion=_complete_method,
        ),
    ] = "auto",
    time_limit: Annotated[float, typer.Option(min=0.001, help="Seconds for the solver.")] = 60.0,
    workers: Annotated[
        int, typer.Option(min=1, max=MOST_WORKERS, help="Threads of the solver.")
    ] = 2,
    budget: Budget = 60.0,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the plan to a file.")
    ] = None,
    fresh: Fresh = False,
    seed: Seed = 0,
    verbose: Verbose = False,
    json: Json = False,
) -> None:
    """Profile, solve, run the plan, and print it with its proof and baselines."""
    if method not in METHODS:
        raise typer.BadParameter(f"--method {method}: must be one of {', '.join(METHODS)}")
    require_writable(output)
    network, source = open_lowered(net), source_of(net)
    options = SolveOptions(method=method, time_limit=time_limit, workers=workers, seed=seed)
    if profile is not None:
        if board is not None or devices is not None or fresh:
            raise typer.BadParameter(
                "--profile states the board, and nothing is measured: leave out --board, "
                "--devices and --fresh"
            )
        used = load_profile(profile)
        used.require(network, batch)
        if not used.conditions.complete:
            notes.print(f"{profile}: measuring was interrupted, its costs may be far off")
        plan = plan_latency(network, used, source=source, options=options)
    else:
        detected = board_of(open_board(board, devices), quiet=json)
        used, _ = whole_profile(
            network,
            detected,
            batch=batch,
            options=Options(budget=budget, seed=seed),
            quiet=json,
            fresh=fresh,
        )
        plan, used = _solve(network, used, source, options, run=run, quiet=json, seed=seed)
    if output is not None:
        save_plan(plan, output)
    if json:
        print_json(SCHEMA, converter().unstructure(plan), VERSION)
        return
    print_plan(plan, console, profile=used, verbose=verbose)
    if output is not None:
        console.print(f"plan written to {output}")


def _solve(
    network: Network,
    profile: Profile,
    source: str,
    options: SolveOptions,
    *,
    run: bool,
    quiet: bool,
    seed: int,
) -> tuple[Plan, Profile]:
    if not run:
        return plan_latency(network, profile, source=source, options=options), profile
    with progress_bar(f"planning {network.name}", enabled=not quiet) as progress:
        return solve_on_board(
            network, profile, source=source, options=options, seed=seed, progress=progress
        )
