"""A pipeline in asyncio: whatever may take long happens on other threads."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable
from typing import TypeVar

from bnnplan.planner.execution.pipelines.flow import Flow
from bnnplan.planner.execution.pipelines.frames import Frame, Result
from bnnplan.planner.execution.pipelines.reading import Reading, Some

T = TypeVar("T")

PATIENCE = 0.02
"""How long a thread waits for results, seconds: frames that have come meanwhile enter after it."""


async def results_of(
    frames: Iterable[Frame] | AsyncIterable[Frame],
    claim: Callable[[], contextlib.AbstractContextManager[Flow]],
) -> AsyncIterator[Result]:
    """Results of frames, in their order.

    Parameters
    ----------
    frames : iterable or asynchronous iterable
        A plain one is read on another thread, so that it may wait.
    claim : callable
        Gives the flow.
    """
    with claim() as flow:
        fault: Exception | None = None
        ahead = _Ahead(frames, flow.most)
        try:
            while not flow.is_over:
                # While results are computed, frames that have not come yet are not waited for.
                if flow.wants > 0 and (ahead.has_any or not flow.inside):
                    fault = flow.accept(await ahead.next(flow.wants))
                for result in await _completed(flow.step, PATIENCE):
                    yield result
            if fault is not None:
                raise fault
        finally:
            await ahead.close()


class _Ahead:
    """Frames that were read and have not entered, about a limit of them at the most."""

    def __init__(self, frames: Iterable[Frame] | AsyncIterable[Frame], limit: int) -> None:
        self._limit = limit
        self._frames: deque[Frame] = deque()
        self._fault: Exception | None = None
        self._has_ended = False
        self._moved = asyncio.Event()
        if isinstance(frames, AsyncIterable):
            self._reader = asyncio.ensure_future(self._read(frames))
        else:
            self._reader = asyncio.ensure_future(self._read_plain(frames))

    @property
    def has_any(self) -> bool:
        """Whether there is a frame, or the end."""
        return bool(self._frames) or self._has_ended

    async def next(self, most: int) -> Some:
        """Up to so many frames; waits for one, or the end."""
        while not self.has_any:
            self._moved.clear()
            await self._moved.wait()
        found = [self._frames.popleft() for _ in range(min(most, len(self._frames)))]
        self._moved.set()
        is_last = self._has_ended and not self._frames
        return Some(found, is_last, self._fault if is_last else None)

    async def close(self) -> None:
        """Read no more."""
        self._reader.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._reader

    async def _read(self, frames: AsyncIterable[Frame]) -> None:
        try:
            async for frame in frames:
                await self._append([frame])
        except Exception as error:
            self._fault = error
        self._end()

    async def _read_plain(self, frames: Iterable[Frame]) -> None:
        reading = Reading(frames)
        is_last = False
        while not is_last:
            some = await asyncio.to_thread(reading.some, self._limit)
            await self._append(some.frames)
            is_last, self._fault = some.is_last, some.fault
        self._end()

    def _end(self) -> None:
        self._has_ended = True
        self._moved.set()

    async def _append(self, some: list[Frame]) -> None:
        while len(self._frames) >= self._limit:
            self._moved.clear()
            await self._moved.wait()
        self._frames.extend(some)
        self._moved.set()


async def _completed(function: Callable[[float], T], argument: float) -> T:
    """What a brief function gives on another thread, which it has left in any case."""
    job = asyncio.ensure_future(asyncio.to_thread(function, argument))
    try:
        return await asyncio.shield(job)
    except asyncio.CancelledError:
        await asyncio.wait([job])
        raise
