"""From a choice to a solution, be it for one inference or for a pipeline."""

from __future__ import annotations

from collections.abc import Sequence

from bnnplan.planner.problem import Problem
from bnnplan.planner.problem_rules import ProblemError
from bnnplan.planner.solution import Solution
from bnnplan.planner.solvers.schedules.evaluation import schedule
from bnnplan.planner.solvers.schedules.pipelining import pipelined
from bnnplan.planner.solvers.structure import Graph


def solution_of(
    graph: Graph, choice: Sequence[int], order: Sequence[int] | None = None
) -> Solution | None:
    """Give the pipeline of a choice, or its schedule where there is one inference.

    That is by ranks, unless an order is given: all tasks, each after what it reads.

    The value of the first objective is stated; limits are not looked at. None if the choice needs
    an impossible transfer, or if contiguous parts wait for each other in a circle.
    """
    return pipelined(graph, choice) if graph.problem.is_pipeline else schedule(graph, choice, order)


def evaluate(
    problem: Problem, choice: Sequence[int], order: Sequence[int] | None = None
) -> Solution:
    """Give the solution of `choice`, an option index for each task.

    Parameters
    ----------
    problem : Problem
        Limits are not looked at: `check` tells whether they hold.
    choice : sequence of int
        For each task, in the order of ``problem.tasks``.
    order : sequence of int, optional
        For one inference: all task positions, each after what it reads. Everything is done as
        early as the order allows; by default the longest way to the end comes first.

    Raises
    ------
    ProblemError
        If the choice does not fit the problem, needs a transfer that is impossible, or makes
        contiguous parts wait for each other.
    """
    graph = Graph(problem)
    if len(choice) != len(graph.tasks):
        raise ProblemError(f"choice has {len(choice)} options for {len(graph.tasks)} tasks")
    for task, index in zip(graph.tasks, choice, strict=True):
        if not 0 <= index < len(task.options):
            raise ProblemError(f"task {task.name!r} has no option number {index}")
    solution = solution_of(graph, choice) if order is None else schedule(graph, choice, order)
    if solution is None:
        raise ProblemError(impossible(graph, choice))
    return solution


def impossible(graph: Graph, choice: Sequence[int]) -> str:
    """Say why a choice has no solution."""
    for link in graph.links:
        source = graph.tasks[link.source].options[choice[link.source]].output_ports[link.output]
        target = graph.tasks[link.target].options[choice[link.target]].input_ports[link.input]
        if graph.transfer_time(link.tensor, source, target) is None:
            return (
                f"tensor {graph.tensors[link.tensor].name!r} cannot be transferred from "
                f"{source!r} to {target!r}, where task {graph.tasks[link.target].name!r} reads it"
            )
    return "contiguous parts wait for each other, or for tasks that wait for them"
