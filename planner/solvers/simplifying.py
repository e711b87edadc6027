"""The same problem in the largest units, and without times where they do not matter.

Large numbers cost solvers time, and have made CP-SAT state wrong bounds: bytes, nanoseconds and
nanojoules are counted in the largest unit that all of them are multiples of. Where memory is to be
least and no latency is limited, it only matters what happens before what: doing one thing after
the other, in the order of the starts, never holds more at once. So there everything that takes
time takes the same time.
"""

from __future__ import annotations

import math

from attrs import evolve, frozen

from bnnplan.planner.problem import Export, Measure, Problem, Transfer
from bnnplan.planner.solution import ScheduledExport, ScheduledTransfer, Solution
from bnnplan.planner.solvers.checking.checker import check, measures
from bnnplan.planner.solvers.structure import Graph


@frozen
class Simplified:
    """A simpler problem.

    Attributes
    ----------
    original, problem : Problem
    time, bytes, energy : int
        The ns, bytes and nJ of the original in one of the problem; `time` is 0 where times were
        given up.
    """

    original: Problem
    problem: Problem
    time: int
    bytes: int
    energy: int

    def value(self, value: int) -> int:
        """Give a value of the first objective in the unit of the original."""
        units = {
            Measure.LATENCY: self.time,
            Measure.MEMORY: self.bytes,
            Measure.ENERGY: self.energy,
        }
        return value * units[self.original.objectives[0]]

    def back(self, solution: Solution) -> Solution | None:
        """Give a solution of the original; None if what takes no time stands in the way."""
        if self.problem is self.original:
            return solution
        if self.time:
            unit = self.time
            return evolve(
                solution,
                starts=tuple(start * unit for start in solution.starts),
                ends=tuple(end * unit for end in solution.ends),
                transfers=tuple(
                    evolve(move, start=move.start * unit, end=move.end * unit)
                    for move in solution.transfers
                ),
                exports=tuple(
                    evolve(one, start=one.start * unit, end=one.end * unit)
                    for one in solution.exports
                ),
                objective=self.value(solution.objective),
            )
        serial = _one_by_one(self.original, solution)
        wrong = serial.objective > self.value(solution.objective)
        return None if wrong or check(self.original, serial) else serial


def simplified(problem: Problem) -> Simplified:
    """Simplify a problem of one inference."""
    memory = problem.objectives[0] is Measure.MEMORY
    timeless = memory and problem.limit(Measure.LATENCY) is None
    times, sizes, energies = _numbers(problem)
    time = 0 if timeless else math.gcd(*times) or 1
    bytes_, energy = math.gcd(*sizes) or 1, math.gcd(*energies) or 1
    if (time, bytes_, energy) == (1, 1, 1) or (timeless and max(times, default=0) <= 1):
        return Simplified(problem, problem, 1, 1, 1)

    def short(duration: int) -> int:
        return duration // time if time else min(duration, 1)

    units = {Measure.LATENCY: time or 1, Measure.MEMORY: bytes_, Measure.ENERGY: energy}
    simple = evolve(
        problem,
        tasks=tuple(
            evolve(
                task,
                options=tuple(
                    evolve(
                        option,
                        duration=short(option.duration),
                        weight_bytes=option.weight_bytes // bytes_,
                        workspace_bytes=option.workspace_bytes // bytes_,
                        energy=option.energy // energy,
                    )
                    for option in task.options
                ),
            )
            for task in problem.tasks
        ),
        tensors=tuple(
            evolve(
                tensor,
                sizes=tuple(evolve(size, bytes=size.bytes // bytes_) for size in tensor.sizes),
                transfers=tuple(
                    evolve(move, duration=short(move.duration), energy=move.energy // energy)
                    for move in tensor.transfers
                ),
                exports=tuple(
                    evolve(one, duration=short(one.duration), energy=one.energy // energy)
                    for one in tensor.exports
                ),
            )
            for tensor in problem.tensors
        ),
        spaces=tuple(
            evolve(space, capacity=None if space.capacity is None else space.capacity // bytes_)
            for space in problem.spaces
        ),
        entries=tuple(evolve(entry, duration=short(entry.duration)) for entry in problem.entries),
        limits=tuple(
            evolve(limit, most=limit.most // units[limit.measure]) for limit in problem.limits
        ),
    )
    return Simplified(problem, simple, time, bytes_, energy)


def _numbers(problem: Problem) -> tuple[set[int], set[int], set[int]]:
    """Give all ns, bytes and nJ that are added up; limits and capacities are not."""
    times = {entry.duration for entry in problem.entries}
    sizes: set[int] = set()
    energies: set[int] = set()
    for task in problem.tasks:
        for option in task.options:
            times.add(option.duration)
            sizes |= {option.weight_bytes, option.workspace_bytes}
            energies.add(option.energy)
    for tensor in problem.tensors:
        sizes |= {size.bytes for size in tensor.sizes}
        moved: tuple[Transfer | Export, ...] = (*tensor.transfers, *tensor.exports)
        times |= {move.duration for move in moved}
        energies |= {move.energy for move in moved}
    return times, sizes, energies


def _one_by_one(problem: Problem, solution: Solution) -> Solution:
    """Do one thing after the other, in the order of their starts."""
    graph = Graph(problem)
    options = [t.options[index] for t, index in zip(graph.tasks, solution.choice, strict=True)]
    moves = {(move.tensor, move.target): move for move in solution.transfers}
    exports = {export.tensor: export for export in solution.exports}
    # What takes no time comes first where starts are equal: it needs no memory afterwards. Then
    # the order of insertion decides, each after what it waits for.
    todo: dict[int | ScheduledTransfer | ScheduledExport, tuple[int, bool]] = {}
    for task in graph.order:
        for link in graph.inputs[task]:
            name = graph.tensors[link.tensor].name
            move = moves.get((name, options[task].input_ports[link.input]))
            if move is not None:
                if name in exports:
                    export = exports[name]
                    todo.setdefault(export, (export.start, export.end > export.start))
                todo.setdefault(move, (move.start, move.end > move.start))
        todo[task] = solution.starts[task], solution.ends[task] > solution.starts[task]
    now = 0
    starts, ends = list(solution.starts), list(solution.ends)
    placed: list[ScheduledTransfer] = []
    given: list[ScheduledExport] = []
    names = {tensor.name: number for number, tensor in enumerate(graph.tensors)}
    for one in sorted(todo, key=todo.__getitem__):
        began = now
        if isinstance(one, int):
            entries = [graph.entry_time(options[x.source], options[one]) for x in graph.inputs[one]]
            now += options[one].duration + max(entries, default=0)
            starts[one], ends[one] = began, now
        elif isinstance(one, ScheduledTransfer):
            now += graph.transfers[names[one.tensor]][one.source, one.target].duration
            placed.append(evolve(one, start=began, end=now))
        else:
            now += graph.exports[names[one.tensor]][one.port].duration
            given.append(evolve(one, start=began, end=now))
    serial = evolve(
        solution,
        starts=tuple(starts),
        ends=tuple(ends),
        transfers=tuple(placed),
        exports=tuple(given),
    )
    return evolve(serial, objective=measures(problem, serial)[problem.objectives[0]])
