"""``bnnplan import``: an ONNX file in, a bnnplan network file out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bnnplan.models.network_file import save_network
from bnnplan.models.normalization import parse_normalization
from bnnplan.planner.cli.common import Json, console, print_json


def import_network(
    model: Annotated[Path, typer.Argument(metavar="MODEL.onnx", help="May be gzipped.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="NET.bnn")],
    normalize: Annotated[
        str | None,
        typer.Option(
            help="What the network expects of plain pixels: (pixel - mean) * scale, as "
            "'scale=1/127.5,mean=127.5' or 'mean=123.68:116.779:103.939'."
        ),
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the network.")] = None,
    classes: Annotated[
        str | None, typer.Option(help="Names of the classes, separated by commas.")
    ] = None,
    json: Json = False,
) -> None:
    """Import an ONNX or QONNX model and say which layers became binary."""
    from bnnplan.models.onnx import import_onnx

    imported = import_onnx(
        model,
        name=name,
        normalization=parse_normalization(normalize) if normalize else None,
        classes=tuple(part.strip() for part in classes.split(",")) if classes else (),
    )
    save_network(imported.network, output)
    report = imported.report
    if json:
        print_json(
            "bnnplan.import",
            {
                "network": imported.network.name,
                "file": str(output),
                "binary": list(report.binary),
                "binary_weight": list(report.binary_weight),
                "float": list(report.floating),
                "assumptions": list(report.assumptions),
            },
        )
        return
    console.print(f"{imported.network.name}:")
    for line in report.lines():
        console.print(f"  {line}")
    console.print(f"written to {output}")
