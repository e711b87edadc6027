"""What a method found for a problem, as text."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console

from bnnplan.planner.problem import Measure, Problem
from bnnplan.planner.report.proof_text import proof_lines
from bnnplan.planner.report.tables import Rows
from bnnplan.planner.report.units import amount, duration
from bnnplan.planner.solution import Solution
from bnnplan.planner.solvers.base import SolverResult, proofs_of, told
from bnnplan.planner.solvers.checking.checker import measures


def print_solution(
    problem: Problem, result: SolverResult, console: Console, *, verbose: bool = False
) -> None:
    """Print the choice of each task, what each device does, all measures, and what is proven.

    With `verbose` also each transfer and export. Energy and memory are told only where the problem
    says anything of them.
    """
    found = result.solution
    assert found is not None
    console.print(_tasks(problem, found))
    if verbose and (found.transfers or found.exports):
        console.print()
        console.print(_moves(found))
    console.print()
    for line in _devices(problem, found):
        console.print(line)
    values = measures(problem, found)
    known = [one for one in Measure if one in values and _is_stated(problem, one)]
    listed = ", ".join(f"{measure} {amount(measure, values[measure])}" for measure in known)
    count = len(found.transfers)
    console.print(f"{'1 transfer' if count == 1 else f'{count} transfers'}; {listed}")
    for line in proof_lines(
        str(result.status),
        proofs_of(problem, result),
        result.method,
        result.runtime_s,
        told(result),
    ):
        console.print(line)


def _tasks(problem: Problem, found: Solution) -> Rows:
    """Each task with its option, by start, then by device."""
    rows = Rows("task", "option", "device", "start", "end", *_stage_title(problem), left=3)
    chosen = [
        (found.starts[number], task.options[index].device, found.ends[number], number)
        for number, (task, index) in enumerate(zip(problem.tasks, found.choice, strict=True))
    ]
    for start, device, end, number in sorted(chosen):
        task = problem.tasks[number]
        rows.add_row(
            task.name,
            task.options[found.choice[number]].name,
            device,
            duration(start),
            duration(end),
            *([str(found.stages[number])] if found.stages else []),
        )
    return rows


def _moves(found: Solution) -> Rows:
    """Each transfer and export, by start."""
    rows = Rows("tensor", "from", "to", "start", "end", left=3)
    moves = [(one.start, one.end, one.tensor, one.source, one.target) for one in found.transfers]
    moves += [(one.start, one.end, one.tensor, one.port, "(export)") for one in found.exports]
    for start, end, *names in sorted(moves):
        rows.add_row(*names, duration(start), duration(end))
    return rows


def _devices(problem: Problem, found: Solution) -> Iterator[str]:
    """How many tasks each device with resources does, and how long that takes."""
    for device in problem.devices:
        spans = [
            end - start
            for task, index, start, end in zip(
                problem.tasks, found.choice, found.starts, found.ends, strict=True
            )
            if task.options[index].device == device.name
        ]
        if device.resources:
            count = "1 task" if len(spans) == 1 else f"{len(spans)} tasks"
            yield f"{device.name}: {count}, busy for {duration(sum(spans))}"


def _is_stated(problem: Problem, measure: Measure) -> bool:
    """Whether a problem says anything of a measure: one of which all is 0 tells nothing."""
    options = [option for task in problem.tasks for option in task.options]
    if measure is Measure.ENERGY:
        drawn = [option.energy for option in options]
        for tensor in problem.tensors:
            drawn += [move.energy for move in tensor.transfers]
            drawn += [export.energy for export in tensor.exports]
        return any(drawn)
    if measure is Measure.MEMORY:
        held = any(one.weight_bytes or one.workspace_bytes for one in options)
        return held or any(size.bytes for tensor in problem.tensors for size in tensor.sizes)
    return True


def _stage_title(problem: Problem) -> list[str]:
    return ["stage"] if problem.is_pipeline else []
