"""``bnnplan solve --dry-run``: how large the problem is."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from bnnplan.planner.cli.common import console
from bnnplan.planner.cli.put import Put
from bnnplan.planner.problem import Problem
from bnnplan.planner.report.size_text import print_problem_size
from bnnplan.planner.sizing import size_of
from bnnplan.planner.solvers import able
from bnnplan.planner.solving import SolveOptions


def print_size(problems: Sequence[Problem], options: SolveOptions, put: Put) -> None:
    """Print the size of problems that stand for one request, and the methods for them."""
    size = size_of(problems)
    methods = able(problems[-1])
    document = {**attrs.asdict(size), "method": options.method, "able": methods}
    if put.out("bnnplan.size", 1, document):
        print_problem_size(size, options.method, methods, console)
