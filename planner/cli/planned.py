"""Opens a plan that a command can run: from a file, or solved from the cached profile."""

from __future__ import annotations

import os
from pathlib import Path

import attrs
import typer

from bnnplan.models.errors import BnnplanError, FileError
from bnnplan.models.graph import Network
from bnnplan.models.zoo import ZOO
from bnnplan.planner.board import Board
from bnnplan.planner.cache import cached_profile, keep_profile
from bnnplan.planner.ceilings import keep_stated
from bnnplan.planner.cli import INTERRUPTED
from bnnplan.planner.cli.common import board_of, notes, open_board, open_lowered, progress_bar
from bnnplan.planner.execution.runner import Runner
from bnnplan.planner.execution.workbench import Workbench
from bnnplan.planner.plan import Plan
from bnnplan.planner.plan_file import load_plan
from bnnplan.planner.planning import find_plan
from bnnplan.planner.profile import Profile
from bnnplan.planner.profiling import Options, profile_under_load
from bnnplan.planner.solving import SolveOptions
from bnnplan.planner.trials.exactness import make_runner


class InterruptedByUserError(BnnplanError):
    """Ctrl-C, where it can be said what becomes of the work."""

    exit_code = INTERRUPTED


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
        given = {"--board": board is not None, "--devices": devices is not None}
        given["--batch"] = batch != 1
        if idle := [option for option, is_given in given.items() if is_given]:
            raise typer.BadParameter(
                f"{', '.join(idle)}: {text} is a plan, which states that itself; leave it out"
            )
        plan = load_plan(Path(text))
        opened = open_lowered(network) if network else _network_of(plan, text)
        plan.require(opened)
        return plan, opened
    if network is not None:
        raise typer.BadParameter(
            f"--network: {text} is no plan file, so it says nothing; leave it out"
        )
    opened = open_lowered(text)
    detected = board_of(open_board(board, devices), quiet=quiet)
    profile, _ = whole_profile(
        opened, detected, batch=batch, options=Options(budget=budget, seed=seed), quiet=quiet
    )
    plan = find_plan(opened, profile, source=source_of(text), options=SolveOptions(seed=seed))
    return plan, opened


def whole_profile(
    network: Network,
    board: Board,
    *,
    batch: int,
    options: Options,
    quiet: bool,
    fresh: bool = False,
    expected: Profile | None = None,
) -> tuple[Profile, bool]:
    """The cached profile, measured with a progress bar; ends the command if interrupted.

    Its board has the ceilings that the given one states.

    Returns
    -------
    Profile
    bool
        Whether it was in the cache.
    """
    try:
        with progress_bar(f"profiling {network.name}", enabled=not quiet) as progress:
            profile, kept = cached_profile(
                network,
                board,
                batch=batch,
                options=options,
                progress=progress,
                fresh=fresh,
                tell=notes.print,
                expected=expected,
            )
    except KeyboardInterrupt:
        raise InterruptedByUserError(
            "interrupted before layers were timed; nothing new is kept"
        ) from None
    if not profile.conditions.complete:
        raise InterruptedByUserError(
            "interrupted; what was measured is kept, the same command goes on"
        )
    return keep_stated(profile, board), kept


def loaded_profile(
    network: Network, profile: Profile, *, budget: float, seed: int, quiet: bool
) -> Profile:
    """The profile with costs under load, measured with a progress bar if they are not there yet.

    Raises
    ------
    ProfileError
        If nothing of its board can work at the same time.
    """
    if profile.is_loaded:
        return profile
    with progress_bar(f"profiling {network.name} under load", enabled=not quiet) as tell:
        found = profile_under_load(network, profile, budget=budget, seed=seed, progress=tell)
    # Stated ceilings and power are those of one board file, and others share the kept profile.
    keep_profile(network, attrs.evolve(found, board=found.board.bare))
    return found


def source_of(text: str) -> str:
    """What a plan keeps of where its network came from: files by their whole path."""
    return os.path.realpath(text) if text not in ZOO and os.path.isfile(text) else text


def _network_of(plan: Plan, file: str) -> Network:
    try:
        return open_lowered(plan.source)
    except BnnplanError as error:
        raise FileError(
            f"{file}: its network {plan.source!r} cannot be opened: {error}; say where it is "
            "with --network"
        ) from error


def open_runner(plan: Plan, network: Network) -> Runner:
    """A plan on the devices of its board; DeviceError if one of those it uses is gone."""
    used = dict.fromkeys(row.device for row in plan.layers)
    return make_runner(Workbench(network, plan.board.only(used), plan.batch), plan)
