"""From the values of a schedule model to a solution."""

from __future__ import annotations

from attrs import evolve

from bnnplan.planner.solution import ScheduledExport, ScheduledTransfer, Solution
from bnnplan.planner.solvers.checking.checker import measures
from bnnplan.planner.solvers.cpsat.engine import Values
from bnnplan.planner.solvers.cpsat.schedule import Schedule


def read_solution(times: Schedule, answer: Values) -> Solution:
    """Read the choice and the starts; all else is computed again from what was chosen."""
    graph = times.graph
    choice = times.placement.choice(answer)
    options = [t.options[index] for t, index in zip(graph.tasks, choice, strict=True)]
    starts = [answer.value(start) for start in times.start]
    ends = []
    for task, option in enumerate(options):
        entries = [graph.entry_time(options[link.source], option) for link in graph.inputs[task]]
        ends.append(starts[task] + option.duration + max(entries, default=0))
    moves: dict[tuple[int, str], ScheduledTransfer] = {}
    exports: dict[int, ScheduledExport] = {}
    for link in graph.links:
        tensor = link.tensor
        given = options[link.source].output_ports[link.output]
        wanted = options[link.target].input_ports[link.input]
        if given == wanted or (tensor, wanted) in moves:
            continue
        name = graph.tensors[tensor].name
        ready = ends[link.source]
        if (export := graph.exports[tensor].get(given)) is not None:
            begin = answer.value(times.export_start[tensor])
            ready = begin + export.duration
            exports[tensor] = ScheduledExport(name, given, begin, ready)
        if (tensor, wanted) in times.move_start:
            ready = answer.value(times.move_start[tensor, wanted])
        end = ready + graph.transfers[tensor][given, wanted].duration
        moves[tensor, wanted] = ScheduledTransfer(name, given, wanted, ready, end)
    solution = Solution(
        choice=tuple(choice),
        starts=tuple(starts),
        ends=tuple(ends),
        transfers=tuple(moves.values()),
        objective=0,
        exports=tuple(exports.values()),
    )
    value = measures(graph.problem, solution)[graph.problem.objectives[0]]
    return evolve(solution, objective=value)
