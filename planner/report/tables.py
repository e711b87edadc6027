"""Plain tables that stay readable where they are narrow, and end their lines without blanks."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions
from rich.text import Text

from bnnplan.planner.report.terminal import printable

GAP = "  "
SHORT_NAME = 24
"""Characters that a long name in the first column keeps where room is short."""
LEAST_TEXT = 24
"""Characters that a wrapped column keeps at least."""


class Rows:
    """A table without lines: the first columns are text, the others figures.

    Where the console is too narrow, it shortens long names in the first column in the middle,
    then wraps one column of text on blanks, then leaves out optional columns.

    Parameters
    ----------
    *columns : str
        Titles.
    left : int
        How many columns are text.
    optional : sequence of str
        Titles of columns that may be missing, the least important first.
    wrapped : str, optional
        Title of the column of text that wraps; by default the last one of text.
    """

    def __init__(
        self, *columns: str, left: int = 1, optional: Sequence[str] = (), wrapped: str | None = None
    ) -> None:
        self.columns = columns
        self.left = left
        self.optional = optional
        self.wrapped = columns.index(wrapped) if wrapped else left - 1
        self.rows: list[tuple[tuple[str, ...], str]] = []

    def add_row(self, *cells: str, style: str = "") -> None:
        """Add a row; cells that are missing at its end stay empty."""
        empty = ("",) * (len(self.columns) - len(cells))
        self.rows.append((tuple(printable(cell) for cell in cells) + empty, style))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        for line, style in self.lines(options.max_width):
            # The console must not wrap what is wrapped already.
            yield Text(line, style=style, no_wrap=True, overflow="ignore")

    def lines(self, width: int) -> list[tuple[str, str]]:
        """The lines for a console of so many columns, each with its style."""
        rows = [(self.columns, "bold"), *self.rows]
        if self._room(rows, self._shown(()), width) < 0:
            rows = [((shortened(cells[0], SHORT_NAME), *cells[1:]), style) for cells, style in rows]
        dropped: list[str] = []
        waiting = list(self.optional)
        while waiting and self._room(rows, self._shown(dropped), width) < 0:
            dropped.append(waiting.pop(0))
        shown = self._shown(dropped)
        widths = self._widths(rows, shown)
        if self.wrapped in shown:
            least = min(LEAST_TEXT, widths[self.wrapped])
            room = least + max(0, self._room(rows, shown, width))
            widths[self.wrapped] = min(widths[self.wrapped], room)
        return [(line, style) for cells, style in rows for line in self._wrap(cells, shown, widths)]

    def _shown(self, dropped: Sequence[str]) -> list[int]:
        return [index for index, title in enumerate(self.columns) if title not in dropped]

    def _widths(
        self, rows: Sequence[tuple[tuple[str, ...], str]], shown: Sequence[int]
    ) -> dict[int, int]:
        return {index: max(cell_len(cells[index]) for cells, _ in rows) for index in shown}

    def _room(
        self, rows: Sequence[tuple[tuple[str, ...], str]], shown: Sequence[int], width: int
    ) -> int:
        """Columns that are left over where the text that wraps has its least width."""
        widths = self._widths(rows, shown)
        if self.wrapped in widths:
            widths[self.wrapped] = min(LEAST_TEXT, widths[self.wrapped])
        return width - sum(widths.values()) - len(GAP) * (len(shown) - 1)

    def _wrap(
        self, cells: tuple[str, ...], shown: Sequence[int], widths: dict[int, int]
    ) -> Iterator[str]:
        parts = [cells[self.wrapped]]
        if self.wrapped in shown and cell_len(parts[0]) > widths[self.wrapped]:
            parts = textwrap.wrap(parts[0], widths[self.wrapped], break_on_hyphens=False)
        for number, part in enumerate(parts):
            line = []
            for index in shown:
                cell = part if index == self.wrapped else cells[index] if number == 0 else ""
                blanks = " " * (widths[index] - cell_len(cell))
                line.append(cell + blanks if index < self.left else blanks + cell)
            yield GAP.join(line).rstrip()


def shortened(name: str, most: int) -> str:
    """A name of at most so many characters: a long one loses its middle."""
    if len(name) <= most:
        return name
    head = (most - 1) // 2
    return f"{name[:head]}…{name[head + 1 - most :]}"
