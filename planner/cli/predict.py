"""``bnnplan predict``: what a network would cost on a board, without running anything."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bnnplan.models.files import converter
from bnnplan.models.load import DEFAULT
from bnnplan.planner.boards import open_board_model
from bnnplan.planner.cli.common import (
    Batch,
    BoardModelFile,
    Json,
    NetworkText,
    Verbose,
    console,
    open_lowered,
    print_json,
    refuse_overwriting,
    require_writable,
)
from bnnplan.planner.profile import SCHEMA, VERSION, save_profile


def predict(
    net: NetworkText = DEFAULT,
    board_model: BoardModelFile = None,
    batch: Batch = 1,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the profile to a file.")
    ] = None,
    verbose: Verbose = False,
    json: Json = False,
) -> None:
    """Predict what every layer costs on the devices of a board, from the board's model.

    Nothing is run, and the board need not be at hand. What comes out is a profile, which other
    commands take as one that was measured; its costs stay marked as predicted.
    """
    if board_model is None:
        raise typer.BadParameter(
            "--board-model is missing: name the file of a board, such as 'bnnplan characterize' "
            "writes"
        )
    refuse_overwriting(output, net, board_model)
    require_writable(output)
    network = open_lowered(net)
    from bnnplan.planner.predicting import predict_profile

    profile = predict_profile(network, open_board_model(str(board_model)), batch)
    if json:
        if output is not None:
            save_profile(profile, output)
        print_json(SCHEMA, converter().unstructure(profile), VERSION)
        return
    from bnnplan.planner.estimates import device_estimates
    from bnnplan.planner.report.predicted_text import predicted_text

    estimates = device_estimates(network, profile)
    # Solving for the estimates may take long: whoever ends it finds no file, as its exit code says.
    parts = list(predicted_text(profile, network, estimates, verbose=verbose))
    if output is not None:
        save_profile(profile, output)
    for part in parts:
        console.print(part)
    if output is not None:
        console.print(f"written to {output}")
