"""How large a problem is, told without solving it."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from bnnplan.planner.problem import Problem
from bnnplan.planner.solvers.features import features
from bnnplan.planner.solvers.method_order import methods_tried
from bnnplan.planner.solvers.presolve import undominated
from bnnplan.planner.solvers.structure import Graph, one_at_a_time


@frozen
class ProblemSize:
    """The size of a problem, or of several that differ in the threads they allow.

    Parameters
    ----------
    name : str
    problems : int
        One for each limit on threads and batch; the others are not larger than this one.
    tasks, tensors, edges, devices, spaces : int
    options : int
        Of all tasks together.
    kept : int
        Options that no other one makes needless.
    pairs : int
        Ways to join the options at the ends of each edge, together: what a model would hold that
        has a variable for each.
    features : tuple of str
        What is asked for beyond the least latency.
    structure : str
        What decides how hard it is.
    tried : tuple of str
        The methods that ``auto`` tries for the first objective, in their order.
    """

    name: str
    problems: int
    tasks: int
    tensors: int
    edges: int
    devices: int
    spaces: int
    options: int
    kept: int
    pairs: int
    features: tuple[str, ...]
    structure: str
    tried: tuple[str, ...]


def size_of(problems: Sequence[Problem]) -> ProblemSize:
    """Measure problems that stand for one request; the last one is the largest."""
    problem = problems[-1]
    graph = Graph(problem)
    kept = [len(indices) for indices in undominated(graph)]
    return ProblemSize(
        name=problem.name,
        problems=len(problems),
        tasks=len(problem.tasks),
        tensors=len(problem.tensors),
        edges=len(problem.edges),
        devices=sum(bool(device.resources) for device in problem.devices),
        spaces=len(problem.spaces),
        options=sum(len(task.options) for task in problem.tasks),
        kept=sum(kept),
        pairs=sum(kept[link.source] * kept[link.target] for link in graph.links),
        features=tuple(sorted(features(problem))),
        structure=_structure(graph),
        tried=methods_tried(graph),
    )


def _structure(graph: Graph) -> str:
    if graph.is_chain():
        return "a chain"
    if one_at_a_time(graph):
        return "a graph in which nothing can happen at the same time"
    return "a graph in which devices can work at the same time"
