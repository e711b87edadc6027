"""The frames of one call on their way through a pipeline."""

from __future__ import annotations

import numpy as np

from bnnplan.models.errors import InputError
from bnnplan.planner.execution.pipelines.errors import StageError
from bnnplan.planner.execution.pipelines.frames import Framing, Result
from bnnplan.planner.execution.pipelines.reading import Some
from bnnplan.planner.execution.pipelines.report import PipelineReport
from bnnplan.planner.execution.pipelines.started import Started
from bnnplan.planner.execution.pipelines.tally import Tally

PARTS = 4
"""Of a window, of which one is filled or emptied at once."""


class Flow:
    """Frames in, results out, in order and never more than a window of them.

    Batches that an earlier call has left in the pipeline are passed over.

    Parameters
    ----------
    started : Started
    framing : Framing
    tally : Tally

    Attributes
    ----------
    accepted, delivered : int
        Frames.
    first : int
        Number of the first batch.
    """

    def __init__(self, started: Started, framing: Framing, tally: Tally) -> None:
        self.started = started
        self.framing = framing
        self.tally = tally
        self._pending: list[tuple[np.ndarray, ...]] = []
        self._part = max(1, started.window // PARTS)
        self._open = True
        self.first = started.put
        self.accepted = 0
        self.delivered = 0

    @property
    def wants(self) -> int:
        """How many frames can be accepted now; none once the last has been."""
        if not self._open:
            return 0
        slots = min(self.started.room, self._part)
        return slots * self.framing.batch - len(self._pending)

    @property
    def is_over(self) -> bool:
        """Whether all results are delivered, and no more frames will come."""
        return not self._open and self.delivered == self.accepted

    @property
    def inside(self) -> int:
        """Batches in the pipeline, those included that an earlier call has left."""
        return self.started.inside

    @property
    def most(self) -> int:
        """How many frames are ever accepted at once."""
        return self._part * self.framing.batch

    def accept(self, some: Some) -> Exception | None:
        """Take frames, no more than are wanted, which enter with the next `send`.

        Returns
        -------
        Exception or None
            What was wrong after the last frame that was taken; then no more are.
        """
        fault = some.fault
        if some.frames and not self.accepted:
            self.tally.start()
        try:
            for frame in some.frames:
                self._pending.append(self.framing.check(frame, self.accepted))
                self.accepted += 1
        except InputError as error:
            fault = error
        self._open = not some.is_last and fault is None
        return fault

    def send(self) -> None:
        """Let frames enter in whole batches; after the end, the rest of them too."""
        batch = self.framing.batch
        count = len(self._pending)
        if self._open:
            count -= count % batch
        if count:
            slots = self.framing.write(self.started.put, self._pending[:count])
            del self._pending[:count]
            self.started.enter(slots)

    def receive(self, timeout: float) -> list[Result]:
        """Results in order, as many as there are; waits for a part of a window of them.

        Parameters
        ----------
        timeout : float
            Seconds; 0: only what is there.

        Raises
        ------
        StageError
            If there are none before the first frame that failed.
        DeviceError
            If the pipeline was left.
        """
        started = self.started
        if not started.inside:
            return []
        count = self.ready(min(self._part, started.inside) if timeout else 1, timeout)
        stale = min(count, max(0, self.first - started.taken))
        mine = started.taken + stale
        results: list[Result] = []
        if count > stale:
            results = self.framing.read(mine, count - stale)
            self.tally.note(mine, count - stale)
        started.leave(count)
        # What is beyond is padding.
        del results[self.accepted - self.delivered :]
        self.delivered += len(results)
        return results

    def step(self, timeout: float) -> list[Result]:
        """`send`, and `receive`."""
        self.send()
        return self.receive(timeout)

    def ready(self, least: int, timeout: float) -> int:
        """How many of the next batches are computed, as `Started.ready`; errors tell frames."""
        try:
            return self.started.ready(least, timeout)
        except StageError as error:
            frame = max(0, error.frame - self.first) * self.framing.batch
            raise StageError(
                error.stream, error.stage, error.devices, error.layers, frame, error.reason
            ) from error.__cause__

    def close(self) -> None:
        """Nothing is measured any more."""
        self.tally.close()

    def report(self) -> PipelineReport:
        """What was done so far."""
        return PipelineReport(
            self.delivered,
            (self.tally.end - self.tally.begin) / 1e9,
            self.tally.measured(self.first, self.started.taken),
        )
