"""Native searches that Ctrl-C ends early instead of losing what they found.

Python handles signals in its main thread, between two instructions. While that thread is inside a
native search there are none, so the search runs in another thread.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

# How soon a request to stop reaches the search, in seconds.
PATIENCE = 0.1


def interruptible(work: Callable[[], T], stop: Callable[[], None], stopped: threading.Event) -> T:
    """Give what `work` returns; Ctrl-C makes it return early.

    Parameters
    ----------
    work : callable
        Lets other threads run while it searches; returns the best it has once it is to stop.
    stop : callable
        Tells `work` to return soon; may be called several times, and before the search has begun.
    stopped : threading.Event
        Is set by Ctrl-C; setting it stops the work as well.
    """
    done: list[T] = []
    failed: list[BaseException] = []

    def target() -> None:
        try:
            done.append(work())
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=target, daemon=True)
    thread.start()
    while thread.is_alive():
        try:
            thread.join(PATIENCE)
        except KeyboardInterrupt:
            if stopped.is_set():
                raise  # Asked twice: no plan is worth waiting for.
            stopped.set()
        if stopped.is_set():
            stop()
    if failed:
        raise failed[0]
    return done[0]
