"""``bnnplan inspect``: a network, layer by layer."""

from __future__ import annotations

from typing import Annotated

import attrs
import typer

from bnnplan.models import zoo
from bnnplan.models.describe import describe, pads_bits
from bnnplan.models.load import DEFAULT, open_network
from bnnplan.models.lowering import lower
from bnnplan.models.tensors import WORD_BITS
from bnnplan.planner.cli.common import Json, NetworkText, console, print_json, table
from bnnplan.planner.report.units import size

VERSION = 2
"""Of the JSON: `fused` lists what a layer carries; in version 1 it told whether there is any."""


def inspect(
    net: NetworkText = DEFAULT,
    lowered: Annotated[
        bool, typer.Option("--lowered", help="Show the layers that backends run.")
    ] = False,
    list_zoo: Annotated[
        bool, typer.Option("--zoo", help="List the networks that have a name instead.")
    ] = False,
    json: Json = False,
) -> None:
    """Show a network's layers: type, shapes, bits, multiply-accumulates, bytes; and totals."""
    if list_zoo:
        _print_zoo(json=json)
        return
    network = open_network(net)
    if lowered:
        network = lower(network)
    description = describe(network)
    if json:
        print_json("bnnplan.inspect", attrs.asdict(description), VERSION)
        return
    rows = table(
        "layer",
        "type",
        "fused",
        "inputs",
        "outputs",
        "MACs",
        "weight bits",
        "weights",
        "activations",
        left=5,
        optional=("weight bits", "weights", "inputs", "activations", "fused"),
    )
    for row in description.rows:
        rows.add_row(
            row.name,
            row.kind,
            ", ".join(row.fused),
            " + ".join(row.inputs),
            " + ".join(row.outputs),
            f"{row.macs:,}" if row.macs else "",
            f"{row.weight_bits:,}" if row.weight_bits else "",
            size(row.weight_bytes) if row.weight_bytes else "",
            size(row.activation_bytes),
        )
    console.print(network.name, style="bold")
    console.print(rows)
    total = description.totals
    share = total.binary_macs / total.macs if total.macs else 0.0
    console.print(
        f"{len(description.rows)} layers, {total.macs:,} MACs ({share:.1%} binary), "
        f"weights {size(total.weight_bytes)}, largest activation {size(total.largest_activation)}"
    )
    if pads_bits(network):
        console.print(
            f"note: bits are packed along the channels into whole words of {WORD_BITS}, so images "
            "of few channels take more bytes than they have bits"
        )
    for line in network.notes:
        console.print(f"note: {line}")


def _print_zoo(*, json: bool) -> None:
    """The names of the zoo, what each network is, and where its weights come from."""
    weights = {name: "trained" if name == zoo.TRAINED else "random weights" for name in zoo.ZOO}
    if json:
        listed = [
            {"name": name, "weights": origin, "summary": zoo.summary(name)}
            for name, origin in weights.items()
        ]
        print_json("bnnplan.zoo", {"networks": listed})
        return
    rows = table("network", "weights", "what it is", left=3)
    for name, origin in weights.items():
        rows.add_row(name, origin, zoo.summary(name))
    console.print(rows)
