"""CP-SAT for latency, with proof.

Where only one thing can ever be busy at a time, latency is a plain sum and the placement alone is
the model. Its memory conditions are necessary ones: if its optimum can be scheduled within the
memory limits, that is the optimum of the problem. Otherwise the schedule model decides, with
start times. Both start from the best heuristic plan as a complete hint.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from ortools.sat.python import cp_model

from bnnplan.planner.problem import Problem
from bnnplan.planner.problem_rules import horizon
from bnnplan.planner.solution import Solution
from bnnplan.planner.solvers.base import SolverResult, Status, verified
from bnnplan.planner.solvers.bounds import Kept, lower_bound
from bnnplan.planner.solvers.checking import check
from bnnplan.planner.solvers.cpsat_engine import Effort, run
from bnnplan.planner.solvers.cpsat_lifetimes import Lifetimes
from bnnplan.planner.solvers.cpsat_memory import MemoryConstraints
from bnnplan.planner.solvers.cpsat_placement import Placement
from bnnplan.planner.solvers.cpsat_schedule import Schedule
from bnnplan.planner.solvers.evaluation import schedule
from bnnplan.planner.solvers.explaining import why_infeasible
from bnnplan.planner.solvers.features import Feature
from bnnplan.planner.solvers.list_scheduling import fitting, heuristic
from bnnplan.planner.solvers.presolve import undominated
from bnnplan.planner.solvers.structure import Graph, one_at_a_time

METHOD = "cpsat"
SUPPORTS: frozenset[Feature] = frozenset()

# The share of the time limit that the heuristic may take; its count of tries ends it before.
HEURISTIC_SHARE = 0.2


def solve(
    problem: Problem,
    *,
    time_limit: float = 60.0,
    workers: int = 1,
    seed: int = 0,
    hint: Sequence[int] | None = None,
) -> SolverResult:
    """Solve any problem; parameters and result as for every `Solver`."""
    return verified(problem, _Search(problem, time_limit, workers, seed, hint).result())


class _Search:
    """The best solution and bound so far, while one model after the other improves them."""

    def __init__(
        self,
        problem: Problem,
        time_limit: float,
        workers: int,
        seed: int,
        hint: Sequence[int] | None,
    ) -> None:
        self.started = time.perf_counter()
        self.problem = problem
        self.effort = Effort(self.started + time_limit, workers, seed)
        self.graph = Graph(problem)
        self.kept: Kept = undominated(self.graph)
        self.serial = one_at_a_time(self.graph)
        self.bound = lower_bound(self.graph, self.kept, serial=self.serial)
        self.best: Solution | None = heuristic(
            self.graph,
            self.kept,
            deadline=self.started + HEURISTIC_SHARE * time_limit,
            hint=hint,
        )
        self.infeasible = False
        self.message = ""

    def result(self) -> SolverResult:
        """Search until the proof or the end of the time."""
        if not self._proven() and self.serial:
            self._solve_placement()
        if not self._proven() and not self.infeasible and not self.effort.over:
            self._solve_schedule()
        reasons: tuple[str, ...] = ()
        if self.best is not None:
            status = Status.OPTIMAL if self._proven() else Status.FEASIBLE
        elif self.infeasible:
            status = Status.INFEASIBLE
            reasons = why_infeasible(self.graph, self.kept, self.effort)
            self.message = "; ".join(reasons)
        else:
            status = Status.UNKNOWN
            self.message = self.message or "no plan found within the time limit"
        return SolverResult(
            status=status,
            solution=self.best,
            objective=self.best.objective if self.best else None,
            bound=None if status is Status.INFEASIBLE else self.bound,
            runtime_s=time.perf_counter() - self.started,
            method=METHOD,
            message=self.message,
            reasons=reasons,
        )

    def _proven(self) -> bool:
        return self.best is not None and self.best.objective <= self.bound

    def _found(self, solution: Solution | None) -> None:
        """Keep a solution if it is right and better."""
        if solution is None or check(self.problem, solution):
            return
        if self.best is None or solution.objective < self.best.objective:
            self.best = solution

    def _told(self, status: Status, bound: int | None) -> None:
        """Take over what a model proves: a bound, or that there is no solution."""
        if status is Status.INFEASIBLE:
            self.infeasible = self.best is None
            if self.best is not None:
                self.message = "CP-SAT wrongly told that there is no plan: the proof is missing"
        elif bound is not None:
            self.bound = max(self.bound, bound)

    def _solve_placement(self) -> None:
        """Find the placement with the least sum that no memory limit forbids outright."""
        model = cp_model.CpModel()
        placement = Placement(model, self.graph, self.kept)
        MemoryConstraints(placement)
        model.minimize(placement.total())
        if self.best is not None:
            hints: dict[int, int] = {}
            placement.hint(hints, self.best.choice)
            add_hints(model, hints)
        answer = run(model, self.effort)
        self._told(answer.status, answer.bound)
        if answer.objective is not None:
            self._found(fitting(self.graph, placement.choice(answer)))

    def _solve_schedule(self) -> None:
        """Find start times as well."""
        model = cp_model.CpModel()
        placement = Placement(model, self.graph, self.kept)
        MemoryConstraints(placement)
        latest = self.best.objective if self.best else horizon(self.problem)
        times = Schedule(placement, latest, self.bound)
        lifetimes = Lifetimes(times)
        model.minimize(times.latency)
        if self.best is not None:
            hints: dict[int, int] = {}
            placement.hint(hints, self.best.choice)
            times.hint(hints, self.best)
            lifetimes.hint(hints, self.best)
            add_hints(model, hints)
        answer = run(model, self.effort)
        self._told(answer.status, answer.bound)
        if answer.objective is not None:
            found = times.solution(answer)
            order = sorted(self.graph.order, key=lambda task: found.starts[task])
            # Earliest starts in the same order read better, where they are as good.
            self._found(schedule(self.graph, found.choice, order))
            self._found(found)


def add_hints(model: cp_model.CpModel, hints: dict[int, int]) -> None:
    """Hint every variable of the model that has a value."""
    for index, value in hints.items():
        model.add_hint(model.get_int_var_from_proto_index(index), value)
