"""HEFT: each task, most urgent first, where it ends first.

Transfers, exports and entries are counted, and everything may be inserted before what was placed
earlier. Limits, groups and contiguous devices are not looked at: the result says so if one is not
kept.

Source: Topcuoglu, Hariri, Wu, "Performance-effective and low-complexity task scheduling for
heterogeneous computing", IEEE TPDS 13(3), 2002.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from bnnplan.planner.problem import Problem
from bnnplan.planner.solvers.base import SolverResult
from bnnplan.planner.solvers.features import EVERYTHING
from bnnplan.planner.solvers.heuristics.greedy import stated
from bnnplan.planner.solvers.heuristics.insertion import earliest_finish
from bnnplan.planner.solvers.presolve import undominated
from bnnplan.planner.solvers.structure import Graph

METHOD = "heft"
SUPPORTS = EVERYTHING
COMPLETE = False


def solve(
    problem: Problem,
    *,
    time_limit: float = 60.0,
    workers: int = 1,
    seed: int = 0,
    hint: Sequence[int] | None = None,
) -> SolverResult:
    """Give HEFT's plan; parameters and result as for every `Solver` (none is needed here).

    Of a pipeline, what it chooses for one inference is evaluated.
    """
    started = time.perf_counter()
    graph = Graph(problem)
    choice, order = earliest_finish(graph, undominated(graph))
    return stated(problem, graph, choice, METHOD, started, order=order)
