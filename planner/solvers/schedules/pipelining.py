"""From a choice to a pipeline: stages, period and memory follow from the choice alone."""

from __future__ import annotations

from collections.abc import Sequence

from bnnplan.planner.problem import Measure
from bnnplan.planner.solution import ScheduledExport, ScheduledTransfer, Solution
from bnnplan.planner.solvers.schedules.flow import Flow
from bnnplan.planner.solvers.schedules.holding import most_held_in_pipeline
from bnnplan.planner.solvers.schedules.parts import in_circle
from bnnplan.planner.solvers.structure import Graph


def pipelined(graph: Graph, choice: Sequence[int]) -> Solution | None:
    """Give the pipeline of a choice, whose limits are not looked at.

    None if a transfer is impossible, or if contiguous parts wait for each other in a circle.
    """
    options = [task.options[index] for task, index in zip(graph.tasks, choice, strict=True)]
    flow = Flow(graph, options)
    if not flow.possible or (graph.contiguous and in_circle(graph, options)):
        return None
    stages = flow.stages()
    return None if stages is None else _solution(flow, choice, stages)


def _solution(flow: Flow, choice: Sequence[int], stages: list[int]) -> Solution:
    graph = flow.graph
    period = flow.period()
    names = [tensor.name for tensor in graph.tensors]
    starts = [0] * len(graph.tasks)
    free: dict[tuple[str, int], int] = {}
    for task in graph.order:
        place = flow.options[task].device, stages[task]
        starts[task] = free.get(place, stages[task] * period)
        free[place] = starts[task] + flow.durations[task]
    measure = graph.problem.objectives[0]
    if measure is Measure.PERIOD:
        objective = period
    elif measure is Measure.LATENCY:
        objective = period * (1 + max(stages))
    elif measure is Measure.ENERGY:
        objective = _energy(flow)
    else:
        objective = most_held_in_pipeline(flow, stages)
    return Solution(
        choice=tuple(choice),
        starts=tuple(starts),
        ends=tuple(start + flow.durations[task] for task, start in enumerate(starts)),
        transfers=tuple(
            ScheduledTransfer(
                names[tensor], move.source, move.target,
                stages[n] * period, stages[n] * period + move.duration,
            )
            for (tensor, _), (n, move) in flow.moves.items()
        ),
        objective=objective,
        exports=tuple(
            ScheduledExport(
                names[tensor], export.port,
                stages[n] * period, stages[n] * period + export.duration,
            )
            for tensor, (n, export) in flow.exports.items()
        ),
        period=period,
        stages=tuple(stages[: len(graph.tasks)]),
    )  # fmt: skip


def _energy(flow: Flow) -> int:
    total = sum(option.energy for option in flow.options)
    total += sum(move.energy for _, move in flow.moves.values())
    return total + sum(export.energy for _, export in flow.exports.values())
