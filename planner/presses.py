"""What the command line and the searches have to agree on about Ctrl-C; imports next to nothing."""

from __future__ import annotations

import time

BURST_SECONDS = 1.0
"""Ctrl-C pressed several times within it counts once."""
SEARCH_THREAD = "bnnplan-search"
"""Name of the threads in which native searches run."""


class Presses:
    """Tells one Ctrl-C from the next."""

    def __init__(self) -> None:
        self.last = -BURST_SECONDS

    def is_new(self) -> bool:
        """Whether this press, now, is not one of the same burst as the last that was new."""
        now = time.monotonic()
        if now - self.last < BURST_SECONDS:
            return False
        self.last = now
        return True
