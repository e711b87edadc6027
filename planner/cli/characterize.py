"""``bnnplan characterize``: measures what layers of any shape cost on a board."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bnnplan.models.errors import BnnplanError
from bnnplan.models.files import converter
from bnnplan.planner.board_model import (
    SCHEMA,
    VERSION,
    BoardModel,
    BoardModelError,
    load_board_model,
    save_board_model,
)
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
from bnnplan.planner.cli.planned import InterruptedByUserError

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
    it. Errors are those on layers that were left out of the fit. A file that covers more families
    of layers is not replaced; after Ctrl-C one is written if at least half of the families of every
    device were measured.
    """
    refuse_overwriting(output, board)
    require_writable(output)
    detected = board_of(open_board(board, devices), quiet=json)
    from bnnplan.planner.characterizing import Options
    from bnnplan.planner.characterizing import characterize as measure

    with progress_bar(f"characterizing {detected.name}", enabled=not json) as tell:
        model = measure(detected, options=Options(budget=budget, seed=seed), progress=tell)
    dropped = _why_dropped(model, output)
    if output is not None and dropped is None:
        save_board_model(model, output)
    if json:
        print_json(SCHEMA, converter().unstructure(model), VERSION)
    else:
        _print(model, verbose=verbose)
        if output is not None and dropped is None:
            console.print(f"written to {output}")
    if _is_interrupted(model):
        raise InterruptedByUserError(
            f"interrupted; {dropped}"
            if dropped
            else "interrupted; the model is of what had been measured by then"
        )
    if dropped is not None:
        raise BoardModelError(
            f"{dropped}; a larger --budget covers more, --output writes elsewhere"
        )


def _is_interrupted(model: BoardModel) -> bool:
    return model.conditions is not None and not model.conditions.complete


def _why_dropped(model: BoardModel, output: Path | None) -> str | None:
    """Why what was measured is not written; None where it is.

    It is where it covers all that a board model covers whose place it takes, and, if measuring was
    interrupted, at least half of the families of every device.
    """
    if output is None:
        return None
    from bnnplan.planner.characterizing import barely_measured, covers

    barely = barely_measured(model)
    if barely and _is_interrupted(model):
        names = ", ".join(barely)
        return f"less than half of the families of {names} were measured, {output} is not written"
    try:
        before = load_board_model(output)
    except BnnplanError:
        return None  # no board model is lost
    if covers(model, before):
        return None
    return f"{output} covers more families and stays as it is"


def _print(model: BoardModel, *, verbose: bool) -> None:
    from bnnplan.planner.characterizing import missing_families
    from bnnplan.planner.report.board_model_text import families_table, warnings

    console.print(families_table(model, verbose=verbose))
    for warning in warnings(model):
        console.print(warning)
    for device, families in missing_families(model).items():
        console.print(
            f"not in the model, too little was measured on {device}: {', '.join(families)}; a "
            "larger --budget covers them"
        )
