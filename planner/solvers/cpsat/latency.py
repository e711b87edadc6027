"""CP-SAT for one inference, with proof.

Where the objective is a plain sum that the placement decides (energy; latency where only one thing
can ever be busy at a time), or the memory of all spaces, the placement alone is the first model.
Its conditions are necessary ones: if its optimum can be scheduled within all limits, and is as good
then (as the memory of a chain always is), that is the optimum of the problem. Otherwise the
schedule model decides, with start times. Both start from the best heuristic plan as a complete
hint. Where the schedule model does not prove it soon, annealing looks for better plans while the
model, on the other workers, looks for a better bound.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from attrs import evolve

from bnnplan.planner.problem import Measure, Problem
from bnnplan.planner.solution import Solution
from bnnplan.planner.solvers.base import SolverResult, verified
from bnnplan.planner.solvers.bounds import Kept, least_objective, lower_bound
from bnnplan.planner.solvers.cpsat.assignment import assign
from bnnplan.planner.solvers.cpsat.engine import Effort
from bnnplan.planner.solvers.cpsat.incumbent import Incumbent
from bnnplan.planner.solvers.cpsat.memory import weighs
from bnnplan.planner.solvers.cpsat.schedule_model import ScheduleModel, latest
from bnnplan.planner.solvers.features import EVERYTHING, Feature
from bnnplan.planner.solvers.heuristics.list_scheduling import fitting, heuristic
from bnnplan.planner.solvers.heuristics.order_search import anneal, suits
from bnnplan.planner.solvers.presolve import undominated
from bnnplan.planner.solvers.schedules.evaluation import schedule
from bnnplan.planner.solvers.schedules.parts import in_circle
from bnnplan.planner.solvers.simplifying import simplified
from bnnplan.planner.solvers.structure import Graph, is_sum, one_at_a_time

METHOD = "cpsat"
SUPPORTS = EVERYTHING - {Feature.PIPELINE}

# The share of the time limit after which searches are to end.
ENDING = 0.98

# The share of the time limit that the heuristic may take; its count of tries ends it before.
HEURISTIC_SHARE = 0.2

# The share of the time that the placement may take where memory is to be least: its optimum is only
# a bound where what else is alive depends on the order.
PLACEMENT_SHARE = 0.5

# The shares of the time left that go into a first run of the schedule model, which proves what is
# easy, and into annealing, where the proof does not come at once.
FIRST_SHARE = 0.1
ANNEALING_SHARE = 0.9

# The same for contiguous devices, whose model is larger: a first run of it, and a run without the
# windows of parts. Beyond so many edges times pairs of contiguous devices it only takes time.
FIRST_CONTIGUOUS_SHARE = 0.3
RELAXED_SHARE = 0.5
VAST = 20_000

# Assignments that are tried to be scheduled within all limits.
TRIED = 16


def solve(
    problem: Problem,
    *,
    time_limit: float = 60.0,
    workers: int = 1,
    seed: int = 0,
    hint: Sequence[int] | None = None,
) -> SolverResult:
    """Solve any problem; parameters and result as for every `Solver`."""
    started = time.perf_counter()
    simple = simplified(problem)
    result = _Search(simple.problem, time_limit, workers, seed, hint).result()
    solution = None if result.solution is None else simple.back(result.solution)
    if result.solution is not None and solution is None:
        left = max(0.1, time_limit - (time.perf_counter() - started))
        return verified(problem, _Search(problem, left, workers, seed, hint).result())
    bound = None if result.bound is None else simple.value(result.bound)
    result = evolve(
        result,
        solution=solution,
        objective=solution.objective if solution else None,
        bound=bound,
        runtime_s=time.perf_counter() - started,
    )
    return verified(problem, result)


class _Search(Incumbent):
    """The best solution and bound so far, while one model after the other improves them."""

    def __init__(
        self,
        problem: Problem,
        time_limit: float,
        workers: int,
        seed: int,
        hint: Sequence[int] | None,
    ) -> None:
        super().__init__(problem, METHOD)
        # CP-SAT ends a little late, and what it finds has to be checked.
        self.effort = Effort(self.started + ENDING * time_limit, workers, seed)
        self.graph = Graph(problem)
        self.kept: Kept = undominated(self.graph)
        self.serial = one_at_a_time(self.graph)
        self.latency = lower_bound(self.graph, self.kept, serial=self.serial)
        self.bound = least_objective(self.graph, self.kept, serial=self.serial)
        self.best = heuristic(
            self.graph,
            self.kept,
            deadline=self.started + HEURISTIC_SHARE * time_limit,
            hint=hint,
        )

    def result(self) -> SolverResult:
        """Search until the proof or the end of the time."""
        if not self.proven() and is_sum(self.graph):
            self._solve_placement(self.effort)
        elif not self.proven() and self.problem.objectives[0] is Measure.MEMORY:
            self._solve_placement(self._slice(PLACEMENT_SHARE))
        if not self.proven() and not self.infeasible and not self.effort.over:
            self._solve_schedule()
        return self.stated()

    def _solve_placement(self, effort: Effort) -> None:
        """Find the best placement that no memory limit forbids outright."""
        assigned = assign(self.graph, self.kept, effort, self.best)
        self.told(assigned.status, assigned.bound)
        for choice in assigned.choices[:TRIED]:
            self.found(fitting(self.graph, choice))
            if weighs(self.graph) and not self.proven():
                self.found(fitting(self.graph, choice, self.graph.order))

    def _solve_schedule(self) -> None:
        """Find start times as well."""
        if latest(self.graph, self.best) < self.latency:
            self.infeasible = True
            return
        if self.graph.contiguous:
            self._solve_contiguous()
        elif self.best is not None and suits(self.graph):
            self._model(self._slice(FIRST_SHARE))
            if not self.proven() and not self.effort.over:
                self._anneal()
        if not self.proven() and not self.effort.over and not self._is_vast():
            self._model(self.effort)

    def _is_vast(self) -> bool:
        """Tell whether rules for each two devices are too many for the model to be of use."""
        return len(self.graph.links) * len(self.graph.contiguous) ** 2 > VAST

    def _solve_contiguous(self) -> None:
        """Solve what is easy; else look for a bound where devices need not be contiguous."""
        if not self._is_vast():
            self._model(self._slice(FIRST_CONTIGUOUS_SHARE))
        if self.proven() or self.infeasible or self.effort.over:
            return
        plain = tuple(evolve(device, contiguous=False) for device in self.problem.devices)
        relaxed = Graph(evolve(self.problem, devices=plain))
        model = ScheduleModel(relaxed, self.kept, least=self.latency, best=self.best)
        status, bound, found = model.solve(self._slice(RELAXED_SHARE))
        self.told(status, bound)
        for solution in found:
            self.found(fitting(self.graph, solution.choice))

    def _slice(self, share: float) -> Effort:
        """Give an effort that ends when a share of what time is left now has passed."""
        return evolve(self.effort, deadline=time.perf_counter() + share * self.effort.left)

    def _model(self, effort: Effort) -> None:
        """Search with the model, and again with all of it if what was found is in a circle."""
        for ordered in (False, True):
            model = ScheduleModel(
                self.graph, self.kept, least=self.latency, best=self.best, ordered=ordered
            )
            status, bound, found = model.solve(effort)
            self.told(status, bound)
            for solution in found:
                self.found(solution)
            if not found or not self._in_circle(found[-1]):
                return

    def _in_circle(self, solution: Solution) -> bool:
        tasks = zip(self.graph.tasks, solution.choice, strict=True)
        return in_circle(self.graph, [task.options[index] for task, index in tasks])

    def _anneal(self) -> None:
        """Search for better solutions here, and with workers to spare for a bound meanwhile."""
        assert self.best is not None
        began = time.perf_counter()
        effort = self._slice(ANNEALING_SHARE)
        spare = self.effort.workers - 1
        with ThreadPoolExecutor(1) as pool:
            bounding = None
            if spare:
                model = ScheduleModel(self.graph, self.kept, least=self.latency, best=self.best)
                bounding = pool.submit(model.solve, evolve(effort, workers=spare))

            def progress() -> float:
                if effort.over or (bounding is not None and bounding.done()):
                    return 1.0
                return (time.perf_counter() - began) / (effort.deadline - began)

            try:
                seed = self.effort.seed
                choice, order = anneal(
                    self.graph, self.kept, self.best, progress=progress, seed=seed
                )
                self.found(schedule(self.graph, choice, order))
            except BaseException:
                # Else the pool would wait for the other thread.
                effort.stopped.set()
                raise
            if bounding is not None:
                status, bound, found = bounding.result()
                self.told(status, bound)
                for solution in found:
                    self.found(solution)
