"""A stream that was found, and a set of them with what is proven."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from bnnplan.planner.encoding import Encoding
from bnnplan.planner.problem import Measure
from bnnplan.planner.solution import Solution
from bnnplan.planner.solvers.base import Proven, SolverResult, Status, proofs_of
from bnnplan.planner.solvers.checking.checker import measures
from bnnplan.planner.streams.kinds import Lineup
from bnnplan.planner.streams.packing import period_of

SCALE = 10**45
"""Nanoseconds in which frames are counted, so that rates are whole numbers."""
EQUAL = 10**15
"""Rates are rounded to this where they are compared: far more than sums of rates are wrong by, far
less than rates of different periods differ by."""


@frozen
class Stream:
    """A lineup with its best choice so far.

    Attributes
    ----------
    lineup : Lineup
    encoding : Encoding
        On some cores of the right kinds.
    solution : Solution
    proofs : tuple of Proven
        One for each objective.
    latency : int
        Nanoseconds.
    """

    lineup: Lineup
    encoding: Encoding
    solution: Solution
    proofs: tuple[Proven, ...]
    latency: int

    @property
    def period(self) -> int:
        """Nanoseconds from batch to batch."""
        return self.proofs[0].value

    @property
    def rate(self) -> int:
        """Batches in `SCALE` nanoseconds, rounded down."""
        return SCALE // max(self.period, 1)

    @property
    def costs(self) -> tuple[int, ...]:
        """What decides between sets of equal rates: further objectives, then the latency."""
        return (*(one.value for one in self.proofs[1:]), self.latency)


@frozen
class Found:
    """A set of streams, and what is proven.

    Attributes
    ----------
    streams : tuple of Stream
        The fastest first; empty if there is none.
    status : Status
    bound : int or None
        A period that no set of streams is below.
    seconds : float
    method : str
    message : str
    interrupted : bool
    settled : bool
        Whether no other set is as good, and better in a further objective.
    """

    streams: tuple[Stream, ...]
    status: Status
    bound: int | None
    seconds: float
    method: str
    message: str = ""
    interrupted: bool = False
    settled: bool = False

    @property
    def period(self) -> int:
        """Of all streams together."""
        return period_of([one.period for one in self.streams])


def in_order(streams: Sequence[Stream]) -> tuple[Stream, ...]:
    """The fastest first."""
    return tuple(sorted(streams, key=lambda one: (one.period, one.latency)))


def stream_of(lineup: Lineup, encoding: Encoding, result: SolverResult) -> Stream | None:
    """What a solver has found for a lineup, if anything."""
    if result.solution is None:
        return None
    latency = measures(encoding.problem, result.solution)[Measure.LATENCY]
    proofs = proofs_of(encoding.problem, result)
    return Stream(lineup, encoding, result.solution, proofs, latency)
