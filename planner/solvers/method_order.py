"""Which methods ``auto`` tries for a problem, told without solving it."""

from __future__ import annotations

from bnnplan.planner.solvers.pipelines import load_fronts
from bnnplan.planner.solvers.pipelines.part_problem import part_problem
from bnnplan.planner.solvers.pipelines.throughput import SMALL
from bnnplan.planner.solvers.presolve import undominated
from bnnplan.planner.solvers.structure import Graph, is_sum


def methods_tried(graph: Graph) -> tuple[str, ...]:
    """Name the methods for the first objective in their order; each only if those before fail."""
    if graph.problem.is_pipeline:
        return (*_for_pipelines(graph), "cpsat")
    if is_sum(graph):
        return ("dynamic-programming" if graph.is_chain() else "elimination", "cpsat")
    return ("cpsat",)


def _for_pipelines(graph: Graph) -> tuple[str, ...]:
    kept = undominated(graph)
    parts = part_problem(graph, kept)
    if parts is not None:
        return ("part-splits",) if parts.is_line else ()
    is_small = load_fronts.applies(graph) and sum(map(len, kept)) <= SMALL
    return ("load-fronts",) if is_small else ()
