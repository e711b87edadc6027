"""``bnnplan boards``: boards of which figures are published, and where these come from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bnnplan.models.files import converter
from bnnplan.planner.board_model import save_board_model
from bnnplan.planner.boards import board_names, describe_board, modelled_board
from bnnplan.planner.boards.description import SCHEMA, VERSION
from bnnplan.planner.cli.common import Json, console, print_json, require_writable
from bnnplan.planner.report.boards_text import boards_table, description_table, source_lines


def _complete(incomplete: str) -> list[str]:
    return [name for name in board_names() if name.startswith(incomplete)]


def boards(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[BOARD]",
            help="One of them; without, all are listed.",
            autocompletion=_complete,
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="Write the board model that the figures give to a file."
        ),
    ] = None,
    json: Json = False,
) -> None:
    """List boards that are described by published figures, or show one with its sources.

    Their names stand for board models (--board-model khadas-vim3). Costs that come from them are
    modelled, not measured.
    """
    if name is None:
        if output is not None:
            raise typer.BadParameter("--output writes the model of one board; name it")
        found = [describe_board(known) for known in board_names()]
        if json:
            print_json("bnnplan.boards", {"boards": converter().unstructure(found)})
        else:
            console.print(boards_table(found))
        return
    board = describe_board(name)
    require_writable(output)
    if output is not None:
        save_board_model(modelled_board(name), output)
    if json:
        print_json(SCHEMA, converter().unstructure(board), VERSION)
        return
    console.print(f"{board.name}: {board.title}")
    console.print(description_table(board))
    for line in source_lines(board):
        console.print(line)
    if output is not None:
        console.print(f"board model written to {output}; its costs are modelled, not measured")
