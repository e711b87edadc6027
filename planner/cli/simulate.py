"""``bnnplan simulate``: what a plan would do on its board, batch by batch, without the board."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bnnplan.models.files import converter, write_atomically
from bnnplan.planner.cache import kept_costs
from bnnplan.planner.cli.common import (
    Json,
    Seed,
    Verbose,
    complete_plan,
    console,
    print_json,
    refuse_overwriting,
    require_writable,
)
from bnnplan.planner.cli.planned import open_plan
from bnnplan.planner.execution.trace import perfetto
from bnnplan.planner.profile import load_profile
from bnnplan.planner.report.simulation_text import simulation_text
from bnnplan.planner.simulation.options import (
    MOST_FRAMES,
    MOST_JITTER,
    MOST_RATE,
    Jitter,
    SimulationOptions,
)
from bnnplan.planner.simulation.simulating import simulate_traced


def simulate(
    plan: Annotated[
        str,
        typer.Argument(metavar="PLAN", help="Plan file (.json).", autocompletion=complete_plan),
    ],
    network: Annotated[
        str | None, typer.Option(metavar="NET", help="Open the plan's network from here.")
    ] = None,
    profile: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Costs and their spread; default: those that the plan was made with, if the cache "
            "keeps them, else what the plan states.",
        ),
    ] = None,
    frames: Annotated[int, typer.Option(min=1, max=MOST_FRAMES, help="Images.")] = 10_000,
    rate: Annotated[
        float | None,
        typer.Option(
            metavar="FPS",
            min=0.001,
            max=MOST_RATE,
            help="Images that arrive in a second; default: never short of any.",
        ),
    ] = None,
    jitter: Annotated[
        str,
        typer.Option(
            metavar="measured|none|SHARE",
            help="How durations scatter; a share such as 0.1: the 90th percentile of a stage is "
            "10 % above its median.",
        ),
    ] = Jitter.MEASURED.value,
    measured: Annotated[
        bool, typer.Option("--measured", help="Take for stages what they took in the running plan.")
    ] = False,
    window: Annotated[
        int | None, typer.Option(min=1, help="Batches that are in the pipeline at most.")
    ] = None,
    trace: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a Perfetto trace of the first batches."),
    ] = None,
    seed: Seed = 0,
    verbose: Verbose = False,
    json: Json = False,
) -> None:
    """Simulate a plan: rate, latencies, how busy everything is, and what limits it.

    Nothing is run: the board need not be here.
    """
    if not plan.endswith(".json"):
        raise typer.BadParameter(
            f"{plan}: is no plan file (.json); write one with 'bnnplan solve -o plan.json'"
        )
    refuse_overwriting(trace, plan, network, profile)
    require_writable(trace)
    options = SimulationOptions(
        frames=frames,
        rate=rate,
        jitter=_jitter(jitter),
        seed=seed,
        window=window,
        measured=measured,
    )
    opened, net = open_plan(plan, network=network, quiet=json)
    costs = load_profile(profile) if profile else kept_costs(net, opened.costs, opened.batch)
    found, events = simulate_traced(opened, net, costs, options)
    if trace is not None:
        write_atomically(trace, perfetto([events]).encode())
    if json:
        print_json("bnnplan.simulation", converter().unstructure(found))
        return
    for part in simulation_text(found, verbose=verbose):
        console.print(part)
    if trace is not None:
        console.print(f"trace written to {trace}; open it in ui.perfetto.dev")


def _jitter(text: str) -> Jitter | float:
    if text in (one.value for one in Jitter):
        return Jitter(text)
    try:
        share = float(text.rstrip("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        raise typer.BadParameter(
            f"--jitter {text}: must be measured, none, or a share such as 0.1 or 10%"
        ) from None
    if not 0 <= share <= MOST_JITTER:
        raise typer.BadParameter(f"--jitter {text}: a share must be from 0 to {MOST_JITTER}")
    return share
