"""docs/files.md names every field of a plan and a profile, and every command that prints JSON."""

import re
from pathlib import Path

import attrs
import pytest
from typer.main import get_command

from bnnplan.planner.cli.app import app
from bnnplan.planner.plan import Plan
from bnnplan.planner.plan_parts import MeasuredPipeline, MeasuredStage, PlannedStream
from bnnplan.planner.profile import Conditions, Profile

FILES = Path(__file__).parents[2] / "docs" / "files.md"


def section(title):
    (text,) = re.findall(rf"^## {title}.*?(?=^## |\Z)", FILES.read_text(), re.M | re.S)
    return text


@pytest.mark.parametrize(
    ("title", "kinds"),
    [
        ("Plan ", [Plan, MeasuredPipeline, MeasuredStage, PlannedStream]),
        ("Profile ", [Profile]),
    ],
)
def test_every_field_is_described(title, kinds):
    text = section(title)
    names = {field.name for kind in kinds for field in attrs.fields(kind)}
    assert not {name for name in names if not re.search(rf"`{name}[`.\[]", text)}


def test_flags_of_conditions_are_named():
    text = section("Profile ")
    flags = [field.name for field in attrs.fields(Conditions) if field.type in (bool, "bool")]
    assert flags
    assert not [name for name in flags if f"`{name}`" not in text]


def test_every_command_that_prints_json_is_described():
    text = section("What `--json` prints")
    commands = get_command(app).commands
    printing = [
        name
        for name, command in commands.items()
        if any("--json" in option.opts for option in command.params)
    ]
    assert {"solve", "boards", "predict"} <= {*printing}
    assert not [name for name in printing if f"| `{name}` |" not in text]
