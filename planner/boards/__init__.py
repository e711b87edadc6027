"""Boards that need not be at hand: what is published of them, and what costs that makes likely."""

from __future__ import annotations

from pathlib import Path

from bnnplan.planner.board_model import BoardModel, BoardModelError, load_board_model
from bnnplan.planner.boards.description import (
    FOLDER,
    BoardDescription,
    ClusterFigures,
    Figure,
    GpuFigures,
    Source,
    board_names,
    read_description,
)
from bnnplan.planner.boards.modelling import model_of

__all__ = [
    "BoardDescription",
    "ClusterFigures",
    "Figure",
    "GpuFigures",
    "Source",
    "board_names",
    "describe_board",
    "modelled_board",
    "open_board_model",
]


def describe_board(name: str) -> BoardDescription:
    """What is published of a board.

    Parameters
    ----------
    name : str
        Of :func:`board_names`.

    Raises
    ------
    BoardModelError
        If there is no such board; the message lists those that there are.
    """
    if name not in board_names():
        raise BoardModelError(f"no board {name!r} is described; there are {_known()}")
    return read_description(FOLDER / f"{name}.json")


def modelled_board(name: str) -> BoardModel:
    """The board model that the published figures of a board give; its costs are `modelled`.

    Raises
    ------
    BoardModelError
        If there is no such board; the message lists those that there are.
    """
    return model_of(describe_board(name))


def open_board_model(text: str) -> BoardModel:
    """A board model, by the name of a board that is described or from a file.

    Parameters
    ----------
    text : str
        Of :func:`board_names`, or the path of a file that ``bnnplan characterize`` wrote.

    Raises
    ------
    BoardModelError
        If it is neither; the message lists the boards that are described.
    FileError
        If the file is no board model.
    """
    if text in board_names():
        return modelled_board(text)
    path = Path(text)
    if not path.exists():
        raise BoardModelError(
            f"{text!r} is neither a file nor a board that is described; there are {_known()}"
        )
    return load_board_model(path)


def _known() -> str:
    return ", ".join(board_names())
