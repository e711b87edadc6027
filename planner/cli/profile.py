"""``bnnplan profile``: measures, and shows what every layer costs in every placement."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bnnplan.models.files import converter
from bnnplan.models.graph import Network
from bnnplan.models.load import DEFAULT
from bnnplan.planner.boards import open_board_model
from bnnplan.planner.cache import keep_profile
from bnnplan.planner.ceilings import profile_ceilings
from bnnplan.planner.cli.common import (
    BUDGET,
    Batch,
    BoardFile,
    BoardModelFile,
    Budget,
    DeviceNames,
    Fresh,
    Json,
    NetworkText,
    Seed,
    Verbose,
    board_of,
    console,
    open_board,
    open_lowered,
    print_json,
    progress_bar,
    refuse_overwriting,
    require_writable,
    table,
)
from bnnplan.planner.cli.planned import loaded_profile, whole_profile
from bnnplan.planner.predicting import expected_costs
from bnnplan.planner.profile import (
    SCHEMA,
    VERSION,
    Origin,
    PlacementCost,
    Profile,
    save_profile,
)
from bnnplan.planner.profiling import Options
from bnnplan.planner.report.ceilings import EXPLANATION, share_of_ceiling
from bnnplan.planner.report.origin_text import cost_text, eliminated_text
from bnnplan.planner.report.rejections import rejection_lines
from bnnplan.planner.report.units import duration, percent
from bnnplan.planner.roofline import least_time
from bnnplan.planner.statistics import FEWEST
from bnnplan.planner.uncertainty import origins_text

LEAST_LAUNCH_NS = 100
"""Below this, the difference of two runs that tells what a launch takes is noise."""
ROUGH_FIT = 0.1
"""By which a line may be off, and still be taken for what transfers take."""


def profile(
    net: NetworkText = DEFAULT,
    board: BoardFile = None,
    devices: DeviceNames = None,
    batch: Batch = 1,
    budget: Budget = BUDGET,
    tolerance: Annotated[
        float, typer.Option(min=0.001, max=1.0, help="Wanted half width of the 95 % interval.")
    ] = 0.03,
    under_load: Annotated[
        bool,
        typer.Option(
            "--under-load",
            help="Also measure every layer while all other cores and devices work.",
        ),
    ] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the profile to a file.")
    ] = None,
    eliminate: Annotated[
        bool,
        typer.Option(
            "--eliminate",
            help="Measure only placements that could still win in a plan of least latency.",
        ),
    ] = False,
    board_model: BoardModelFile = None,
    fresh: Fresh = False,
    seed: Seed = 0,
    verbose: Verbose = False,
    json: Json = False,
) -> None:
    """Measure every layer on every device in every configuration, and every transfer.

    "of ceiling" is the share of a layer's time that its products, or its bytes, would take at the
    most that its device can do, which is measured as well (2 seconds a device) unless the board
    file states it; "set by" says which ceiling that is. 100 % cannot be passed but by noise.

    With --board-model, elimination begins from predicted costs: what they rule out is never run,
    keeps its predicted cost, and is marked as predicted.
    """
    if board_model is not None and not eliminate:
        raise typer.BadParameter("--board-model tells where elimination begins: add --eliminate")
    model = open_board_model(str(board_model)) if board_model else None
    refuse_overwriting(output, net, board, board_model)
    require_writable(output)
    network = open_lowered(net)
    detected = board_of(open_board(board, devices), quiet=json)
    options = Options(tolerance=tolerance, budget=budget, seed=seed, eliminate=eliminate)
    expected = expected_costs(network, detected, model, batch) if model is not None else None
    profiled, kept = whole_profile(
        *(network, detected),
        batch=batch,
        options=options,
        quiet=json,
        fresh=fresh,
        expected=expected,
    )
    with progress_bar("measuring ceilings", enabled=not json):
        measured, unknown = profile_ceilings(profiled, detected)
    if under_load:
        measured = loaded_profile(network, measured, budget=budget, seed=seed, quiet=json)
    if not any(device.ceilings for device in detected.devices):
        keep_profile(network, measured)
    if output is not None:
        save_profile(measured, output)
    if json:
        print_json(SCHEMA, converter().unstructure(measured), VERSION)
    else:
        print_profile(measured, network, verbose=verbose)
        for missing in unknown:
            console.print(f"no ceilings: {missing.name}: {missing.reason}")
        if kept:
            console.print("(from the cache; --fresh measures again)")
        if measured.conditions.exhausted:
            console.print("the budget ran out before all were stable; a larger --budget goes on")
        if output is not None:
            console.print(f"written to {output}")


def print_profile(profile: Profile, network: Network, *, verbose: bool) -> None:
    """Print the best configuration of each layer on each device; all of them if verbose."""
    loaded = ["under load"] if profile.is_loaded else []
    rows = table(
        "layer",
        "device",
        "configuration",
        "median",
        *loaded,
        "95 % low",
        "high",
        "p90",
        "runs",
        "weights",
        "of ceiling",
        "set by",
        left=3,
        optional=("weights", "p90", "runs", "95 % low", "high"),
    )
    for node in network.nodes:
        placements = profile.layers[node.name].placements
        bound = network.bind(node, profile.batch)
        ordered = sorted(placements, key=lambda cost: (cost.device, cost.time.median))
        shown: set[str] = set()
        for cost in ordered:
            if cost.device in shown and not verbose:
                continue
            least = least_time(
                bound,
                cost.configuration,
                cost.weight_bytes,
                profile.board.device(cost.device).ceilings,
            )
            rows.add_row(
                "" if shown else node.name,
                cost.device,
                cost.configuration.label,
                cost_text(cost.time.median, cost.origin) + ("" if cost.time.stable else "*"),
                *(duration(cost.loaded.median if cost.loaded else None) for _ in loaded),
                *_interval(cost),
                str(cost.time.runs),
                f"{cost.weight_bytes:,} B",
                *share_of_ceiling(least, cost.time.median),
            )
            shown.add(cost.device)
    console.print(rows)
    console.print(EXPLANATION)
    every = [cost for costs in profile.layers.values() for cost in costs.placements]
    if any(not cost.time.stable for cost in every):
        few = any(_is_of_few(cost) for cost in every)
        console.print(
            "* not stable: half the 95 % interval is more than "
            f"{percent(profile.conditions.tolerance)} of the median"
            + (f", or there is none yet (–), of fewer than {FEWEST} runs" if few else "")
        )
    for line in rejection_lines(profile):
        console.print(line)
    for move in profile.transfers:
        speed = f"+ bytes at {1 / move.ns_per_byte:.2f} GB/s" if move.ns_per_byte else "of any size"
        console.print(
            f"transfer {move.source} → {move.target}: {duration(move.overhead_ns)} {speed} "
            f"({_fit(move.residual)})"
        )
    for launch in profile.launches:
        console.print(
            f"launch of a program on {launch.device}, {launch.threads} "
            f"{'thread' if launch.threads == 1 else 'threads'}: "
            f"{duration(launch.ns) if launch.ns >= LEAST_LAUNCH_NS else '< 0.1 µs'}"
        )
    how = profile.conditions
    if how.elimination is not None:
        console.print(eliminated_text(how.elimination, how.seconds))
    if how.model:
        origins = origins_text(cost.origin for cost in every)
        console.print(f"placements: {origins}; by {how.model}")
    console.print(
        f"measured {how.date} in {how.seconds:.1f} s, load {how.load:.2f}, "
        f"governor {how.governor}, bnnplan {how.bnnplan}"
    )


def _interval(cost: PlacementCost) -> tuple[str, str, str]:
    """Low and high end, and p90; dashes where there were too few runs to tell."""
    time = cost.time
    ends = (None,) * 3 if _is_of_few(cost) else (time.low, time.high, time.p90)
    low, high, p90 = (duration(end) for end in ends)
    return low, high, p90


def _fit(residual: float) -> str:
    """How well a line describes transfers of all sizes."""
    if residual <= ROUGH_FIT:
        return f"fit within {percent(residual)}"
    return f"rough: some sizes are {percent(residual)} off"


def _is_of_few(cost: PlacementCost) -> bool:
    return cost.origin is Origin.MEASURED and cost.time.runs < FEWEST
