"""Options of ``bnnplan solve`` that do not go together, each pair refused in one line."""

from __future__ import annotations

from collections.abc import Mapping

import typer
from attrs import frozen


@frozen
class Rule:
    """An option, what it does that makes others senseless, and these."""

    option: str
    does: str
    others: tuple[str, ...]


RULES = (
    Rule(
        "--problem",
        "is solved without a network, a board and measured costs",
        (
            *("NET", "--board", "--devices", "--power", "--batch", "--profile", "--confidence"),
            *("--board-model", "--eliminate", "--fresh", "--budget", "--candidates"),
            *("--tolerance", "--run", "--no-run"),
        ),
    ),
    Rule(
        "--profile",
        "states the board, and nothing is measured",
        ("--board", "--devices", "--fresh", "--eliminate", "--budget", "--run"),
    ),
    Rule(
        "--board-model",
        "states the board, and nothing is profiled",
        ("--board", "--devices", "--fresh", "--eliminate"),
    ),
    Rule("--pareto", "names the objectives of a front", ("--objective",)),
    Rule("--pareto", "finds no plan to run", ("--run",)),
    Rule("--dry-run", "solves nothing", ("--output", "--pareto", "--run")),
)


def refuse_contradictions(given: Mapping[str, object]) -> None:
    """Raise typer.BadParameter where options that were given do not go together.

    Parameters
    ----------
    given : mapping of str to object
        By name of option; false or None where it was not given.
    """
    named = {option for option, value in given.items() if value is not None and value is not False}
    for rule in RULES:
        clashing = [option for option in rule.others if option in named]
        if rule.option in named and clashing:
            raise typer.BadParameter(f"{rule.option} {rule.does}: leave out {', '.join(clashing)}")
    if "--epsilon" in named and "--pareto" not in named:
        raise typer.BadParameter("--epsilon is the step of a front: name one with --pareto")
