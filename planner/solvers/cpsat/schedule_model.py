"""The whole schedule model of one inference: placement, times, windows, memory, objective, hint."""

from __future__ import annotations

from collections.abc import Sequence

from ortools.sat.python import cp_model

from bnnplan.planner.problem import Measure
from bnnplan.planner.problem_sums import horizon
from bnnplan.planner.solution import Solution
from bnnplan.planner.solvers.base import Status
from bnnplan.planner.solvers.bounds import Kept
from bnnplan.planner.solvers.checking.checker import check
from bnnplan.planner.solvers.cpsat.circles import forbid_circles
from bnnplan.planner.solvers.cpsat.engine import Effort, Expression, Kind, run
from bnnplan.planner.solvers.cpsat.lifetimes import Lifetimes
from bnnplan.planner.solvers.cpsat.memory import MemoryConstraints
from bnnplan.planner.solvers.cpsat.placement import Placement
from bnnplan.planner.solvers.cpsat.schedule import Schedule
from bnnplan.planner.solvers.cpsat.solution import read_solution
from bnnplan.planner.solvers.cpsat.spans import add_spans
from bnnplan.planner.solvers.cpsat.symmetry import use_in_order
from bnnplan.planner.solvers.cpsat.windows import Windows
from bnnplan.planner.solvers.interchangeable import Family, families
from bnnplan.planner.solvers.schedules.evaluation import schedule
from bnnplan.planner.solvers.structure import Graph


class ScheduleModel:
    """Everything that a solution of one inference has to obey.

    Parameters
    ----------
    graph, kept
        The problem and the options that are left of it.
    least : int
        A latency (ns) that no solution is below.
    best : Solution, optional
        Only what is as good is looked for, starting from it.
    ordered : bool
        Also forbid that contiguous parts wait for each other in a circle in which nothing takes
        time. All other circles are impossible anyway.
    """

    def __init__(
        self,
        graph: Graph,
        kept: Kept,
        *,
        least: int,
        best: Solution | None = None,
        ordered: bool = False,
    ) -> None:
        self.graph = graph
        self.model = cp_model.CpModel()
        self.placement = Placement(self.model, graph, kept, by_device=bool(graph.contiguous))
        equal = families(graph)
        use_in_order(self.placement, equal)
        memory = MemoryConstraints(self.placement)
        most = latest(graph, best)
        self.times = Schedule(self.placement, most, least, spacious=bool(memory.rooms))
        add_spans(self.times)
        windows = Windows(self.times)
        if ordered:
            forbid_circles(self.placement)
        lifetimes = Lifetimes(self.times, memory.rooms)
        objectives: dict[Measure, Expression] = {
            Measure.LATENCY: self.times.latency,
            Measure.ENERGY: self.placement.energy(),
            Measure.MEMORY: memory.total,
        }
        objective = objectives[graph.problem.objectives[0]]
        self.model.minimize(objective)
        if best is None:
            return
        self.model.add(objective <= best.objective)
        named = _relabelled(graph, best, equal)
        hints: dict[int, int] = {}
        self.placement.hint(hints, named.choice)
        for part in (self.times, windows, memory, lifetimes):
            part.hint(hints, named)
        for index, value in hints.items():
            self.model.add_hint(self.model.get_int_var_from_proto_index(index), value)

    def solve(self, effort: Effort) -> tuple[Status, int | None, list[Solution]]:
        """Give status and bound of the model, and what it found."""
        # Probing finds most of what parts imply; elsewhere it only takes time.
        kind = Kind.ASSIGNMENT if self.graph.contiguous else Kind.SCHEDULE
        answer = run(self.model, effort, kind)
        if answer.objective is None:
            return answer.status, answer.bound, []
        found = read_solution(self.times, answer)
        order = sorted(self.graph.order, key=lambda task: found.starts[task])
        # Earliest starts in the same order read better, where they are as good.
        early = schedule(self.graph, found.choice, order)
        return answer.status, answer.bound, [found] if early is None else [early, found]


def latest(graph: Graph, best: Solution | None) -> int:
    """Give a latency (ns) that no solution as good as the best one needs to exceed."""
    known = [horizon(graph.problem)]
    if (limit := graph.problem.limit(Measure.LATENCY)) is not None:
        known.append(limit)
    if best is not None and graph.problem.objectives[0] is Measure.LATENCY:
        known.append(best.objective)
    return min(known)


def _relabelled(graph: Graph, solution: Solution, equal: Sequence[Family]) -> Solution:
    """Give a solution with equal devices used in their order."""
    choice: Sequence[int] = solution.choice
    for family in equal:
        choice = family.relabelled(choice)
    if tuple(choice) == solution.choice:
        return solution
    order = sorted(graph.order, key=lambda task: solution.starts[task])
    other = schedule(graph, choice, order)
    return solution if other is None or check(graph.problem, other) else other
