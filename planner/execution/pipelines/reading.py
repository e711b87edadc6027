"""Reads frames from iterables, a few at once."""

from __future__ import annotations

import time
from collections.abc import Iterator

from attrs import frozen

from bnnplan.planner.execution.pipelines.frames import Frame

GATHER_SECONDS = 1e-3
"""How long frames are gathered: a few of them at once cost less each."""


@frozen(eq=False)
class Some:
    """Frames in order.

    Parameters
    ----------
    frames : list of Frame
    is_last : bool
        Whether no more come after them.
    fault : Exception or None
        What the iterable has raised after them.
    """

    frames: list[Frame]
    is_last: bool
    fault: Exception | None = None


def read_some(frames: Iterator[Frame], most: int) -> Some:
    """Read up to so many frames, or as many as come in a moment."""
    found: list[Frame] = []
    end = time.monotonic() + GATHER_SECONDS
    try:
        for frame in frames:
            found.append(frame)
            if len(found) >= most or time.monotonic() > end:
                return Some(found, is_last=False)
    except Exception as error:
        return Some(found, is_last=True, fault=error)
    return Some(found, is_last=True)
