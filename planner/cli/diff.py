"""``bnnplan diff``: what changes from one plan of a network to another."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bnnplan.models.files import converter
from bnnplan.planner.cli.common import Json, Verbose, complete_plan, console, print_json
from bnnplan.planner.difference import compare_plans
from bnnplan.planner.plan_file import load_plan
from bnnplan.planner.report.difference_text import difference_text


def diff(
    first: Annotated[
        Path, typer.Argument(metavar="A", help="Plan file.", autocompletion=complete_plan)
    ],
    second: Annotated[
        Path,
        typer.Argument(
            metavar="B", help="Another plan of the same network.", autocompletion=complete_plan
        ),
    ],
    verbose: Verbose = False,
    json: Json = False,
) -> None:
    """Compare two plans of one network: values, proofs, layers, transfers, memory, wishes."""
    found = compare_plans(load_plan(first), load_plan(second))
    if json:
        print_json("bnnplan.difference", converter().unstructure(found))
        return
    for part in difference_text(found, verbose=verbose):
        console.print(part)
