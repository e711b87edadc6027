"""The assignment model: which option each task takes, whatever the times.

It has all conditions that a placement alone decides, and of the others (memory, times) what is
necessary in any case. Where energy is to be least, or latency while only one thing can be busy at a
time, its objective is that sum; where memory is, the least that necessarily lies in all spaces. So
its optimum is a bound, and the optimum of the problem if a schedule of it is as good.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen
from ortools.sat.python import cp_model

from bnnplan.planner.problem import Measure
from bnnplan.planner.solution import Solution
from bnnplan.planner.solvers.base import Status
from bnnplan.planner.solvers.bounds import Kept
from bnnplan.planner.solvers.cpsat.engine import Effort, Kind, run
from bnnplan.planner.solvers.cpsat.memory import MemoryConstraints
from bnnplan.planner.solvers.cpsat.placement import Placement
from bnnplan.planner.solvers.structure import Graph, one_at_a_time

# Variables of a model that a MILP solver is asked to confirm as infeasible, and for how long.
SMALL = 20_000
CONFIRM_SECONDS = 5.0


@frozen
class Assigned:
    """What is known of an assignment model.

    Attributes
    ----------
    status : Status
        Of the model: infeasible, then so is the problem.
    bound : int or None
        No solution of the problem is below it, in the unit of the objective.
    choices : tuple of tuple of int
        Those found, the best of the model first.
    """

    status: Status
    bound: int | None
    choices: tuple[tuple[int, ...], ...]


class AssignmentModel:
    """A model that minimises the energy or memory, or else the sum of all durations."""

    def __init__(self, graph: Graph, kept: Kept, *, ordered: bool = False) -> None:
        self.model = cp_model.CpModel()
        self.placement = Placement(self.model, graph, kept)
        self.memory = MemoryConstraints(self.placement, ordered=ordered)
        latency = graph.problem.limit(Measure.LATENCY)
        if latency is not None and not graph.problem.is_pipeline and one_at_a_time(graph):
            total = self.placement.total()
            self.model.add_linear_expression_in_domain(total, cp_model.Domain(0, latency))
        measure = graph.problem.objectives[0]
        if measure is Measure.ENERGY:
            self.model.minimize(self.placement.energy())
        elif measure is Measure.MEMORY:
            self.model.minimize(self.memory.total)
        else:
            self.model.minimize(self.placement.total())

    def hint(self, choice: Sequence[int], solution: Solution | None = None) -> None:
        """Start from a choice, and the peaks of memory of its solution if there is one."""
        hints: dict[int, int] = {}
        self.placement.hint(hints, choice)
        if solution is not None:
            self.memory.hint(hints, solution)
        for index, value in hints.items():
            self.model.add_hint(self.model.get_int_var_from_proto_index(index), value)


def assign(
    graph: Graph,
    kept: Kept,
    effort: Effort,
    hint: Solution | None = None,
    *,
    ordered: bool = False,
) -> Assigned:
    """Solve the assignment model, starting from a solution if there is one.

    Parameters
    ----------
    graph, kept, effort
        The problem, the options that are left of it, and what may be used.
    hint : Solution, optional
        Found before.
    ordered : bool
        Keeps memory within its limits in the order of the graph, instead of what is necessary in
        any order. Then nothing is proven of the problem.
    """
    assignment = AssignmentModel(graph, kept, ordered=ordered)
    if hint is not None:
        assignment.hint(hint.choice, hint)
    choices: list[tuple[int, ...]] = []

    def confirm() -> Status:
        if ordered or len(assignment.model.proto.variables) > SMALL:
            return Status.UNKNOWN
        # Imported only here: it takes a tenth of a second, and is hardly ever needed.
        from bnnplan.planner.solvers.milp.engine import solve_as_milp

        return solve_as_milp(assignment.model, "highs", effort.extended(CONFIRM_SECONDS)).status

    answer = run(
        assignment.model,
        effort,
        Kind.ASSIGNMENT,
        confirm=confirm,
        watch=lambda values: choices.append(tuple(assignment.placement.choice(values))),
    )
    proven = None if ordered else answer.bound
    return Assigned(answer.status, proven, tuple(dict.fromkeys(reversed(choices))))
