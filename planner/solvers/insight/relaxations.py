"""Problems that ask a little less: with more of something, or without a constraint."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from attrs import evolve, frozen

from bnnplan.planner.problem import Limit, Measure, Option, Problem, Transfer
from bnnplan.planner.problem_sums import horizon
from bnnplan.planner.solvers.structure import Graph

MORE_BYTES = 2**20
FASTER = 1.1
LESS_ENERGY = 0.9
FASTER_LINK = 2


@frozen
class Relaxation:
    """A problem that differs in one thing.

    Attributes
    ----------
    what : str
        Kind of the thing: space, link, device, limit, switches, colocated, contiguous.
    name : str
        Which one.
    change : str
        What becomes of it, in words.
    problem : Problem
    """

    what: str
    name: str
    change: str
    problem: Problem


def margins(problem: Problem) -> Iterator[Relaxation]:
    """A little more of everything that can matter: memory, speed, energy saved, a switch."""
    graph = Graph(problem)
    measured = {problem.objectives[0], *(limit.measure for limit in problem.limits)}
    timed = bool(measured & {Measure.LATENCY, Measure.PERIOD})
    for space, capacity in graph.capacity.items():
        yield Relaxation(
            "space", space, "1 MiB more", _with_space(problem, space, MORE_BYTES + capacity)
        )
    for pair in _links(problem) if timed else ():
        faster = _with_transfers(problem, pair, lambda ns: -(-ns // FASTER_LINK))
        yield Relaxation("link", " – ".join(pair), "twice as fast", faster)
    for device in problem.devices:
        options = [o for t in problem.tasks for o in t.options if o.device == device.name]
        if timed and any(option.duration for option in options):
            yield Relaxation(
                "device", device.name, "10 % faster", _with_options(problem, device.name, _faster)
            )
        if Measure.ENERGY in measured and any(option.energy for option in options):
            yield Relaxation(
                "device", device.name, "10 % less energy",
                _with_options(problem, device.name, _thriftier),
            )  # fmt: skip
    if problem.switches is not None:
        more = evolve(problem, switches=problem.switches + 1)
        yield Relaxation("switches", "", f"{problem.switches + 1} instead", more)


def liberties(problem: Problem) -> Iterator[Relaxation]:
    """Each constraint left out in turn: it binds if something is gained by that."""
    for space in Graph(problem).capacity:
        yield Relaxation("space", space, "unlimited", _with_space(problem, space, None))
    for limit in problem.limits:
        if limit.measure in problem.objectives[:1]:
            continue
        rest = tuple(one for one in problem.limits if one != limit)
        if limit.measure is Measure.PERIOD and Measure.PERIOD not in problem.objectives:
            # Without any limit of the period it would be no pipeline.
            rest += (Limit(Measure.PERIOD, horizon(problem)),)
        yield Relaxation("limit", limit.measure, "unlimited", evolve(problem, limits=rest))
    if problem.switches is not None:
        yield Relaxation("switches", "", "unlimited", evolve(problem, switches=None))
    for group in problem.colocated:
        others = tuple(one for one in problem.colocated if one != group)
        yield Relaxation(
            "colocated", ", ".join(group), "anywhere", evolve(problem, colocated=others)
        )
    for device in problem.devices:
        if device.contiguous:
            devices = tuple(
                evolve(one, contiguous=False) if one == device else one for one in problem.devices
            )
            yield Relaxation(
                "contiguous", device.name, "in several parts", evolve(problem, devices=devices)
            )


def _with_space(problem: Problem, name: str, capacity: int | None) -> Problem:
    return evolve(
        problem,
        spaces=tuple(
            evolve(space, capacity=capacity) if space.name == name else space
            for space in problem.spaces
        ),
    )


def _links(problem: Problem) -> Sequence[tuple[str, str]]:
    """Pairs of spaces between which transfers take time, in the order of their names."""
    space = {port.name: port.space for port in problem.ports}
    ends = {
        (space[move.source], space[move.target])
        for tensor in problem.tensors
        for move in tensor.transfers
        if move.duration
    }
    return sorted({(min(pair), max(pair)) for pair in ends if pair[0] != pair[1]})


def _with_transfers(
    problem: Problem, pair: tuple[str, str], duration: Callable[[int], int]
) -> Problem:
    space = {port.name: port.space for port in problem.ports}

    def changed(move: Transfer) -> Transfer:
        if {space[move.source], space[move.target]} != set(pair):
            return move
        return evolve(move, duration=duration(move.duration))

    tensors = tuple(
        evolve(tensor, transfers=tuple(changed(move) for move in tensor.transfers))
        for tensor in problem.tensors
    )
    return evolve(problem, tensors=tensors)


def _faster(option: Option) -> Option:
    return evolve(option, duration=round(option.duration / FASTER))


def _thriftier(option: Option) -> Option:
    return evolve(option, energy=round(option.energy * LESS_ENERGY))


def _with_options(problem: Problem, device: str, change: Callable[[Option], Option]) -> Problem:
    tasks = tuple(
        evolve(
            task,
            options=tuple(
                change(option) if option.device == device else option for option in task.options
            ),
        )
        for task in problem.tasks
    )
    return evolve(problem, tasks=tasks)
