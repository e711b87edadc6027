"""``bnnplan compare``: the plan against its baselines and onnxruntime float32, interleaved."""

from __future__ import annotations

from typing import Annotated

import attrs
import typer

from bnnplan.models.load import DEFAULT, open_network
from bnnplan.planner.cli.common import (
    Batch,
    BoardFile,
    DeviceNames,
    Json,
    Seed,
    complete_plan,
    console,
    print_json,
    table,
)
from bnnplan.planner.cli.planned import open_plan
from bnnplan.planner.comparison import LayerRow, compare_plan
from bnnplan.planner.plan import Ratio
from bnnplan.planner.report.ceilings import EXPLANATION, share_of_ceiling
from bnnplan.planner.report.pipeline_text import compared_note
from bnnplan.planner.report.tables import Rows
from bnnplan.planner.report.units import duration, interval_text, times
from bnnplan.planner.trials.delivery import PLAN


def compare(
    plan: Annotated[
        str,
        typer.Argument(
            metavar="PLAN",
            help="Plan file (.json), or a network to plan for.",
            autocompletion=complete_plan,
        ),
    ] = DEFAULT,
    network: Annotated[
        str | None, typer.Option(metavar="NET", help="Open the plan's network from here.")
    ] = None,
    board: BoardFile = None,
    devices: DeviceNames = None,
    batch: Batch = 1,
    seconds: Annotated[float, typer.Option(min=0.1, help="Time to spend on measuring.")] = 5.0,
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Measure the plan, its baselines and onnxruntime float32 in turns, and the plan's layers.

    "of ceiling" is the share of a layer's time that its products, or its bytes, would take at the
    most that its device can do, which is measured as well (2 seconds a device) unless the plan's
    board states it; "set by" says which ceiling that is.
    """
    opened, net = open_plan(
        plan, network=network, board=board, devices=devices, batch=batch, seed=seed, quiet=json
    )
    found = compare_plan(
        net, open_network(network or opened.source), opened, seconds=seconds, seed=seed
    )
    if json:
        print_json(
            "bnnplan.compare",
            {
                "network": net.name,
                "batch": opened.batch,
                "streams": len(opened.streams),
                "rows": [
                    {
                        "name": row.name,
                        "median_ns": row.time.median,
                        "low_ns": row.time.low,
                        "high_ns": row.time.high,
                        "predicted_ns": row.predicted_ns,
                        "ratio": row.ratio.median,
                        "ratio_low": row.ratio.low,
                        "ratio_high": row.ratio.high,
                        "runs": row.time.runs,
                    }
                    for row in found.rows
                ],
                "layers": [
                    {
                        "name": layer.name,
                        "device": layer.device,
                        "configuration": layer.configuration.label,
                        "measured_ns": layer.measured_ns,
                        "least_ns": layer.least and layer.least.ns,
                        "ceiling": layer.least and layer.least.ceiling.name,
                    }
                    for layer in found.layers
                ],
                "missing": found.missing,
                "no_ceilings": [attrs.asdict(lost) for lost in found.unknown],
            },
        )
        return
    if (note := compared_note(opened)) is not None:
        console.print(note)
    shown = table(
        *("what", "predicted", "measured", "95 % low", "high", "plan is faster by", "95 %"),
        optional=("95 % low", "high"),
    )
    for row in found.rows:
        shown.add_row(
            row.name,
            duration(row.predicted_ns),
            duration(row.time.median),
            duration(row.time.low),
            duration(row.time.high),
            times(row.ratio.median),
            "" if row.name == PLAN else _certainty(row.ratio),
        )
    console.print(shown)
    console.print("ratios are medians over paired runs, not of the medians shown")
    for line in found.missing:
        console.print(f"not compared: {line}")
    console.print(_layer_table(found.layers))
    console.print(EXPLANATION)
    for lost in found.unknown:
        console.print(f"no ceilings: {lost.name}: {lost.reason}")


def _layer_table(layers: list[LayerRow]) -> Rows:
    rows = table("layer", "device", "configuration", "measured", "of ceiling", "set by", left=3)
    for layer in layers:
        rows.add_row(
            layer.name,
            layer.device,
            layer.configuration.label,
            duration(layer.measured_ns),
            *share_of_ceiling(layer.least, layer.measured_ns),
        )
    return rows


def _certainty(ratio: Ratio) -> str:
    text = interval_text(ratio).removeprefix("95 % ")
    return f"{text}, no difference" if ratio.is_one else text
