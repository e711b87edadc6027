"""What several commands share: options, opening things, progress, tables and JSON."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from bnnplan.models.errors import BnnplanError
from bnnplan.models.graph import Network
from bnnplan.models.load import DEFAULT, open_network
from bnnplan.models.lowering import lower
from bnnplan.planner.board import Board, Detection, detect_board, load_board
from bnnplan.planner.profile import MOST_IMAGES
from bnnplan.planner.profiling import Progress as Tell

NetworkText = Annotated[
    str,
    typer.Argument(metavar="NET", help="Zoo name, .bnn or .onnx file.", show_default=DEFAULT),
]
BoardFile = Annotated[
    Path | None,
    typer.Option("--board", metavar="FILE", help="Board file; default: this machine, detected."),
]
DeviceNames = Annotated[
    str | None,
    typer.Option("--devices", metavar="A,B", help="Use only these devices of the board."),
]
Batch = Annotated[
    int, typer.Option("--batch", min=1, max=MOST_IMAGES, help="Images computed at once.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Of everything random.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Print more.")]
Budget = Annotated[
    float, typer.Option("--budget", min=0.1, help="Seconds to spend on profiling at most.")
]
Fresh = Annotated[bool, typer.Option("--fresh", help="Measure again, whatever is in the cache.")]

WIDE = 160
"""Columns of tables that go into a file or pipe."""

# Names and messages may hold brackets: nothing that is printed is markup.
console = Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else WIDE)
notes = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)


def open_lowered(text: str) -> Network:
    """Open a network and lower it to the layers that backends run."""
    return lower(open_network(text))


def open_board(file: Path | None, names: str | None) -> Detection:
    """The board of a file, or this machine's; only some of its devices if named."""
    if file is not None:
        found = Detection(load_board(file), ())
    else:
        found = detect_board(oracles=names is not None)
    if names is None:
        return found
    return Detection(found.board.only(_split(names)), found.unavailable)


def _split(names: str) -> list[str]:
    parts = [name.strip() for name in names.split(",") if name.strip()]
    if not parts:
        raise BnnplanError("--devices names no device; see 'bnnplan devices'")
    return parts


def board_of(detection: Detection, *, quiet: bool) -> Board:
    """The board, after telling what of the machine cannot be used and why."""
    if not quiet:
        for missing in detection.unavailable:
            notes.print(f"not used: {missing.name}: {missing.reason}", style="dim")
    return detection.board


@contextlib.contextmanager
def progress_bar(title: str, *, enabled: bool = True) -> Iterator[Tell]:
    """A progress bar with the time left, on standard error."""
    bar = Progress(
        TextColumn("{task.fields[title]}", style="bold", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.description}", style="dim", markup=False),
        console=notes,
        transient=True,
        disable=not (enabled and notes.is_terminal),
    )
    with bar:
        task = bar.add_task("", total=1.0, title=title)
        yield lambda share, text: bar.update(task, completed=share, description=text)


def print_json(schema: str, content: dict[str, Any]) -> None:
    """Print a document with its schema and version first."""
    document = {"schema": schema, "version": 1, **content}
    # The whole text first: half a document helps nobody.
    sys.stdout.write(json.dumps(document, indent=2, allow_nan=False) + "\n")


def table(*columns: str, left: int = 1) -> Table:
    """A plain table; the first columns are text, the others figures."""
    made = Table(box=None, pad_edge=False, header_style="bold")
    for index, column in enumerate(columns):
        made.add_column(column, justify="left" if index < left else "right", overflow="fold")
    return made
