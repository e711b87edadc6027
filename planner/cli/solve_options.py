"""The options of ``bnnplan solve`` that say what is wanted of the plan, and how to search."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bnnplan.models.load import DEFAULT
from bnnplan.models.zoo import ZOO
from bnnplan.planner.cli.common import BUDGET, complete_network
from bnnplan.planner.cli.wishes import OBJECTIVES
from bnnplan.planner.solvers import METHODS

MOST_WORKERS = 256
"""More threads than any machine needs; CP-SAT has a limit of its own."""
WISHES = "What is wanted of the plan"
SEARCH = "How to search"
BOARD = "How to try the plan on the board"


def complete_method(incomplete: str) -> list[str]:
    """Methods that a shell completes to."""
    return [name for name in METHODS if name.startswith(incomplete)]


def complete_objective(incomplete: str) -> list[str]:
    """Objectives that a shell completes to."""
    return [name for name in OBJECTIVES if name.startswith(incomplete)]


OptionalNetwork = Annotated[
    str | None,
    typer.Argument(
        metavar="NET",
        help=f"Zoo name ({', '.join(ZOO)}), or a .bnn or .onnx file.",
        show_default=DEFAULT,
        autocompletion=complete_network,
    ),
]
Objectives = Annotated[
    list[str] | None,
    typer.Option(
        "--objective",
        metavar="NAME",
        help=f"What to minimise, of {', '.join(OBJECTIVES)} (throughput: the time from batch to "
        "batch in a pipeline). Several, with commas or repeated: the next one among the plans that "
        "are best by those before.",
        show_default="latency",
        autocompletion=complete_objective,
        rich_help_panel=WISHES,
    ),
]
Deadline = Annotated[
    str | None,
    typer.Option(
        metavar="TIME", help="The most latency of a batch, such as 1.2ms.", rich_help_panel=WISHES
    ),
]
MaxEnergy = Annotated[
    str | None,
    typer.Option(
        metavar="ENERGY", help="The most energy of a batch, such as 3mJ.", rich_help_panel=WISHES
    ),
]
MaxMemory = Annotated[
    list[str] | None,
    typer.Option(
        metavar="SPACE=SIZE",
        help="The most memory of a space, such as host=64MiB; repeatable.",
        rich_help_panel=WISHES,
    ),
]
MaxSwitches = Annotated[
    int | None,
    typer.Option(
        min=0,
        metavar="K",
        help="The most tensors between layers on different devices.",
        rich_help_panel=WISHES,
    ),
]
Pins = Annotated[
    list[str] | None,
    typer.Option(
        "--pin",
        metavar="LAYER=DEVICE",
        help="Run a layer (or all that a pattern such as 'conv*' names) there; repeatable.",
        rich_help_panel=WISHES,
    ),
]
Forbidden = Annotated[
    list[str] | None,
    typer.Option(
        "--forbid",
        metavar="LAYER=DEVICE",
        help="Do not run a layer (or all that a pattern names) there; repeatable.",
        rich_help_panel=WISHES,
    ),
]
Colocated = Annotated[
    list[str] | None,
    typer.Option(
        "--colocate",
        metavar="A,B,…",
        help="Run these layers on one device; repeatable.",
        rich_help_panel=WISHES,
    ),
]
Contiguous = Annotated[
    bool,
    typer.Option(
        "--contiguous",
        help="Each device runs one part of the network, as a whole.",
        rich_help_panel=WISHES,
    ),
]
Confidence = Annotated[
    float | None,
    typer.Option(
        metavar="SHARE",
        help="Plan with what every layer's time is below with this confidence, such as 0.9, "
        "instead of its median.",
        rich_help_panel=WISHES,
    ),
]
Powers = Annotated[
    list[str] | None,
    typer.Option(
        "--power",
        metavar="DEVICE=WATTS",
        help="What a device draws while it is busy, such as cpu0=5; repeatable. Declared, not "
        "measured: energies are computed with it.",
    ),
]
Batches = Annotated[
    str | None,
    typer.Option(
        "--batch",
        metavar="N,…",
        help="Images computed at once. Several, with commas: the best by image is chosen.",
        show_default="1",
        rich_help_panel=WISHES,
    ),
]
Pareto = Annotated[
    str | None,
    typer.Option(
        metavar="A,B",
        help="Find the Pareto front of two objectives, such as latency,energy, instead of a plan.",
        rich_help_panel=WISHES,
    ),
]
Epsilon = Annotated[
    float | None,
    typer.Option(
        metavar="SHARE",
        help="Steps of the front: for every plan there is a point that is at least as good in "
        "the first objective, and at most this share worse in the second.",
        show_default="0, the exact front",
        rich_help_panel=WISHES,
    ),
]
Method = Annotated[
    str,
    typer.Option(
        help=f"Solver: {', '.join(METHODS)}; auto chooses by structure.",
        autocompletion=complete_method,
        rich_help_panel=SEARCH,
    ),
]
TimeLimit = Annotated[
    float, typer.Option(min=0.001, help="Seconds for the solver.", rich_help_panel=SEARCH)
]
Workers = Annotated[
    int,
    typer.Option(min=1, max=MOST_WORKERS, help="Threads of the solver.", rich_help_panel=SEARCH),
]
CandidateCount = Annotated[
    int | None,
    typer.Option(
        "--candidates",
        min=2,
        max=64,
        metavar="K",
        help="Measure the K plans that are predicted to be fastest and differ, in turns, and take "
        "the one that measures fastest.",
        rich_help_panel=BOARD,
    ),
]
Tolerance = Annotated[
    float | None,
    typer.Option(
        min=0.001,
        max=1.0,
        metavar="SHARE",
        help="Correct costs and solve again until predicted and measured latency differ by no "
        "more than this, or --budget seconds are over.",
        show_default="0.05",
        rich_help_panel=BOARD,
    ),
]
Run = Annotated[
    bool | None,
    typer.Option(
        "--run/--no-run",
        help="Run the plan on the board and measure it.",
        show_default="run",
        rich_help_panel=BOARD,
    ),
]
Budget = Annotated[
    float | None,
    typer.Option(
        min=0.1,
        help="Seconds to spend on profiling at most, and as many on correcting costs.",
        show_default=f"{BUDGET}",
    ),
]
DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        help="Print the size of the problem and the method for it; do not solve.",
        rich_help_panel=SEARCH,
    ),
]
ProblemFile = Annotated[
    Path | None,
    typer.Option(
        "--problem", metavar="FILE", help="Solve the problem of a JSON file instead of a network's."
    ),
]
Profiles = Annotated[
    list[Path] | None,
    typer.Option(
        "--profile",
        metavar="FILE",
        help="Plan with this profile (one a batch); measure and run nothing.",
    ),
]
Eliminate = Annotated[
    bool,
    typer.Option(
        "--eliminate",
        help="Where it has to profile: measure only placements that could still win.",
    ),
]
Output = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write the result to a file.")
]
