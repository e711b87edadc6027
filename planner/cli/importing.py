"""``bnnplan import``: an ONNX file in, a bnnplan network file out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bnnplan.models.feeds import describe_input
from bnnplan.models.graph import Network
from bnnplan.models.network_file import SUFFIX, save_network
from bnnplan.models.normalization import EXAMPLES, parse_normalization
from bnnplan.models.tensors import ElementType
from bnnplan.planner.cli.common import Json, console, print_json, require_writable


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
    if output.suffix != SUFFIX:
        raise typer.BadParameter(f"-o {output}: the name of a network file ends in {SUFFIX}")
    if model.suffix == SUFFIX:
        raise typer.BadParameter(
            f"{model}: a bnnplan network already, by its name; commands take it as it is"
        )
    require_writable(output)
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
                "inputs": _inputs(imported.network),
            },
        )
        return
    console.print(f"{imported.network.name}:")
    for line in report.lines():
        console.print(f"  {line}")
    for line in _inputs(imported.network):
        console.print(f"  input: {line}")
    if normalize is None and _takes_float_images(imported.network):
        console.print(
            "  hint: to feed plain pixels (uint8, 0 to 255), import again with --normalize and "
            f"what the training did to them: {EXAMPLES}",
            soft_wrap=True,
        )
    console.print(f"written to {output}")


def _inputs(network: Network) -> list[str]:
    return [f"{name}: {describe_input(kind)}" for name, kind in network.inputs.items()]


def _takes_float_images(network: Network) -> bool:
    kinds = network.inputs.values()
    return any(kind.element is ElementType.FLOAT32 and len(kind.shape) == 3 for kind in kinds)
