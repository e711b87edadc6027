"""Ctrl-C between steps, and not within one: what a step writes is whole, and counted."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType

from bnnplan.planner.presses import Presses


class WholeSteps:
    """Within its context, the first Ctrl-C during a step waits for its end; a second does not.

    Between steps, outside the main thread, and where Ctrl-C is ignored, all is as it was.
    """

    def __init__(self) -> None:
        self._presses = Presses()
        self._is_inside = False
        self._is_asked = False
        self._before: Callable[[int, FrameType | None], object] | None = None

    def __enter__(self) -> WholeSteps:
        before = signal.getsignal(signal.SIGINT)
        if callable(before) and threading.current_thread() is threading.main_thread():
            self._before = before
            signal.signal(signal.SIGINT, self._heed)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _heed(self, number: int, frame: FrameType | None) -> None:
        assert self._before is not None
        if not self._is_inside or (self._is_asked and self._presses.is_new()):
            self._before(number, frame)
        elif not self._is_asked:
            self._is_asked = self._presses.is_new()

    def run(self, step: Callable[[], None]) -> None:
        """Run a step.

        Raises
        ------
        KeyboardInterrupt
            At its end, if Ctrl-C came meanwhile.
        """
        self._is_inside = True
        try:
            step()
        finally:
            self._is_inside = False
        if self._is_asked:
            raise KeyboardInterrupt
