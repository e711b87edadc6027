"""Searches that Ctrl-C ends early instead of losing what they found.

Whoever starts searches whose best answer so far is of use, does so within :func:`heeding`. There
the first Ctrl-C is only noted; every search asks :func:`over` instead of its clock alone, every
native one runs by :func:`interruptible`, and drivers of several searches ask :func:`is_asked`
before the next one. The second Ctrl-C is what it is elsewhere.

A note instead of an exception, since an exception would tear down whatever happens to run: a
search without its best answer, or the import of a native module, which may hide it.
"""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import TypeVar

from bnnplan.planner.presses import SEARCH_THREAD, Presses

T = TypeVar("T")

PATIENCE = 0.1
"""How soon a request to stop reaches a native search, in seconds."""

_asked = threading.Event()


def is_asked() -> bool:
    """Whether Ctrl-C has asked to stop, since the outermost :func:`heeding` began."""
    return _asked.is_set()


def over(deadline: float) -> bool:
    """Whether a search is to end: `deadline` (of ``time.perf_counter``) has passed, or Ctrl-C."""
    return _asked.is_set() or time.perf_counter() > deadline


@contextlib.contextmanager
def heeding() -> Iterator[None]:
    """Let the first Ctrl-C inside end searches only; the second does what it did before.

    Within another one it adds nothing, so that Ctrl-C ends all searches of the outermost. So it is
    outside the main thread, which gets no signals, and where Ctrl-C is ignored.
    """
    before = signal.getsignal(signal.SIGINT)
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or not callable(before) or isinstance(before, _Note):
        yield
        return
    try:
        signal.signal(signal.SIGINT, _Note(before))
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        _asked.clear()


class _Note:
    """A handler that notes the first Ctrl-C."""

    def __init__(self, before: Callable[[int, FrameType | None], object]) -> None:
        self.before = before
        self.presses = Presses()

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if not self.presses.is_new():
            return
        if _asked.is_set():
            self.before(number, frame)
        _asked.set()


def interruptible(
    work: Callable[[], T], stop: Callable[[], None], is_over: Callable[[], bool] = is_asked
) -> T:
    """Give what `work` returns; it returns early once Ctrl-C asks for it.

    Python handles signals in its main thread, between two instructions. While that thread is
    inside a native search there are none, so the search runs in another thread.

    Parameters
    ----------
    work : callable
        Lets other threads run while it searches; returns the best it has once it is to stop.
    stop : callable
        Tells `work` to return soon; may be called several times, and before the search has begun.
    is_over : callable, optional
        Whether it is to return; asked again and again.
    """
    done: list[T] = []
    failed: list[BaseException] = []

    def target() -> None:
        try:
            done.append(work())
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=target, name=SEARCH_THREAD, daemon=True)
    thread.start()
    try:
        while thread.is_alive():
            thread.join(PATIENCE)
            if is_over():
                stop()
    except BaseException:
        # Its answer is not wanted any more. But a process that ends while it runs is aborted.
        stop()
        thread.join(10 * PATIENCE)
        raise
    if failed:
        raise failed[0]
    return done[0]
