"""Where a command's document goes: a file, standard output as JSON, or only a table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from attrs import frozen

from bnnplan.models.files import write_json
from bnnplan.planner.cli.common import console, print_json


@frozen
class Put:
    """What was asked for.

    Parameters
    ----------
    output : Path or None
        The file to write.
    json : bool
        Whether the document is printed instead of text.
    """

    output: Path | None
    json: bool

    def out(self, schema: str, version: int, document: dict[str, Any]) -> bool:
        """Write and print a document as asked; whether text is to be printed as well."""
        if self.output is not None:
            write_json(self.output, schema, version, document)
        if self.json:
            print_json(schema, document, version)
        return not self.json

    def tell(self, what: str) -> None:
        """Print where it was written, if it was."""
        if self.output is not None:
            console.print(f"{what} written to {self.output}")
