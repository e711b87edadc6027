"""What several commands share: options, opening things, progress, tables and JSON."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
from rich.table import Column
from rich.text import Text

from bnnplan.models.errors import BnnplanError, FileError
from bnnplan.models.graph import Network
from bnnplan.models.load import DEFAULT, open_network
from bnnplan.models.lowering import lower
from bnnplan.models.zoo import ZOO
from bnnplan.planner.board import Board, BoardError, Detection, detect_board, load_board
from bnnplan.planner.profile import MOST_IMAGES
from bnnplan.planner.profiling import Progress as Tell
from bnnplan.planner.report.tables import Rows
from bnnplan.planner.report.terminal import PlainConsole, printable


def complete_network(incomplete: str) -> list[str]:
    """Names of the zoo and files that a shell completes a network's beginning to."""
    return [name for name in ZOO if name.startswith(incomplete)] + _files(
        incomplete, (".bnn", ".onnx", ".onnx.gz")
    )


def complete_plan(incomplete: str) -> list[str]:
    """What a shell completes to where a plan stands, or a network to plan for."""
    return complete_network(incomplete) + _files(incomplete, (".json",))


def _files(incomplete: str, suffixes: tuple[str, ...]) -> list[str]:
    folder, beginning = os.path.split(incomplete)
    try:
        entries = sorted(os.scandir(folder or "."), key=lambda entry: entry.name)
    except OSError:
        return []
    wanted = [
        entry.name + ("/" if entry.is_dir() else "")
        for entry in entries
        if entry.name.startswith(beginning) and (entry.is_dir() or entry.name.endswith(suffixes))
    ]
    return [os.path.join(folder, name) for name in wanted]


NetworkText = Annotated[
    str,
    typer.Argument(
        metavar="NET",
        help=f"Zoo name ({', '.join(ZOO)}), or a .bnn or .onnx file.",
        show_default=DEFAULT,
        autocompletion=complete_network,
    ),
]
BoardFile = Annotated[
    Path | None,
    typer.Option("--board", metavar="FILE", help="Board file; default: this machine, detected."),
]
BoardModelFile = Annotated[
    Path | None,
    typer.Option(
        "--board-model",
        metavar="FILE|BOARD",
        help="What layers cost on a board, by which costs are predicted instead of measured: a "
        "file, or a name of 'bnnplan boards'.",
    ),
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

BUDGET = 60.0
"""Seconds for profiling, where nothing else is asked for."""
WIDE = 160
"""Columns of tables that go into a file or pipe."""

# Names and messages may hold brackets: nothing that is printed is markup.
_is_terminal = sys.stdout is not None and sys.stdout.isatty()
console = PlainConsole(highlight=False, markup=False, width=None if _is_terminal else WIDE)
notes = PlainConsole(stderr=True, highlight=False, markup=False, soft_wrap=True)


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
    try:
        # What was not asked for needs no excuse.
        return Detection(found.board.only(_split(names)), ())
    except BoardError as error:
        why = "".join(f"; not used: {m.name}: {m.reason}" for m in found.unavailable)
        raise BoardError(f"{error}{why}") from error


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
    """A progress bar with the time left once that is known, on standard error."""
    bar = Progress(
        TextColumn("{task.fields[title]}", style="bold", markup=False),
        BarColumn(),
        _Times(Column(no_wrap=True)),
        TextColumn("{task.description}", style="dim", markup=False),
        console=notes,
        transient=True,
        disable=not (enabled and notes.is_terminal),
    )
    with bar:
        task = bar.add_task("", total=None, title=printable(title))
        yield lambda share, text: bar.update(
            task, total=1.0 if share else None, completed=share, description=printable(text)
        )


class _Times(ProgressColumn):
    """Time spent, and about how much is left where a share of the work is done."""

    def render(self, task: Task) -> Text:
        """What stands beside the bar."""
        spent = f"{task.elapsed or 0:.0f} s"
        left = "" if task.time_remaining is None else f", about {task.time_remaining:.0f} s left"
        return Text(f"{spent}{left}")


def print_json(schema: str, content: dict[str, Any], version: int = 1) -> None:
    """Print a document with its schema and version first."""
    document = {"schema": schema, "version": version, **content}
    # The whole text first: half a document helps nobody.
    sys.stdout.write(json.dumps(document, indent=2, allow_nan=False) + "\n")


def table(
    *columns: str, left: int = 1, optional: Sequence[str] = (), wrapped: str | None = None
) -> Rows:
    """A plain table; the first columns are text, the others figures."""
    return Rows(*columns, left=left, optional=optional, wrapped=wrapped)


def refuse_overwriting(output: Path | None, *inputs: Path | str | None) -> None:
    """Raise typer.BadParameter where a file would be written over one that is read.

    None stands for a file that is not asked for, or not read; names of the zoo are no files.
    """
    for file in inputs:
        if output is None or file is None or str(file) in ZOO:
            continue
        if os.path.realpath(file) == os.path.realpath(output):
            raise typer.BadParameter(
                f"{output}: is read by this command, and would be overwritten; name another file "
                "for the result"
            )


def require_writable(*files: Path | None) -> None:
    """Raise FileError where a file that is asked for can certainly not be written.

    To be called before anything takes long; None stands for a file that is not asked for.
    """
    for file in files:
        if file is None:
            continue
        if file.exists() and not file.is_file():
            raise FileError(f"cannot write {file}: it exists and is not an ordinary file")
        folder = file.absolute().parent
        if not folder.is_dir():
            raise FileError(f"cannot write {file}: there is no folder {folder}")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise FileError(f"cannot write {file}: folder {folder} is not writable")
