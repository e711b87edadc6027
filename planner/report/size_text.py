"""The size of a problem as text."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from bnnplan.planner.report.tables import Rows
from bnnplan.planner.sizing import ProblemSize


def print_problem_size(
    size: ProblemSize, method: str, able: Sequence[str], console: Console
) -> None:
    """Print how large a problem is, and which methods there are for it."""
    rows = Rows(size.name, "", left=1)
    counts = {
        "tasks (layers, inputs and outputs)": size.tasks,
        "tensors": size.tensors,
        "edges": size.edges,
        "devices": size.devices,
        "memory spaces": size.spaces,
        "options of all tasks": size.options,
        "of which none makes needless": size.kept,
        "pairs of options along edges": size.pairs,
        "problems, one a limit on threads and batch": size.problems,
    }
    for name, count in counts.items():
        rows.add_row(name, f"{count:,}")
    console.print(rows)
    wishes = f"; asks for {', '.join(size.features)}" if size.features else ""
    console.print(f"structure: {size.structure}{wishes}")
    if method == "auto":
        method = f"auto: {', then '.join(size.tried)}"
    console.print(f"method {method}; methods that understand all of it: {', '.join(able)}")
