"""As many frames as are asked for, of a source that may have fewer."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from bnnplan.planner.frames.sources import Frame, Source

KEPT = 256 << 20
"""Bytes of frames that are kept of a source that can be read only once."""


class Repeated:
    """Frames of a source; it begins anew where more are asked for than it has.

    A source that can be read only once is kept in memory for that; one that does not fit there
    ends where it ends.

    Parameters
    ----------
    source : Source
    most : int or None
        How many frames; None: one time what there is.

    Attributes
    ----------
    taken : int
        Frames that were given so far.
    distinct : int
        Of these, how many are not repeated ones.
    """

    def __init__(self, source: Source, most: int | None) -> None:
        self.source = source
        self.most = most
        self.taken = 0
        self.distinct = 0
        self._number = 0

    @property
    def expected(self) -> int | None:
        """How many frames there will be; None if only the end will tell."""
        return self.source.count if self.most is None else self.most

    def __iter__(self) -> Iterator[Frame]:
        for frame in itertools.islice(self._turns(), self.most):
            self.taken += 1
            self.distinct = max(self.distinct, self._number)
            yield frame

    def _turns(self) -> Iterator[Frame]:
        kept = _Kept() if self.source.once and self.most is not None else None
        again: Iterable[Frame] | None = self.source
        while again is not None:
            self._number = 0
            for frame in again:
                self._number += 1
                if kept is not None and again is self.source:
                    kept.add(frame)
                yield frame
            if self.most is None or not self._number:
                return
            again = self.source if kept is None else kept.frames


class _Kept:
    """Frames that are kept, until they are too many: then none are, and `frames` is None."""

    def __init__(self) -> None:
        self.frames: list[Frame] | None = []
        self._nbytes = 0

    def add(self, frame: Frame) -> None:
        if self.frames is None:
            return
        self.frames.append(frame)
        self._nbytes += frame_bytes(frame)
        if self._nbytes > KEPT:
            self.frames = None


def frame_bytes(frame: Frame) -> int:
    """Bytes of the arrays of a frame."""
    arrays = frame.values() if isinstance(frame, Mapping) else (frame,)
    return sum(np.asarray(array).nbytes for array in arrays)
