"""What a thread of the interpreter does in every turn of a stage that no native thread can run."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType

import numpy as np
from attrs import frozen

from bnnplan.backends.host import HostBuffer
from bnnplan.backends.interface import Buffer, DeviceError
from bnnplan.planner.execution.pipelines.slots import HostSlots
from bnnplan.planner.execution.ready import Copy, End, Stage

Locks = Mapping[str, threading.Lock]
"""Of the devices that several stages use, by name: a backend serves one thread at a time."""


class Held:
    """Several locks at once, always in one order."""

    def __init__(self, locks: Locks, devices: Iterable[str]) -> None:
        self._locks = [locks[name] for name in sorted(set(devices)) if name in locks]

    def __enter__(self) -> None:
        for lock in self._locks:
            lock.acquire()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for lock in self._locks:
            lock.release()


@frozen(eq=False)
class Carry:
    """A network input or output that is carried between the window and a stage."""

    slots: HostSlots
    end: End
    guard: Held


Copies = tuple[tuple[Copy, Held], ...]
"""In order, with what must be held for each."""


@frozen(eq=False)
class Work:
    """A segment, with what must be held for it."""

    stage: Stage
    copies: Copies
    guard: Held


@frozen(eq=False)
class Turn:
    """What is done at one position of the rings, in order."""

    uploads: tuple[Carry, ...]
    work: tuple[Work, ...]
    exports: Copies
    downloads: tuple[Carry, ...]


class Turns:
    """The turns of a stage.

    Parameters
    ----------
    turns : sequence of Turn
        Turn t is the one at t modulo their number.
    cores : frozenset of int
        That its devices occupy; none where they are no cores.
    """

    def __init__(self, turns: Sequence[Turn], cores: frozenset[int]) -> None:
        self._turns = tuple(turns)
        self._cores = cores

    def settle(self) -> None:
        """Keep the calling thread on the cores.

        Raises
        ------
        DeviceError
            If it may not use them all.
        """
        if self._cores:
            self._require(os.sched_getaffinity(0))
            os.sched_setaffinity(0, self._cores)

    def run(self, turn: int, number: int) -> None:
        """Run a turn, of the frame of a number.

        Raises
        ------
        DeviceError
            If a device fails, or a core has been taken away.
        """
        if self._cores:
            self._require(os.sched_getaffinity(0))
        todo = self._turns[turn % len(self._turns)]
        for carry in todo.uploads:
            with carry.guard:
                carry.end.put(carry.slots.arrays[number % len(carry.slots.arrays)])
        for work in todo.work:
            self._copy(work.copies)
            with work.guard:
                work.stage.program.run()
        self._copy(todo.exports)
        for carry in todo.downloads:
            target = carry.slots.arrays[number % len(carry.slots.arrays)]
            with carry.guard:
                np.copyto(target, carry.end.take())

    def _copy(self, copies: Copies) -> None:
        for copy, guard in copies:
            with guard:
                copy.run()

    def _require(self, allowed: set[int]) -> None:
        if not self._cores <= allowed:
            lost = min(self._cores - allowed)
            raise DeviceError(f"core {lost} has been taken away from the pipeline")


def guarded(stage: Stage, locks: Locks, owners: Mapping[str, str]) -> Work:
    """A segment with its locks.

    Parameters
    ----------
    stage : Stage
    locks : mapping of str to Lock
    owners : mapping of str to str
        The device that the source of a copy is allocated for, by name of tensor.
    """
    device = stage.segment.device
    copies = [
        (copy, Held(locks, [device, *using(copy.source, owners[copy.tensor])]))
        for copy in stage.copies
    ]
    return Work(stage, tuple(copies), Held(locks, [device]))


def using(buffer: Buffer, device: str) -> list[str]:
    """The devices without which a buffer cannot be read; ordinary memory needs none."""
    return [] if isinstance(buffer, HostBuffer) else [device]
