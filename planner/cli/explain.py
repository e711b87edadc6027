"""``bnnplan explain``: why a plan is as it is, and what every alternative would cost."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bnnplan.models.files import converter
from bnnplan.models.graph import Network
from bnnplan.models.load import DEFAULT
from bnnplan.planner.cache import kept_costs, kept_profile
from bnnplan.planner.ceilings import keep_stated
from bnnplan.planner.cli.common import (
    BUDGET,
    Batch,
    BoardFile,
    Budget,
    DeviceNames,
    Json,
    Seed,
    Verbose,
    complete_plan,
    console,
    print_json,
    progress_bar,
)
from bnnplan.planner.cli.planned import open_plan, whole_profile
from bnnplan.planner.cli.solve_options import MOST_WORKERS
from bnnplan.planner.plan import Plan
from bnnplan.planner.profile import Profile, load_profile
from bnnplan.planner.profiling import Options
from bnnplan.planner.request import require_known


def explain(
    plan: Annotated[
        str,
        typer.Argument(
            metavar="PLAN",
            help="Plan file (.json), or a network to plan for.",
            autocompletion=complete_plan,
        ),
    ] = DEFAULT,
    layer: Annotated[
        str | None, typer.Argument(metavar="LAYER", help="Tell about this layer alone.")
    ] = None,
    network: Annotated[
        str | None, typer.Option(metavar="NET", help="Open the plan's network from here.")
    ] = None,
    profile: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Costs; default: those that the plan was made with, which the cache keeps, else "
            "the cached profile of its board.",
        ),
    ] = None,
    board: BoardFile = None,
    devices: DeviceNames = None,
    batch: Batch = 1,
    budget: Budget = BUDGET,
    time_limit: Annotated[
        float, typer.Option(min=0.001, help="Seconds for all that is solved again.")
    ] = 20.0,
    workers: Annotated[
        int, typer.Option(min=1, max=MOST_WORKERS, help="Threads of the solver.")
    ] = 2,
    seed: Seed = 0,
    verbose: Verbose = False,
    json: Json = False,
) -> None:
    """Tell why a plan is as it is: what binds, what more would be worth, why each layer is there.

    With a layer: what the plan would be with each other placement of it, everything else kept or
    chosen anew, and why some placements were not offered.
    """
    opened, net = open_plan(
        plan,
        network=network,
        board=board,
        devices=devices,
        batch=batch,
        budget=budget,
        seed=seed,
        quiet=json,
    )
    if layer is not None:
        require_known("layer", layer, [node.name for node in net.nodes])
    costs = _costs(net, opened, profile, Options(budget=budget, seed=seed), quiet=json)
    from bnnplan.planner.explanation.layer import explain_layer
    from bnnplan.planner.explanation.overview import explain_plan
    from bnnplan.planner.explanation.situation import situate
    from bnnplan.planner.report.explanation_text import overview_text, value_text
    from bnnplan.planner.report.layer_text import layer_text
    from bnnplan.planner.report.origin_text import origin_lines
    from bnnplan.planner.report.pipeline_text import stream_devices

    situation = situate(net, opened, costs)
    with progress_bar(f"explaining {net.name}", enabled=not json) as tell:
        tell(0.0, "solving with one thing changed")
        if layer is None:
            found = explain_plan(situation, time_limit=time_limit, workers=workers, seed=seed)
            content = converter().unstructure(found)
            parts = overview_text(found, verbose=verbose)
        else:
            alternatives = explain_layer(
                situation, layer, time_limit=time_limit, workers=workers, seed=seed
            )
            content = converter().unstructure(alternatives)
            parts = layer_text(
                situation.measure,
                alternatives,
                known=situation.origin,
                offered=situation.offered,
                verbose=verbose,
            )
    value, stated = situation.present.objective, situation.stated
    if json:
        print_json("bnnplan.explanation", {**content, "value": value, "stated": stated})
        return
    if layer is not None:
        for line in value_text(situation.measure, value, stated, situation.origin):
            console.print(line)
    if opened.replicas:
        console.print(
            f"{len(opened.streams)} streams; all of this is about the fastest one, on "
            f"{stream_devices(opened.streams[0])}"
        )
    for line in origin_lines(opened):
        console.print(line)
    for part in parts:
        console.print(part)


def _costs(
    network: Network, plan: Plan, file: Path | None, options: Options, *, quiet: bool
) -> Profile:
    """The profile of a file; else the plan's own costs, or those of its board, from the cache."""
    if file is not None:
        return keep_stated(load_profile(file), plan.board)
    # Costs that are measured anew would not be those of the plan.
    kept = kept_costs(network, plan.costs, plan.batch)
    if kept is None:
        kept = kept_profile(network, plan.board, plan.batch)
    if kept is not None:
        return keep_stated(kept, plan.board)
    found, _ = whole_profile(network, plan.board, batch=plan.batch, options=options, quiet=quiet)
    return found
