"""Opens a plan that a command can run: from a file, or solved from the cached profile."""

from __future__ import annotations

from pathlib import Path

from bnnplan.models.graph import Network
from bnnplan.planner.cache import cached_profile
from bnnplan.planner.cli.common import board_of, open_board, open_lowered, progress_bar
from bnnplan.planner.execution.runner import Runner
from bnnplan.planner.execution.workbench import Workbench
from bnnplan.planner.plan import Plan, load_plan
from bnnplan.planner.planning import SolveOptions, plan_latency
from bnnplan.planner.profiling import Options
from bnnplan.planner.verification import make_runner


def open_plan(
    text: str,
    *,
    network: str | None = None,
    board: Path | None = None,
    devices: str | None = None,
    batch: int = 1,
    budget: float = 60.0,
    seed: int = 0,
    quiet: bool = False,
) -> tuple[Plan, Network]:
    """A plan and its network.

    Parameters
    ----------
    text : str
        A plan file (.json), or a network to plan for: zoo name, .bnn or .onnx.
    network : str, optional
        What to open the network of a plan file from, if not from where it was planned.
    """
    if text.endswith(".json"):
        plan = load_plan(Path(text))
        opened = open_lowered(network or plan.source)
        plan.require(opened)
        return plan, opened
    opened = open_lowered(network or text)
    detected = board_of(open_board(board, devices), quiet=quiet)
    with progress_bar(f"profiling {opened.name}", enabled=not quiet) as progress:
        profile, _ = cached_profile(
            opened,
            detected,
            batch=batch,
            options=Options(budget=budget, seed=seed),
            progress=progress,
        )
    return plan_latency(opened, profile, source=text, options=SolveOptions(seed=seed)), opened


def open_runner(plan: Plan, network: Network) -> Runner:
    """A plan on the devices of its board; DeviceError if one of those it uses is gone."""
    used = dict.fromkeys(row.device for row in plan.layers)
    return make_runner(Workbench(network, plan.board.only(used), plan.batch), plan)
