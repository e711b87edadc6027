"""Reads frames from iterables, a few at once where they come without delay."""

from __future__ import annotations

import operator
import time
from collections.abc import Iterable

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
    idle : float
        Seconds in which the iterable waited for something, instead of making them.
    """

    frames: list[Frame]
    is_last: bool
    fault: Exception | None = None
    idle: float = 0.0


class Reading:
    """Reads an iterable, on one thread at a time.

    While it waits for a frame nobody can have those that it has read before. So it reads one at
    first, twice as many as before where they came at once, and one again where they did not.
    What has a length has its frames.

    Parameters
    ----------
    frames : iterable of Frame
    """

    def __init__(self, frames: Iterable[Frame]) -> None:
        self._frames = iter(frames)
        self._at_once = max(1, operator.length_hint(frames, 0))

    def some(self, most: int) -> Some:
        """Read up to so many frames, or as many as come in a moment."""
        found: list[Frame] = []
        fault: Exception | None = None
        is_last = True
        begin, begin_busy = time.monotonic(), time.thread_time()
        wanted, end = min(most, self._at_once), begin + GATHER_SECONDS
        is_slow = False
        try:
            for frame in self._frames:
                found.append(frame)
                is_slow = time.monotonic() > end
                if is_slow or len(found) >= wanted:
                    is_last = False
                    break
        except Exception as error:
            fault = error
        if not is_slow:
            self._at_once = max(self._at_once, 2 * wanted)
            return Some(found, is_last, fault)
        self._at_once = 1
        idle = (time.monotonic() - begin) - (time.thread_time() - begin_busy)
        return Some(found, is_last, fault, max(idle, 0.0))
