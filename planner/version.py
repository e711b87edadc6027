"""The version of bnnplan that runs."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def bnnplan_version() -> str:
    """The installed version, or ``unknown`` when run from a source tree."""
    try:
        return version("bnnplan")
    except PackageNotFoundError:
        return "unknown"
