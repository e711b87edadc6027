"""CP-SAT for pipelines, with proof, whatever the objective and the limits are.

Where every device takes one part and pays for its own transfers alone, the order of the parts is
the model. Otherwise it is the placement: first with a relaxation of memory, which is often all
that is needed, then with the copies in flight. All start from the best heuristic plan. What a
model proves is proven of the problem, and every value is that of the choice, evaluated anew.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve

from bnnplan.planner.problem import Measure, Problem
from bnnplan.planner.problem_sums import horizon
from bnnplan.planner.solvers.base import SolverError, SolverResult, Status, verified
from bnnplan.planner.solvers.bounds import Kept
from bnnplan.planner.solvers.cpsat.engine import Effort, Kind, run
from bnnplan.planner.solvers.cpsat.incumbent import Incumbent
from bnnplan.planner.solvers.cpsat.parts import PartModel
from bnnplan.planner.solvers.cpsat.pipeline import Detail, PipelineModel
from bnnplan.planner.solvers.features import EVERYTHING
from bnnplan.planner.solvers.heuristics.list_scheduling import heuristic
from bnnplan.planner.solvers.interchangeable import Family, families
from bnnplan.planner.solvers.pipelines.part_problem import PartProblem, part_problem
from bnnplan.planner.solvers.pipelines.part_splits import best_parts
from bnnplan.planner.solvers.pipelines.runs import balanced_runs
from bnnplan.planner.solvers.presolve import undominated
from bnnplan.planner.solvers.schedules.loads import least_period
from bnnplan.planner.solvers.schedules.pipelining import pipelined
from bnnplan.planner.solvers.structure import Graph

METHOD = "cpsat"
SUPPORTS = EVERYTHING

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
    """Solve a pipeline; parameters and result as for every `Solver`.

    Raises
    ------
    SolverError
        If the problem is one inference.
    """
    if not problem.is_pipeline:
        raise SolverError(f"{problem.name!r} is one inference, not a pipeline: limit its period")
    return verified(problem, _Search(problem, time_limit, workers, seed, hint).result())


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
        self.time_limit = time_limit
        self.effort = Effort(self.started + time_limit, workers, seed)
        self.graph = Graph(problem)
        self.kept: Kept = undominated(self.graph)
        self.measure = problem.objectives[0]
        self.least = least_period(self.graph, self.kept)
        self.bound = self._first_bound()
        if hint is not None:
            self.found(pipelined(self.graph, hint))

    def _first_bound(self) -> int:
        """Give a value of the objective that no solution is below."""
        if self.measure in (Measure.PERIOD, Measure.LATENCY):
            return self.least
        energy = self.measure is Measure.ENERGY
        return sum(
            min(option.energy if energy else option.weight_bytes for option in options)
            for task, indices in zip(self.graph.tasks, self.kept, strict=True)
            for options in [[task.options[index] for index in indices]]
        )

    def result(self) -> SolverResult:
        """Search until the proof or the end of the time."""
        parts = part_problem(self.graph, self.kept)
        limit = self.problem.limit(Measure.PERIOD)
        if limit is not None and limit < self.least:
            self.infeasible = True
        elif parts is not None:
            self._solve_parts(parts)
        else:
            self._solve_placement()
        return self.stated()

    def _worst(self) -> int:
        """Give the largest period that a solution worth finding can have."""
        periods = [horizon(self.problem)]
        limit = self.problem.limit(Measure.PERIOD)
        if limit is not None:
            periods.append(limit)
        if self.best is not None and self.measure in (Measure.PERIOD, Measure.LATENCY):
            periods.append(self.best.objective)
        return min(periods)

    def _most_stages(self) -> int:
        """Give the largest number of stages that a solution worth finding can have.

        Each step from a task to one that waits for it takes three stages at most: an export, a
        transfer, and the task. Parts wait for each other along ways that may be longer than those
        of the graph.
        """
        steps = [0] * len(self.graph.tasks)
        for task in self.graph.order:
            for link in self.graph.inputs[task]:
                steps[task] = max(steps[task], steps[link.source] + 1)
        longest = len(steps) - 1 if self.graph.contiguous else max(steps)
        counts = [1 + 3 * longest]
        limits = [self.problem.limit(Measure.LATENCY)]
        if self.best is not None and self.measure is Measure.LATENCY:
            limits.append(self.best.objective)
        counts += [limit // self.least for limit in limits if limit is not None and self.least]
        return max(1, min(counts))

    def _solve_parts(self, problem: PartProblem) -> None:
        """Cut some orders at the best places; then find the best order, unless there is one."""
        self.found(best_parts(self.graph, problem, self.effort.deadline))
        if self.proven() or self.effort.over:
            return
        model = PartModel(problem, self.least, self._worst())
        if self.best is not None:
            model.hint(problem.parts(self.graph, self.best.choice), self.best.objective)
        answer = run(model.model, self.effort, Kind.PIPELINE)
        self.told(answer.status, answer.bound)
        if answer.objective is not None:
            choice = problem.choice(self.graph, model.parts(answer))
            self.found(pipelined(self.graph, choice))

    def _solve_placement(self) -> None:
        """Find the best placement, without the memory of tensors if that is enough."""
        self._start_with_parts()
        start = self.best.choice if self.best else None
        share = self.started + HEURISTIC_SHARE * self.time_limit
        self.found(heuristic(self.graph, self.kept, deadline=share, hint=start))
        equal = families(self.graph)
        details = [Detail.WEIGHTS]
        measured = {self.measure, *(limit.measure for limit in self.problem.limits)}
        if self.graph.capacity or Measure.MEMORY in measured:
            details.append(Detail.IN_FLIGHT)
        for detail in details:
            last = detail is details[-1]
            if not self.proven() and not self.infeasible and not self.effort.over:
                self._solve_in(detail, equal, until_proven=last)

    def _start_with_parts(self) -> None:
        """Cut parts where none are asked for: they load and store least."""
        devices = tuple(
            evolve(device, contiguous=bool(device.resources)) for device in self.problem.devices
        )
        parted = Graph(evolve(self.problem, devices=devices))
        parts = part_problem(parted, self.kept)
        if parts is not None:
            self.found(best_parts(self.graph, parts, self.effort.deadline))
        runs = balanced_runs(self.graph, self.kept)
        if runs is not None:
            self.found(pipelined(self.graph, runs))

    def _solve_in(self, detail: Detail, equal: Sequence[Family], *, until_proven: bool) -> None:
        """Solve a model; where `until_proven`, again without choices that it was too kind to."""
        model = PipelineModel(
            self.graph,
            self.kept,
            equal,
            (self.least, self._worst()),
            self._most_stages(),
            detail,
        )
        if self.best is not None:
            model.hint(self.best)
        forbidden = False
        while not self.effort.over:
            answer = run(model.model, self.effort, Kind.PIPELINE)
            if answer.status is Status.INFEASIBLE and forbidden:
                self._exhausted()
                return
            bound = answer.bound
            if forbidden and bound is not None and self.best is not None:
                bound = min(bound, self.best.objective)
            self.told(answer.status, bound)
            if answer.objective is None:
                return
            choice = model.placement.choice(answer)
            self.found(pipelined(self.graph, choice))
            if self.proven() or answer.status is not Status.OPTIMAL or not until_proven:
                return
            model.forbid(choice)
            forbidden = True

    def _exhausted(self) -> None:
        """All that is left was looked at: the best of it is the optimum."""
        self.infeasible = self.best is None
        if self.best is not None:
            self.bound = max(self.bound, self.best.objective)
