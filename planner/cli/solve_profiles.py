"""The profiles that ``bnnplan solve`` plans with, one a batch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import typer

from bnnplan.models.graph import Network
from bnnplan.planner.board import Board
from bnnplan.planner.cli.common import notes
from bnnplan.planner.cli.planned import whole_profile
from bnnplan.planner.profile import Profile, load_profile
from bnnplan.planner.profiling import Options


def read_profiles(
    files: Sequence[Path], network: Network, batches: list[int] | None
) -> list[Profile]:
    """The profiles of files.

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
    for file, one in zip(files, found, strict=True):
        one.require(network, one.batch)
        if not one.conditions.complete:
            notes.print(f"{file}: measuring was interrupted, its costs may be far off")
    return found


def measured_profiles(
    network: Network,
    board: Board,
    batches: list[int] | None,
    *,
    options: Options,
    fresh: bool,
    quiet: bool,
) -> list[Profile]:
    """The profiles of all batches that are asked for (1 if none is), kept ones or measured now."""
    return [
        whole_profile(network, board, batch=size, options=options, quiet=quiet, fresh=fresh)[0]
        for size in batches or [1]
    ]
