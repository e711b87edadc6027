"""The problem of the documentation is one, and has the solution that the page tells."""

import json
import re
import shlex
from pathlib import Path

import pytest
from attrs import fields

from bnnplan.planner import problem as words
from bnnplan.planner.cli.app import app
from bnnplan.planner.problem_format import problem_from_dict
from bnnplan.planner.solvers import Status, solve

KINDS = [
    words.Problem, words.Task, words.Option, words.Tensor, words.TensorSize, words.Transfer,
    words.Export, words.Edge, words.Entry, words.Device, words.Space, words.Port, words.Limit,
]  # fmt: skip
DOCS = Path(__file__).parents[2] / "docs"

pytestmark = pytest.mark.skipif(not DOCS.exists(), reason="docs are not beside the tests")


def test_the_example_has_the_optimum_that_is_told():
    problem = problem_from_dict(json.loads((DOCS / "examples" / "problem.json").read_text()))
    result = solve(problem, workers=1)
    assert result.status is Status.OPTIMAL
    assert result.objective == 450_000
    names = [
        task.options[index].name
        for task, index in zip(problem.tasks, result.solution.choice, strict=True)
    ]
    assert names == ["2 threads", "tiles", "2 threads", "2 threads"]
    page = (DOCS / "problems.md").read_text()
    assert "in 450 µs" in page
    assert "# optimal 450000 450000" in page


def test_the_page_shows_parts_of_the_example():
    example = (DOCS / "examples" / "problem.json").read_text()
    shown = re.findall(r"```json\n(.*?)```", (DOCS / "problems.md").read_text(), re.DOTALL)
    assert len(shown) == 2
    assert all(part in example for part in shown)


def test_the_commands_of_the_page_run_as_they_stand(monkeypatch, capsys):
    monkeypatch.chdir(DOCS / "examples")
    page = (DOCS / "problems.md").read_text()
    commands = re.findall(r"^\$ bnnplan (solve --problem .*)$", page, re.MULTILINE)
    assert len(commands) == 3
    for command in commands:
        app(shlex.split(command), standalone_mode=False)
        assert "optimal: " in capsys.readouterr().out


def test_the_page_runs_as_it_stands(monkeypatch, capsys):
    monkeypatch.chdir(DOCS.parent)
    (program,) = re.findall(r"```python\n(.*?)```", (DOCS / "problems.md").read_text(), re.DOTALL)
    exec(compile(program, "problems.md", "exec"), {})
    assert capsys.readouterr().out.splitlines()[0] == "optimal 450000 450000"


def test_every_field_is_told_of():
    page = (DOCS / "problems.md").read_text()
    told = set(re.findall(r"[a-z_]+", " ".join(re.findall(r"^\| (.*?) \|", page, re.MULTILINE))))

    for kind in KINDS:
        assert {field.name for field in fields(kind)} <= told
