"""Why a problem has no solution, in words, with the smallest relaxation that is known to help.

Cheap checks first, which explain most cases; then a model in which every space may be granted more
bytes, as few as possible. What it grants is necessary; whether it is also enough is tried.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import evolve
from ortools.sat.python import cp_model

from bnnplan.planner.problem import Measure, Option
from bnnplan.planner.problem_rules import listed
from bnnplan.planner.problem_sums import most_bytes
from bnnplan.planner.report.units import exact
from bnnplan.planner.solvers.bounds import Kept
from bnnplan.planner.solvers.checking import check
from bnnplan.planner.solvers.cpsat_engine import Effort, run
from bnnplan.planner.solvers.cpsat_memory import MemoryConstraints
from bnnplan.planner.solvers.cpsat_placement import Placement
from bnnplan.planner.solvers.evaluation import schedule
from bnnplan.planner.solvers.list_scheduling import fitting
from bnnplan.planner.solvers.structure import Graph

EXPLAIN_SECONDS = 5.0


def _bytes(count: int) -> str:
    return exact(Measure.MEMORY, count)


def why_infeasible(graph: Graph, kept: Kept, effort: Effort) -> tuple[str, ...]:
    """Give the conflicts of a problem that is known to have no solution, one line each."""
    for cheap in (_no_transfer, _too_large_alone, _weights_too_large):
        if reasons := tuple(cheap(graph, kept)):
            return reasons
    return _missing_memory(graph, kept, effort)


def _no_transfer(graph: Graph, kept: Kept) -> Iterator[str]:
    """Take out options that nothing can be passed to or from, until a task has none left."""
    left = [set(indices) for indices in kept]
    changed = True
    while changed:
        changed = False
        for link in graph.links:
            given = {
                i: graph.tasks[link.source].options[i].output_ports[link.output]
                for i in left[link.source]
            }
            wanted = {
                i: graph.tasks[link.target].options[i].input_ports[link.input]
                for i in left[link.target]
            }
            pairs = {
                (a, b)
                for a in set(given.values())
                for b in set(wanted.values())
                if graph.transfer_time(link.tensor, a, b) is not None
            }
            if not pairs:
                yield (
                    f"tensor {graph.tensors[link.tensor].name!r} cannot get from task "
                    f"{graph.tasks[link.source].name!r} to {graph.tasks[link.target].name!r}: no "
                    f"transfer from {listed(sorted(set(given.values())))} to "
                    f"{listed(sorted(set(wanted.values())))}"
                )
                return
            sources = {i for i, port in given.items() if any(port == a for a, _ in pairs)}
            targets = {i for i, port in wanted.items() if any(port == b for _, b in pairs)}
            changed |= sources != left[link.source] or targets != left[link.target]
            left[link.source], left[link.target] = sources, targets


def _too_large_alone(graph: Graph, kept: Kept) -> Iterator[str]:
    """Name tasks all of whose options are larger than their space."""
    for task, indices in enumerate(kept):
        options = [graph.tasks[task].options[index] for index in indices]
        lacks = [
            (_alone(graph, task, option) - graph.capacity[option.space], option.space)
            for option in options
            if option.space in graph.capacity
        ]
        if len(lacks) == len(options) and min(lacks)[0] > 0:
            lack, space = min(lacks)
            yield (
                f"task {graph.tasks[task].name!r} fits no space: its smallest option needs "
                f"{_bytes(lack + graph.capacity[space])} of {space!r}, which lacks {_bytes(lack)}"
            )


def _alone(graph: Graph, task: int, option: Option) -> int:
    """Give the bytes that an option needs in its space, all others away."""
    if not option.duration:
        return option.weight_bytes
    read = {link.tensor: option.input_ports[link.input] for link in graph.inputs[task]}
    made = dict(zip(graph.outputs[task], option.output_ports, strict=True))
    data = sum(
        graph.bytes[tensor][port]
        for tensor, port in [*read.items(), *made.items()]
        if graph.space[port] == option.space
    )
    return option.weight_bytes + option.workspace_bytes + data


def _weights_too_large(graph: Graph, kept: Kept) -> Iterator[str]:
    """Compare the sum of the smallest weights with the sum of the capacities."""
    needed = 0
    for task, indices in enumerate(kept):
        options = [graph.tasks[task].options[index] for index in indices]
        needed += min(
            option.weight_bytes if option.space in graph.capacity else 0 for option in options
        )
    room = sum(graph.capacity.values())
    if needed > room:
        yield (
            f"the smallest weights need {_bytes(needed)} in all, but the memory of "
            f"{listed(graph.capacity)} is {_bytes(room)}: {_bytes(needed - room)} too little"
        )


def _missing_memory(graph: Graph, kept: Kept, effort: Effort) -> tuple[str, ...]:
    """Find the fewest bytes that must be granted, and try whether they are enough."""
    model = cp_model.CpModel()
    placement = Placement(model, graph, kept)
    most = most_bytes(graph.problem)
    slack = {space: model.new_int_var(0, most, f"slack_{space}") for space in graph.capacity}
    MemoryConstraints(placement, slack)
    model.minimize(sum(slack.values()))
    # The time of the search is used up by now; the explanation has a little of its own.
    answer = run(model, effort.extended(EXPLAIN_SECONDS))
    if answer.objective is None:
        return ("the memory limits, transfers and options contradict each other",)
    choice = placement.choice(answer)
    granted = {space: answer.value(variable) for space, variable in slack.items()}
    relaxed = Graph(
        evolve(
            graph.problem,
            spaces=tuple(
                evolve(space, capacity=space.capacity + granted[space.name])
                if space.name in granted and space.capacity is not None
                else space
                for space in graph.problem.spaces
            ),
        )
    )
    enough = fitting(relaxed, choice) is not None
    lacking = {space: lack for space, lack in granted.items() if lack}
    if lacking and enough:
        return tuple(f"memory of {space!r} lacks {_bytes(lack)}" for space, lack in lacking.items())
    if lacking:
        return tuple(
            f"memory of {space!r} lacks at least {_bytes(lack)}" for space, lack in lacking.items()
        )
    tried = schedule(graph, choice)
    if tried is None:
        return ("the parts of contiguous devices wait for each other, whatever is chosen",)
    return tuple(
        f"too much is alive at once in every order; for one that is, {violation.message}"
        for violation in check(graph.problem, tried)
    )
