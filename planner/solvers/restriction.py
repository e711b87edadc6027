"""A problem with only some of the options of its tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import evolve, frozen

from bnnplan.planner.problem import Problem
from bnnplan.planner.solution import Solution

Allowed = tuple[tuple[int, ...], ...]
"""For each task, the positions of the options that are left; at least one."""


def everything(problem: Problem) -> Allowed:
    """All options of all tasks."""
    return tuple(tuple(range(len(task.options))) for task in problem.tasks)


def only(problem: Problem, ways: Mapping[int, Sequence[int]]) -> Allowed:
    """All options, but of some tasks (by position) only those given."""
    return tuple(tuple(ways.get(task, all_)) for task, all_ in enumerate(everything(problem)))


@frozen
class Restriction:
    """Translates between a problem and the same with fewer options.

    Attributes
    ----------
    original : Problem
    allowed : Allowed
        What is left of it.
    """

    original: Problem
    allowed: Allowed

    @property
    def problem(self) -> Problem:
        """The problem with the options that are left, in the order given."""
        tasks = [
            task
            if ways == tuple(range(len(task.options)))
            else evolve(task, options=tuple(task.options[index] for index in ways))
            for task, ways in zip(self.original.tasks, self.allowed, strict=True)
        ]
        return evolve(self.original, tasks=tuple(tasks))

    def back(self, solution: Solution) -> Solution:
        """A solution of the restricted problem as one of the original."""
        pairs = zip(self.allowed, solution.choice, strict=True)
        return evolve(solution, choice=tuple(ways[index] for ways, index in pairs))

    def hint(self, choice: Sequence[int]) -> list[int]:
        """A choice of the original, with other options where its own are not left."""
        pairs = zip(self.allowed, choice, strict=True)
        return [ways.index(index) if index in ways else 0 for ways, index in pairs]
