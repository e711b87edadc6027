"""What a method found for a problem, as text."""

from __future__ import annotations

from rich.console import Console

from bnnplan.planner.problem import Measure, Problem
from bnnplan.planner.report.proof_text import proof_lines
from bnnplan.planner.report.tables import Rows
from bnnplan.planner.report.units import amount, duration
from bnnplan.planner.solvers.base import SolverResult, proofs_of, told
from bnnplan.planner.solvers.checking import measures


def print_solution(problem: Problem, result: SolverResult, console: Console) -> None:
    """Print the choice of each task, all measures, and what is proven."""
    found = result.solution
    assert found is not None
    rows = Rows("task", "option", "device", "start", "end", *_stage_title(problem), left=3)
    for number, (task, index) in enumerate(zip(problem.tasks, found.choice, strict=True)):
        option = task.options[index]
        rows.add_row(
            task.name,
            option.name,
            option.device,
            duration(found.starts[number]),
            duration(found.ends[number]),
            *([str(found.stages[number])] if found.stages else []),
        )
    console.print(rows)
    console.print()
    values = measures(problem, found)
    known = [measure for measure in Measure if measure in values]
    listed = ", ".join(f"{measure} {amount(measure, values[measure])}" for measure in known)
    console.print(f"{len(found.transfers)} transfers; {listed}")
    for line in proof_lines(
        str(result.status),
        proofs_of(problem, result),
        result.method,
        result.runtime_s,
        told(result),
    ):
        console.print(line)


def _stage_title(problem: Problem) -> list[str]:
    return ["stage"] if problem.is_pipeline else []
