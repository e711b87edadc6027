"""Profiles kept between runs, found by a fingerprint of all that they depend on.

Beside them the costs that plans were made with, found by the digest that a plan states.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Callable
from pathlib import Path

import attrs

from bnnplan.models.errors import BnnplanError, FileError
from bnnplan.models.graph import Network
from bnnplan.planner.board import Board
from bnnplan.planner.profile import Profile, load_profile, save_profile, shape_fingerprint
from bnnplan.planner.profiling import Options, Progress, profile_network
from bnnplan.planner.version import bnnplan_version

MOST_COSTS = 32
"""Plans whose costs are kept; those of older ones are dropped."""


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
    return cache_folder() / "profiles" / _file_name(network, digest)


def _file_name(network: Network, digest: str) -> str:
    # A network's name may be anything: only what every file system takes goes into the file's.
    name = re.sub(r"[^A-Za-z0-9._-]+", "_", network.name)[:60]
    return f"{name}-{digest}.json"


def cached_profile(
    network: Network,
    board: Board,
    *,
    batch: int = 1,
    options: Options | None = None,
    progress: Progress | None = None,
    fresh: bool = False,
    tell: Callable[[str], object] | None = None,
    expected: Profile | None = None,
) -> tuple[Profile, bool]:
    """The profile of a network on a board, measured if it is not kept already.

    An incomplete one is completed; so is one that was measured with a wider tolerance, or that
    ran out of a smaller budget, or left placements out that are wanted now. A kept file that
    cannot be read is measured again. `tell` gets one line if a whole profile cannot be kept.

    Returns
    -------
    Profile
    bool
        Whether it was kept already, and good enough.

    Raises
    ------
    FileError
        If measuring was interrupted, and what was measured cannot be kept.
    """
    wanted = options or Options()
    path = profile_path(network, board, batch)
    kept = None if fresh else _read(path, network, batch)
    if kept is not None and _is_enough(kept, wanted):
        return kept, True
    # Stated ceilings and power are those of one board file, and others share the kept profile.
    profile = profile_network(
        *(network, board.bare),
        batch=batch,
        options=wanted,
        earlier=kept,
        progress=progress,
        expected=expected,
    )
    try:
        _save(profile, path)
    except BnnplanError as error:
        # A whole profile can be used without a cache, a part of one only from it.
        if not profile.conditions.complete:
            raise FileError(f"interrupted, and nothing could be kept: {error}") from error
        if tell is not None:
            tell(f"the profile is not kept, every command measures again: {error}")
    return profile, False


def kept_profile(network: Network, board: Board, batch: int) -> Profile | None:
    """The profile that is kept, if it is complete, however it was measured."""
    kept = _read(profile_path(network, board, batch), network, batch)
    return kept if kept is not None and kept.conditions.complete else None


def keep_profile(network: Network, profile: Profile) -> None:
    """Put a profile in place of the kept one, if that is possible."""
    with contextlib.suppress(BnnplanError):
        _save(profile, profile_path(network, profile.board, profile.batch))


def keep_costs(network: Network, profile: Profile) -> None:
    """Keep the costs that a plan was made with, if that is possible.

    Running a plan corrects costs, which makes them those of this plan alone. The last `MOST_COSTS`
    are kept.
    """
    path = _costs_path(network, profile.costs_digest)
    with contextlib.suppress(BnnplanError):
        _save(attrs.evolve(profile, board=profile.board.bare), path)
        _drop_oldest(path.parent)


def kept_costs(network: Network, digest: str, batch: int) -> Profile | None:
    """The costs of a digest, with the board as if no power were stated; None if not kept."""
    kept = _read(_costs_path(network, digest), network, batch)
    return kept if kept is not None and kept.costs_digest == digest else None


def _costs_path(network: Network, digest: str) -> Path:
    # A plan file may hold any text as its digest.
    short = hashlib.sha256(digest.encode()).hexdigest()[:24]
    return cache_folder() / "costs" / _file_name(network, short)


def _drop_oldest(folder: Path) -> None:
    with contextlib.suppress(OSError):
        files = sorted(folder.glob("*.json"), key=lambda file: file.stat().st_mtime_ns)
        for file in files[:-MOST_COSTS]:
            file.unlink()


def _save(profile: Profile, path: Path) -> None:
    _make_folder(path.parent)
    save_profile(profile, path)


def _make_folder(folder: Path) -> None:
    """Make the cache's folder, but no home for a user who has none."""
    own = os.environ.get("BNNPLAN_CACHE") or os.environ.get("XDG_CACHE_HOME")
    if not own and not Path.home().is_dir():
        raise FileError(f"home folder {Path.home()} does not exist; set BNNPLAN_CACHE")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"cannot make folder {folder}: {error.strerror}") from error


def _is_enough(kept: Profile, wanted: Options) -> bool:
    how = kept.conditions
    ran_out = how.exhausted and how.seconds < wanted.budget
    is_whole = how.elimination is None or wanted.eliminate
    return how.complete and is_whole and how.tolerance <= wanted.tolerance and not ran_out


def _read(path: Path, network: Network, batch: int) -> Profile | None:
    with contextlib.suppress(BnnplanError):
        kept = load_profile(path)
        kept.require(network, batch)
        return kept
    return None
