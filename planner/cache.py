"""Profiles kept between runs, found by a fingerprint of all that they depend on."""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path

from bnnplan.models.errors import BnnplanError
from bnnplan.models.graph import Network
from bnnplan.planner.board import Board
from bnnplan.planner.profile import Profile, load_profile, save_profile, shape_fingerprint
from bnnplan.planner.profiling import Options, Progress, profile_network
from bnnplan.planner.profiling.profiler import bnnplan_version


def cache_folder() -> Path:
    """Where profiles are kept: ``$BNNPLAN_CACHE``, else ``bnnplan`` in the user's cache folder."""
    if own := os.environ.get("BNNPLAN_CACHE"):
        return Path(own)
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "bnnplan"


def profile_path(network: Network, board: Board, batch: int) -> Path:
    """File of the profile of a network on a board for a batch size.

    Layer shapes, devices with their drivers, instruction set and version of bnnplan all count.
    """
    isa = os.environ.get("BNNPLAN_ISA", "")
    parts = (shape_fingerprint(network), board.fingerprint, batch, isa, bnnplan_version())
    digest = hashlib.sha256(repr(parts).encode()).hexdigest()[:24]
    return cache_folder() / "profiles" / f"{network.name}-{digest}.json"


def cached_profile(
    network: Network,
    board: Board,
    *,
    batch: int = 1,
    options: Options | None = None,
    progress: Progress | None = None,
    fresh: bool = False,
) -> tuple[Profile, bool]:
    """The profile of a network on a board, measured if it is not kept already.

    An incomplete one is completed. A kept file that cannot be read is measured again.

    Returns
    -------
    Profile
    bool
        Whether it was kept already, and complete.
    """
    path = profile_path(network, board, batch)
    kept = None if fresh else _read(path)
    if kept is not None and kept.conditions.complete:
        return kept, True
    profile = profile_network(
        network, board, batch=batch, options=options, earlier=kept, progress=progress
    )
    keep_profile(profile, path)
    return profile, False


def keep_profile(profile: Profile, path: Path) -> None:
    """Write a profile into the cache; a cache that cannot be written is no reason to fail."""
    with contextlib.suppress(BnnplanError, OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        save_profile(profile, path)


def _read(path: Path) -> Profile | None:
    if not path.exists():
        return None
    with contextlib.suppress(BnnplanError):
        return load_profile(path)
    return None
