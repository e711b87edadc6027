"""What solves a problem, and what can be wrong with it."""

from __future__ import annotations

import enum

from attrs import frozen


@frozen
class ScheduledTransfer:
    """A transfer of a solution, from `start` to `end` ns."""

    tensor: str
    source: str
    target: str
    start: int
    end: int


@frozen
class ScheduledExport:
    """An export of a solution, from `start` to `end` ns."""

    tensor: str
    port: str
    start: int
    end: int


@frozen
class Solution:
    """Which option each task takes, and when everything happens, for one frame.

    Attributes
    ----------
    choice : tuple of int
        For each task, in the order of ``problem.tasks``, the index of its option.
    starts, ends : tuple of int
        In the same order, when the task occupies its device (entry included), ns.
    transfers : tuple of ScheduledTransfer
        One for each (tensor, port) that is read but not produced there.
    objective : int
        The value of the first objective of the problem, in its unit.
    exports : tuple of ScheduledExport
        One for each tensor that has one at the port where it is produced, and is read elsewhere.
    period : int or None
        In a pipeline: ns from frame to frame. Starts and ends are then those of a frame that
        enters at 0: a stage begins at its number times the period, its transfers and exports
        begin with it, and tasks of one device follow each other in the order of the graph.
    stages : tuple of int
        In a pipeline: of each task, from 0. Else empty.
    """

    choice: tuple[int, ...]
    starts: tuple[int, ...]
    ends: tuple[int, ...]
    transfers: tuple[ScheduledTransfer, ...]
    objective: int
    exports: tuple[ScheduledExport, ...] = ()
    period: int | None = None
    stages: tuple[int, ...] = ()


class ViolationCode(enum.StrEnum):
    """What is wrong with a solution."""

    UNKNOWN_OPTION = "unknown-option"
    DURATION = "duration"
    PRECEDENCE = "precedence"
    TRANSFER_MISSING = "transfer-missing"
    TRANSFER_IMPOSSIBLE = "transfer-impossible"
    TRANSFER_SURPLUS = "transfer-surplus"
    EXPORT = "export"
    RESOURCE_OVERLAP = "resource-overlap"
    CONTIGUITY = "contiguity"
    COLOCATION = "colocation"
    SWITCHES = "switches"
    PERIOD = "period"
    LIMIT = "limit"
    MEMORY = "memory"
    OBJECTIVE = "objective"


@frozen
class Violation:
    """One rule that a solution breaks, with one line that says where."""

    code: ViolationCode
    message: str
