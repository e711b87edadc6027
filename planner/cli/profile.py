"""``bnnplan profile``: measures, and shows what every layer costs in every placement."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bnnplan.models.files import converter
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
    open_board,
    open_lowered,
    print_json,
    require_writable,
    table,
)
from bnnplan.planner.cli.planned import whole_profile
from bnnplan.planner.profile import Profile, Rejection, save_profile
from bnnplan.planner.profiling import Options
from bnnplan.planner.report.units import duration


def profile(
    net: NetworkText = DEFAULT,
    board: BoardFile = None,
    devices: DeviceNames = None,
    batch: Batch = 1,
    budget: Budget = 60.0,
    tolerance: Annotated[
        float, typer.Option(min=0.001, max=1.0, help="Wanted half width of the 95 % interval.")
    ] = 0.03,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the profile to a file.")
    ] = None,
    fresh: Fresh = False,
    seed: Seed = 0,
    verbose: Verbose = False,
    json: Json = False,
) -> None:
    """Measure every layer on every device in every configuration, and every transfer."""
    require_writable(output)
    network = open_lowered(net)
    detected = board_of(open_board(board, devices), quiet=json)
    options = Options(tolerance=tolerance, budget=budget, seed=seed)
    measured, kept = whole_profile(
        network, detected, batch=batch, options=options, quiet=json, fresh=fresh
    )
    if output is not None:
        save_profile(measured, output)
    if json:
        print_json("bnnplan.profile", converter().unstructure(measured))
    else:
        print_profile(measured, verbose=verbose)
        if kept:
            console.print("(from the cache; --fresh measures again)")
        if measured.conditions.exhausted:
            console.print("the budget ran out before all were stable; a larger --budget goes on")
        if output is not None:
            console.print(f"written to {output}")


def print_profile(profile: Profile, *, verbose: bool) -> None:
    """Print the best configuration of each layer on each device; all of them if verbose."""
    rows = table(
        "layer",
        "device",
        "configuration",
        "median",
        "95 % low",
        "high",
        "p90",
        "runs",
        "weights",
        left=3,
        optional=("weights", "p90", "runs"),
    )
    for name, costs in profile.layers.items():
        ordered = sorted(costs.placements, key=lambda cost: (cost.device, cost.time.median))
        shown: set[str] = set()
        for cost in ordered:
            if cost.device in shown and not verbose:
                continue
            rows.add_row(
                "" if shown else name,
                cost.device,
                cost.configuration.label,
                duration(cost.time.median) + ("" if cost.time.stable else "*"),
                duration(cost.time.low),
                duration(cost.time.high),
                duration(cost.time.p90),
                str(cost.time.runs),
                f"{cost.weight_bytes:,} B",
            )
            shown.add(cost.device)
    console.print(rows)
    every = [cost for costs in profile.layers.values() for cost in costs.placements]
    if any(not cost.time.stable for cost in every):
        console.print(
            "* not stable: half the 95 % interval is more than "
            f"{profile.conditions.tolerance:.1%} of the median"
        )
    _print_rejections(profile)
    for move in profile.transfers:
        speed = f"+ bytes at {1 / move.ns_per_byte:.2f} GB/s" if move.ns_per_byte else "of any size"
        console.print(
            f"transfer {move.source} → {move.target}: {duration(move.overhead_ns)} {speed} "
            f"(fit within {move.residual:.0%})"
        )
    for launch in profile.launches:
        console.print(
            f"launch of a program on {launch.device}, {launch.threads} "
            f"{'thread' if launch.threads == 1 else 'threads'}: "
            f"{duration(launch.ns)}"
        )
    how = profile.conditions
    console.print(
        f"measured {how.date} in {how.seconds:.1f} s, load {how.load:.2f}, "
        f"governor {how.governor}, bnnplan {how.bnnplan}"
    )


def _print_rejections(profile: Profile) -> None:
    """Print each reason why layers are not offered somewhere once, with the layers' number."""
    layers: dict[Rejection, list[str]] = {}
    for name, costs in profile.layers.items():
        for rejection in costs.rejections:
            layers.setdefault(rejection, []).append(name)
    for rejection, names in layers.items():
        where = f"{rejection.device} {rejection.configuration}".strip()
        what = names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more layers"
        console.print(f"not offered on {where}: {what}: {rejection.reason}")
