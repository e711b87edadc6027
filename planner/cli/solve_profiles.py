"""The profiles that ``bnnplan solve`` plans with, one a batch."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from pathlib import Path

import typer

from bnnplan.models.graph import Network
from bnnplan.planner.board import Board
from bnnplan.planner.board_model import BoardModel
from bnnplan.planner.cli.common import notes
from bnnplan.planner.cli.planned import loaded_profile, whole_profile
from bnnplan.planner.completing import completed
from bnnplan.planner.predicting import predict_profile, require_here
from bnnplan.planner.profile import Profile, load_profile
from bnnplan.planner.profiling import Options
from bnnplan.planner.profiling.loading import situations
from bnnplan.planner.report.origin_text import eliminated_text


def read_profiles(
    files: Sequence[Path],
    network: Network,
    batches: list[int] | None,
    model: BoardModel | None = None,
) -> list[Profile]:
    """The profiles of files, with predicted costs for what they lack if there is a board model.

    Raises
    ------
    typer.BadParameter
        If batches are asked for, and the profiles are for others.
    """
    found = [load_profile(file) for file in files]
    sizes = [one.batch for one in found]
    if batches is not None and sorted(batches) != sorted(sizes):
        asked = ",".join(map(str, batches))
        raise typer.BadParameter(
            f"--batch {asked}: the profiles are for batches of {', '.join(map(str, sizes))}; leave "
            "it out, or name profiles for just these batches"
        )
    if model is not None:
        found = [completed(one, model, network) for one in found]
    for file, one in zip(files, found, strict=True):
        one.require(network, one.batch)
        if not one.conditions.complete:
            notes.print(f"{file}: measuring was interrupted, its costs may be far off")
    return found


def predicted_profiles(
    network: Network, model: BoardModel, batches: list[int] | None, *, is_run: bool
) -> list[Profile]:
    """The predicted profiles of all batches that are asked for (1 if none is).

    Raises
    ------
    BoardModelError
        If the plan is to be run, and the board is not the one here.
    """
    if is_run:
        require_here(model.board)
    return [predict_profile(network, model, size) for size in batches or [1]]


def measured_profiles(
    network: Network,
    board: Board,
    batches: list[int] | None,
    *,
    options: Options,
    under_load: bool,
    fresh: bool,
    quiet: bool,
) -> list[Profile]:
    """The profiles of all batches that are asked for (1 if none is), kept ones or measured now.

    Costs under load are measured as well if they are wanted, and anything can work beside a layer.
    """
    found = [
        whole_profile(network, board, batch=size, options=options, quiet=quiet, fresh=fresh)
        for size in batches or [1]
    ]
    for profile, _ in found:
        if (left_out := profile.conditions.elimination) is not None and not quiet:
            notes.print(eliminated_text(left_out, profile.conditions.seconds), style="dim")
    cached = [profile for profile, is_kept in found if is_kept]
    if cached and not quiet:
        notes.print(cache_text(cached, datetime.datetime.now(datetime.UTC)), style="dim")
    profiles = [profile for profile, _ in found]
    if not under_load or not situations(profiles[0]):
        return profiles
    return [
        loaded_profile(network, one, budget=options.budget, seed=options.seed, quiet=quiet)
        for one in profiles
    ]


def cache_text(profiles: Sequence[Profile], now: datetime.datetime) -> str:
    """Which profiles were not measured just now, and when the oldest of them was."""
    sizes = ", ".join(str(one.batch) for one in profiles)
    what = "profile" if len(profiles) == 1 else f"profiles of batches {sizes}"
    oldest = "" if len(profiles) == 1 else "the oldest "
    date = min(one.conditions.date for one in profiles)
    return f"{what} from the cache, {oldest}measured {_when(date, now)}; --fresh measures again"


def _when(date: str, now: datetime.datetime) -> str:
    try:
        seconds = (now - datetime.datetime.fromisoformat(date)).total_seconds()
    except (ValueError, TypeError):
        # A file in the cache may hold any text, or a time without its zone.
        return f"on {date}"
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if count := int(seconds // length):
            return f"{count} {unit}{'' if count == 1 else 's'} ago"
    return "less than a minute ago"
