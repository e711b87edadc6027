"""Groups of constraints that can be lifted, to find out which of them conflict."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import evolve, frozen

from bnnplan.planner.problem import Limit, Measure, Problem
from bnnplan.planner.problem_sums import horizon, most_bytes
from bnnplan.planner.report.units import amount, exact, size


@frozen
class Group:
    """A group of constraints: exactly one attribute says which.

    Attributes
    ----------
    space : str
        The capacity of a space.
    measure : Measure or None
        The limit of a measure.
    device : str
        That a device is contiguous.
    colocated : bool
        All colocation.
    switches : bool
        The limit on switches.
    """

    space: str = ""
    measure: Measure | None = None
    device: str = ""
    colocated: bool = False
    switches: bool = False


def groups_of(problem: Problem) -> list[Group]:
    """List the groups of a problem that can bind."""
    most = most_bytes(problem)
    found = [
        Group(space=space.name)
        for space in problem.spaces
        if space.capacity is not None and (problem.is_pipeline or space.capacity < most)
    ]
    found += [Group(measure=limit.measure) for limit in problem.limits]
    found += [Group(device=device.name) for device in problem.devices if device.contiguous]
    if any(len(group) > 1 for group in problem.colocated):
        found.append(Group(colocated=True))
    if problem.switches is not None:
        found.append(Group(switches=True))
    return found


def without(problem: Problem, groups: Iterable[Group]) -> Problem:
    """Give the problem with these groups lifted; a pipeline stays a pipeline."""
    lifted = frozenset(groups)
    spaces = tuple(
        evolve(space, capacity=None) if Group(space=space.name) in lifted else space
        for space in problem.spaces
    )
    devices = tuple(
        evolve(device, contiguous=device.contiguous and Group(device=device.name) not in lifted)
        for device in problem.devices
    )
    limits = tuple(one for one in problem.limits if Group(measure=one.measure) not in lifted)
    if problem.is_pipeline and Measure.PERIOD not in problem.objectives:
        period = next((one for one in limits if one.measure is Measure.PERIOD), None)
        limits = limits if period else (*limits, Limit(Measure.PERIOD, horizon(problem)))
    return evolve(
        problem,
        spaces=spaces,
        devices=devices,
        limits=limits,
        colocated=() if Group(colocated=True) in lifted else problem.colocated,
        switches=None if Group(switches=True) in lifted else problem.switches,
    )


def named(problem: Problem, group: Group) -> str:
    """Name a group with its figure, for messages."""
    if group.space:
        capacity = next(one.capacity for one in problem.spaces if one.name == group.space)
        assert capacity is not None
        return f"memory of {group.space!r} ({size(capacity)})"
    if group.measure is not None:
        most = problem.limit(group.measure)
        return f"{limit_word(group.measure)} {amount(group.measure, most)}"
    if group.device:
        return f"the contiguous part of {group.device!r}"
    if group.colocated:
        return "colocation of " + " and of ".join("+".join(one) for one in problem.colocated)
    return f"at most {problem.switches} switches"


def limit_word(measure: Measure) -> str:
    """Call a limit what a user calls it."""
    words = {
        Measure.LATENCY: "deadline",
        Measure.PERIOD: "period limit",
        Measure.ENERGY: "energy limit",
        Measure.MEMORY: "memory limit in all",
    }
    return words[measure]


def explained(problem: Problem, group: Group, value: int | None, proven: bool) -> str:
    """Say what a group lacks, given the least figure with which there is a solution.

    Parameters
    ----------
    problem : Problem
        With the group as it is.
    group : Group
    value : int or None
        None where the group can only be given up.
    proven : bool
        Whether no smaller figure would do.
    """
    if value is None:
        return f"{named(problem, group)} cannot be kept"
    if group.space:
        capacity = next(one.capacity for one in problem.spaces if one.name == group.space)
        lacking = exact(Measure.MEMORY, value - (capacity or 0))
        return f"memory of {group.space!r} lacks {lacking if proven else f'at most {lacking}'}"
    if group.measure is not None:
        least = exact(group.measure, value)
        kind = f"proven minimum {least}" if proven else f"least that was found, {least}"
        return f"{named(problem, group)} is below the {kind}"
    least = str(value) if proven else f"at most {value}"
    return f"{named(problem, group)} are too few: {least} would do"
