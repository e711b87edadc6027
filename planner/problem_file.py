"""Problem files and solution files: schemas ``bnnplan.problem`` and ``bnnplan.solution``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bnnplan.models.files import Migrations, read_json
from bnnplan.planner.problem import Problem
from bnnplan.planner.problem_format import SCHEMA, VERSION, problem_from_dict
from bnnplan.planner.problem_rules import ProblemError
from bnnplan.planner.solvers.base import SolverResult, proofs_of, told
from bnnplan.planner.solvers.checking.checker import measures

SOLUTION_SCHEMA = "bnnplan.solution"
SOLUTION_VERSION = 1
_READABLE: Migrations = {1: lambda content: content}


def load_problem(path: Path) -> Problem:
    """Read a problem file.

    Raises
    ------
    FileError
        If it cannot be read, or is no JSON of the schema.
    ProblemError
        If it is no problem; with file, field and reason.
    """
    content = read_json(path, SCHEMA, VERSION, _READABLE)
    try:
        return problem_from_dict({"schema": SCHEMA, "version": VERSION, **content})
    except ProblemError as error:
        raise ProblemError(f"{path}: {error}") from None


def solution_document(problem: Problem, result: SolverResult) -> dict[str, Any]:
    """A result with a solution as plain data: fields as in ``docs/files.md``."""
    found = result.solution
    assert found is not None
    return {
        "problem": problem.name,
        "status": str(result.status),
        "method": result.method,
        "seconds": round(result.runtime_s, 6),
        "message": told(result),
        "objectives": [
            {"measure": str(one.measure), "value": one.value, "bound": one.bound}
            for one in proofs_of(problem, result)
        ],
        "measures": {str(measure): value for measure, value in measures(problem, found).items()},
        "period": found.period,
        "tasks": [
            {
                "task": task.name,
                "option": task.options[index].name,
                "device": task.options[index].device,
                "start": found.starts[number],
                "end": found.ends[number],
                "stage": found.stages[number] if found.stages else None,
            }
            for number, (task, index) in enumerate(zip(problem.tasks, found.choice, strict=True))
        ],
        "transfers": [
            {
                "tensor": move.tensor,
                "source": move.source,
                "target": move.target,
                "start": move.start,
                "end": move.end,
            }
            for move in found.transfers
        ],
        "exports": [
            {"tensor": one.tensor, "port": one.port, "start": one.start, "end": one.end}
            for one in found.exports
        ],
    }
