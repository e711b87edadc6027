"""What may be shown on a terminal: text without control characters, whatever files say."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.text import Text

LONGEST = 2000
"""Characters of a message; a name in it may be of any length."""


def printable(text: str) -> str:
    """Text with every character that a terminal might obey or hide written as an escape."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def one_line(text: object) -> str:
    """A message as one printable line of bounded length, whose ends say what and why."""
    line = printable(" ".join(str(text).split()))
    if len(line) <= LONGEST:
        return line
    return f"{line[: LONGEST // 2]}…{line[-(LONGEST // 2) + 1 :]}"


class PlainConsole(Console):
    """A console on which texts from files can neither be markup nor control the terminal."""

    def render_str(self, text: str, **settings: Any) -> Text:
        """Texts as they are printed, alone and in tables."""
        return super().render_str(printable(text), **settings)
