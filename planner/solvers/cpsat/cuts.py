"""The next best solutions by no-good cuts, where the objective is a sum.

One assignment model a problem: whatever has been given is cut off by one constraint, that a
solution agrees with it in fewer tasks than all, less the distance asked for. So each next solution
is one run of a model that is there already, where dividing would solve one problem a task.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from bnnplan.planner.problem import Problem
from bnnplan.planner.solution import Solution
from bnnplan.planner.solvers.base import Status
from bnnplan.planner.solvers.checking.checker import check
from bnnplan.planner.solvers.cpsat.assignment import AssignmentModel
from bnnplan.planner.solvers.cpsat.engine import Effort, Kind, run
from bnnplan.planner.solvers.next_best.labels import Key, Labels, differences
from bnnplan.planner.solvers.next_best.ranking import Candidate, Root, Search
from bnnplan.planner.solvers.presolve import undominated
from bnnplan.planner.solvers.schedules.solutions import solution_of
from bnnplan.planner.solvers.structure import Graph


class Cuts:
    """What is left of the solutions of some problems, the best first; as `Division`."""

    def __init__(self, roots: Sequence[Root], labels: Labels, search: Search) -> None:
        self.search = search
        self.labels = labels
        self.best = {root.problem: root for root in roots}
        """Of each problem that may have a solution left."""
        self.models: dict[int, _Model] = {}

    def next(self) -> Candidate | None:
        """Give the best solution that differs enough from all before; None if none is found."""
        found = [root for root in self.best.values() if root.solution is not None]
        if not found:
            return None
        chosen = min(found, key=lambda root: root.solution.objective if root.solution else 0)
        assert chosen.solution is not None
        bound = min(root.bound for root in self.best.values())
        self._cut(self.labels.key(self.search.problems[chosen.problem], chosen.solution.choice))
        return Candidate(chosen.problem, chosen.solution, bound)

    def _cut(self, taken: Key) -> None:
        """Cut off what is too near to a key, and look for others where the best is."""
        for number, root in list(self.best.items()):
            if number not in self.models:
                self.models[number] = _Model(self.search.problems[number], self.labels)
            model = self.models[number]
            model.cut(taken, self.search.distance)
            if root.solution is None:
                continue
            key = self.labels.key(self.search.problems[number], root.solution.choice)
            if differences(key, taken) < self.search.distance:
                self._renew(number, root, model)

    def _renew(self, number: int, root: Root, model: _Model) -> None:
        if self.search.left <= 0:
            self.best[number] = Root(number, None, root.bound)
            return
        deadline = time.perf_counter() + self.search.left / 2
        effort = Effort(deadline, self.search.workers, self.search.seed)
        status, bound, solution = model.solve(effort)
        if status is Status.INFEASIBLE:
            del self.best[number]
        else:
            self.best[number] = Root(number, solution, max(root.bound, bound or 0))


class _Model:
    """The assignment model of a problem, with what has been cut off."""

    def __init__(self, problem: Problem, labels: Labels) -> None:
        self.graph = Graph(problem)
        self.labels = labels
        # What takes no time to speak of differs by device alone, so that any option will do.
        kept = [
            tuple(range(len(task.options))) if number in labels.long else left
            for number, (task, left) in enumerate(
                zip(problem.tasks, undominated(self.graph), strict=True)
            )
        ]
        self.kept = kept
        self.assignment = AssignmentModel(self.graph, kept)

    def cut(self, taken: Key, distance: int) -> None:
        """Demand that so many tasks differ from a key."""
        agreeing = []
        for task, label in enumerate(taken):
            options = self.graph.tasks[task].options
            same = [i for i in self.kept[task] if self.labels.label(task, options[i]) == label]
            if same:
                agreeing.append(self.assignment.placement.group(task, same))
        self.assignment.model.add(sum(agreeing) <= len(taken) - distance)

    def solve(self, effort: Effort) -> tuple[Status, int | None, Solution | None]:
        """Give status and bound of the model, and the best of its solutions that is right."""
        choices: list[list[int]] = []
        answer = run(
            self.assignment.model,
            effort,
            Kind.ASSIGNMENT,
            watch=lambda values: choices.append(self.assignment.placement.choice(values)),
        )
        for choice in reversed(choices):
            solution = solution_of(self.graph, choice)
            if solution is not None and not check(self.graph.problem, solution):
                return answer.status, answer.bound, solution
        return answer.status, answer.bound, None
