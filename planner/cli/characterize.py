"""``bnnplan characterize``: measures what layers of any shape cost on a board."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bnnplan.models.files import converter
from bnnplan.planner.board_model import SCHEMA, VERSION, BoardModel, save_board_model
from bnnplan.planner.cli.common import (
    BoardFile,
    DeviceNames,
    Json,
    Seed,
    Verbose,
    board_of,
    console,
    open_board,
    print_json,
    progress_bar,
    refuse_overwriting,
    require_writable,
)

BUDGET = 180.0


def characterize(
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the board model to a file.")
    ] = None,
    board: BoardFile = None,
    devices: DeviceNames = None,
    budget: Annotated[
        float, typer.Option("--budget", min=0.5, help="Seconds to measure at most.")
    ] = BUDGET,
    seed: Seed = 0,
    verbose: Verbose = False,
    json: Json = False,
) -> None:
    """Measure layers made for that on every device, and fit what layers of any shape cost.

    With the file, 'predict' and 'solve --board-model' know what a network costs without running
    it. Errors are those on layers that were left out of the fit.
    """
    refuse_overwriting(output, board)
    require_writable(output)
    detected = board_of(open_board(board, devices), quiet=json)
    from bnnplan.planner.characterizing import Options
    from bnnplan.planner.characterizing import characterize as measure

    with progress_bar(f"characterizing {detected.name}", enabled=not json) as tell:
        model = measure(detected, options=Options(budget=budget, seed=seed), progress=tell)
    if output is not None:
        save_board_model(model, output)
    if json:
        print_json(SCHEMA, converter().unstructure(model), VERSION)
        return
    _print(model, verbose=verbose)
    if output is not None:
        console.print(f"written to {output}")


def _print(model: BoardModel, *, verbose: bool) -> None:
    from bnnplan.planner.report.board_model_text import families_table, warnings

    console.print(families_table(model, verbose=verbose))
    for warning in warnings(model):
        console.print(warning)
    if model.conditions is not None and not model.conditions.complete:
        console.print("interrupted: the model is of what had been measured by then")
