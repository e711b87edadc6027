"""Which constraints of a problem without solution to relax, and by how little.

Groups of constraints are lifted (see :mod:`~bnnplan.planner.solvers.reasons.groups`). A
correction is a set of groups, none of which can be left out, without which there is a solution.
Its groups are then tightened again, one after the other, as far as there still is one: so relaxing
exactly as told is enough, and no single figure told can be smaller.

Source of the terms: Liffiton, Sakallah, "Algorithms for computing minimal unsatisfiable subsets of
constraints", J. Automated Reasoning 40, 2008.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from attrs import evolve, frozen

from bnnplan.planner.problem import Limit, Problem
from bnnplan.planner.solution import Solution
from bnnplan.planner.solvers.base import SolverResult, Status
from bnnplan.planner.solvers.checking.checker import measures, memory_peaks
from bnnplan.planner.solvers.heuristics.wishes import switches
from bnnplan.planner.solvers.interruption import over
from bnnplan.planner.solvers.lexicographic import with_objective
from bnnplan.planner.solvers.reasons.groups import Group, groups_of, without
from bnnplan.planner.solvers.structure import Graph

Probe = Callable[[Problem, float], SolverResult]
"""Solves a problem with one objective within so many seconds."""


@frozen
class Relaxation:
    """A group to relax.

    Attributes
    ----------
    group : Group
    value : int or None
        The least figure of the group (a capacity, a limit) with which there is a solution; None
        where it can only be given up.
    proven : bool
        Whether no smaller figure would do.
    """

    group: Group
    value: int | None
    proven: bool


def corrections(problem: Problem, probe: Probe, seconds: float) -> list[list[Relaxation]]:
    """Find ways to make a problem feasible that has no solution, best known first.

    Parameters
    ----------
    problem : Problem
        Without solution.
    probe : callable
        Solves a problem with one objective within a time.
    seconds : float
        What all probes may take together.

    Returns
    -------
    list of list of Relaxation
        Each a set of groups to relax together, one set with another first group each. Empty if
        there is no solution even without any of them, or none was found in time.
    """
    search = _Search(problem, probe, time.perf_counter() + seconds)
    groups = groups_of(problem)
    if search.solution(without(problem, groups)) is None:
        return []
    alone = [group for group in groups if search.solution(without(problem, [group])) is not None]
    if alone:
        return [search.relaxations([group]) for group in alone]
    return [search.relaxations(search.correction(groups))]


def conflicting(problem: Problem, probe: Probe, seconds: float) -> list[Group]:
    """Find groups that have no solution together, none of which can be left out for that.

    Where time ends early, groups may be among them that could.
    """
    search = _Search(problem, probe, time.perf_counter() + seconds)
    groups = groups_of(problem)
    kept = list(groups)
    for group in groups:
        lifted = [other for other in groups if other not in kept or other == group]
        if search.is_infeasible(without(problem, lifted)):
            kept.remove(group)
    return kept


def least_alone(problem: Problem, group: Group, probe: Probe, seconds: float) -> Relaxation:
    """Find the least figure of a group with all others lifted."""
    search = _Search(problem, probe, time.perf_counter() + seconds)
    return search.least(problem, group, [one for one in groups_of(problem) if one != group])


class _Search:
    def __init__(self, problem: Problem, probe: Probe, deadline: float) -> None:
        self.problem = problem
        self.probe = probe
        self.deadline = deadline

    def _result(self, problem: Problem) -> SolverResult:
        left = max(self.deadline - time.perf_counter(), 0.05)
        return self.probe(problem, left / 2)

    def solution(self, problem: Problem) -> Solution | None:
        return self._result(problem).solution

    def is_infeasible(self, problem: Problem) -> bool:
        return self._result(problem).status is Status.INFEASIBLE

    def correction(self, groups: Sequence[Group]) -> list[Group]:
        """Put groups back as long as there is a solution."""
        lifted = list(groups)
        for group in groups:
            fewer = [other for other in lifted if other != group]
            if self.solution(without(self.problem, fewer)) is not None:
                lifted = fewer
        return lifted

    def relaxations(self, groups: Sequence[Group]) -> list[Relaxation]:
        """Tighten the groups one after the other, those before as relaxed, those behind lifted."""
        found: list[Relaxation] = []
        current = self.problem
        for number, group in enumerate(groups):
            least = self.least(current, group, groups[number + 1 :])
            found.append(least)
            current = relaxed(current, least)
        return found

    def least(self, problem: Problem, group: Group, lifted: Sequence[Group]) -> Relaxation:
        """Find the least figure of a group with others lifted."""
        free = without(problem, [group, *lifted])
        if group.measure is not None:
            result = self._result(with_objective(free, group.measure))
            if result.objective is None:
                return Relaxation(group, None, proven=False)
            return Relaxation(group, result.objective, result.status is Status.OPTIMAL)
        if not group.space and not group.switches:
            return Relaxation(group, None, proven=True)
        result = self._result(free)
        if result.solution is None:
            return Relaxation(group, None, proven=False)
        return self._bisected(without(problem, lifted), group, result.solution)

    def _bisected(self, problem: Problem, group: Group, known: Solution) -> Relaxation:
        """Halve the distance between a figure that is too small and one that is enough."""
        low, high = figure(problem, group), needed(problem, group, known)
        proven = True
        while high - low > 1 and not over(self.deadline):
            middle = (low + high) // 2
            result = self._result(relaxed(problem, Relaxation(group, middle, proven=False)))
            if result.solution is not None:
                high = needed(problem, group, result.solution)
            else:
                proven &= result.status is Status.INFEASIBLE
                low = middle
        return Relaxation(group, high, proven and high - low <= 1)


def figure(problem: Problem, group: Group) -> int:
    """Give the capacity or limit that a group is about."""
    if group.space:
        value = next(space.capacity for space in problem.spaces if space.name == group.space)
    elif group.measure is not None:
        value = problem.limit(group.measure)
    else:
        value = problem.switches
    assert value is not None
    return value


def needed(problem: Problem, group: Group, solution: Solution) -> int:
    """Give the figure of a group that a solution needs."""
    if group.space:
        return memory_peaks(problem, solution)[group.space]
    if group.measure is not None:
        return measures(problem, solution)[group.measure]
    return switches(Graph(problem), solution.choice)


def relaxed(problem: Problem, relaxation: Relaxation) -> Problem:
    """Give the problem with one group at another figure, or lifted if there is none."""
    group, value = relaxation.group, relaxation.value
    if value is None:
        return without(problem, [group])
    if group.space:
        spaces = tuple(
            evolve(space, capacity=value) if space.name == group.space else space
            for space in problem.spaces
        )
        return evolve(problem, spaces=spaces)
    if group.measure is not None:
        others = tuple(limit for limit in problem.limits if limit.measure is not group.measure)
        return evolve(problem, limits=(*others, Limit(group.measure, value)))
    return evolve(problem, switches=value)
