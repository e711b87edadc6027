"""What the value of a solution is made of: tasks, entries, transfers, exports, and waiting."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from attrs import frozen

from bnnplan.planner.problem import Measure
from bnnplan.planner.solution import Solution
from bnnplan.planner.solvers.checking.checker import measures, memory_peaks
from bnnplan.planner.solvers.structure import Graph

TASKS, ENTRIES, TRANSFERS, EXPORTS = "tasks", "entries", "transfers", "exports"
WAITING = "waiting less overlap"
"""What a latency is above the sum of all durations; below 0 where things overlap more than wait."""

Parts = Mapping[str, int]
"""By what they are; they add up to the value of the solution."""


@frozen
class Use:
    """Something that takes time: `part` says what it is, `name` which of them.

    Attributes
    ----------
    start, end : int
        Nanoseconds, in the frame that enters at 0.
    energy : int
        Nanojoules.
    """

    part: str
    name: str
    start: int
    end: int
    resources: frozenset[str]
    energy: int = 0


def uses(graph: Graph, solution: Solution) -> Iterator[Use]:
    """Give everything that takes time in a solution; the entry of a task is a use of its own."""
    pairs = zip(graph.tasks, solution.choice, solution.starts, solution.ends, strict=True)
    for task, index, start, end in pairs:
        option = task.options[index]
        resources = graph.resources[option.device]
        begin = end - option.duration
        if begin > start:
            yield Use(ENTRIES, task.name, start, begin, resources)
        yield Use(TASKS, task.name, begin, end, resources, option.energy)
    number = {tensor.name: index for index, tensor in enumerate(graph.tensors)}
    for made in solution.transfers:
        move = graph.transfers[number[made.tensor]][made.source, made.target]
        name = f"{made.tensor}: {made.source} → {made.target}"
        yield Use(TRANSFERS, name, made.start, made.end, move.resources, move.energy)
    for given in solution.exports:
        export = graph.exports[number[given.tensor]][given.port]
        name = f"{given.tensor} from {given.port}"
        yield Use(EXPORTS, name, given.start, given.end, export.resources, export.energy)


def breakdown(graph: Graph, solution: Solution, measure: Measure) -> Parts:
    """State what the value of a solution by a measure is made of.

    Returns
    -------
    mapping of str to int
        They add up to the value. Of a latency: what all tasks, entries, transfers and exports
        take, and `WAITING`. Of a period: the same of the busiest resource. Of an energy: of tasks,
        transfers and exports. Of memory: by name of space.
    """
    if measure is Measure.MEMORY:
        return memory_peaks(graph.problem, solution)
    if measure is Measure.ENERGY:
        energies: dict[str, int] = defaultdict(int)
        for use in uses(graph, solution):
            energies[use.part] += use.energy
        return dict(energies)
    value = measures(graph.problem, solution)[measure]
    if measure is Measure.PERIOD:
        # Nothing is, where no task lies on a device with resources.
        return loads(graph, solution).get(bottleneck(graph, solution), {})
    parts = _durations(uses(graph, solution))
    return {**parts, WAITING: value - sum(parts.values())}


def _durations(all_uses: Iterator[Use]) -> dict[str, int]:
    parts = dict.fromkeys((TASKS, ENTRIES, TRANSFERS, EXPORTS), 0)
    for use in all_uses:
        parts[use.part] += use.end - use.start
    return parts


def loads(graph: Graph, solution: Solution) -> dict[str, Parts]:
    """What every resource is busy with for one frame, ns by part.

    A transfer that occupies no resource is by itself: its name stands for the resource.
    """
    found: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for use in uses(graph, solution):
        alone = [use.name] if use.part in (TRANSFERS, EXPORTS) else []
        for resource in use.resources or alone:
            found[resource][use.part] += use.end - use.start
    return {resource: dict(parts) for resource, parts in found.items()}


def bottleneck(graph: Graph, solution: Solution) -> str:
    """The resource that is busy longest for one frame; the first by name of equal ones."""
    busy = {name: sum(parts.values()) for name, parts in loads(graph, solution).items()}
    return max(sorted(busy), key=lambda name: busy[name], default="")
