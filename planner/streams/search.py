"""The best set of streams on a board: each a pipeline on devices of its own, frames dealt out.

Equal cores make equal streams, so that a stream is known by its lineup (see
:mod:`bnnplan.planner.streams.kinds`), and one problem for each lineup tells how fast it can be. Of
most lineups only a bound is needed: the best set is looked for as if every lineup were as fast as
its bound, and only lineups of that set are solved, until a set is best of which all are solved. The
value of that best set is a bound of every set at any time.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from fractions import Fraction

import numpy as np

from bnnplan.models.graph import Network
from bnnplan.planner.encoding import Encoding
from bnnplan.planner.problem_rules import LIMIT
from bnnplan.planner.profile import Profile
from bnnplan.planner.request import Request
from bnnplan.planner.solvers import is_complete
from bnnplan.planner.solvers.base import SolverResult, Status
from bnnplan.planner.solvers.interruption import is_asked
from bnnplan.planner.solvers.methods import run
from bnnplan.planner.solving import SolveOptions
from bnnplan.planner.streams.bounds import least_periods, most_rate
from bnnplan.planner.streams.found import SCALE, Found, Stream, in_order, stream_of
from bnnplan.planner.streams.kinds import Lineup, Takes
from bnnplan.planner.streams.packing import Item, Packed, pack, period_of
from bnnplan.planner.streams.problems import StreamProblems

MOST_LINEUPS = 3000
MOST_STEPS = 300_000
"""Of a search for the best set: rooms times lineups."""
SHARE = 0.25
"""Of the time that is left, for one lineup."""


class _State:
    """What is known of a lineup."""

    def __init__(self, upper: int) -> None:
        self.upper = upper
        self.stream: Stream | None = None
        self.done = False
        self.tries = 0

    def rate(self, *, hoped: bool) -> int:
        """As found, or as it may be at most."""
        if hoped and not self.done:
            return self.upper
        return self.stream.rate if self.stream else 0


class StreamSearch:
    """Searches for the best set of streams.

    Parameters
    ----------
    network : Network
    profile : Profile
        On a board of whole clusters.
    request : Request
        Whose first objective is the period.
    options : SolveOptions

    Raises
    ------
    RequestError, InfeasibleError
        See :func:`bnnplan.planner.offers.offered_placements`.
    """

    def __init__(
        self, network: Network, profile: Profile, request: Request, options: SolveOptions
    ) -> None:
        self.problems = StreamProblems(network, profile, request)
        self.request = request
        self.options = options
        self.capacity = self.problems.room.capacity
        self.decided = len(request.objectives) - 1
        rooms = math.prod(size + 1 for size in self.capacity)
        most = max(100, min(MOST_LINEUPS, MOST_STEPS // rooms))
        found = list(self.problems.room.lineups(most, len(network.nodes)))
        self.complete = len(found) < most
        self.lineups: list[Lineup] = []
        self.states: list[_State] = []
        self._with_bounds(found)
        self.method = ""

    def _with_bounds(self, found: Sequence[Lineup]) -> None:
        """Keep the lineups that every layer can run on, with what they can do at most."""
        spans, kinds = self.problems.spans, self.problems.room.kinds
        counts = np.zeros((len(found), len(kinds)), dtype=np.int64)
        for row, lineup in enumerate(found):
            for kind in lineup.kinds:
                counts[row, kind] += 1
        copied = np.array([self.problems.copied(lineup) for lineup in found], dtype=float)
        least = least_periods(spans, counts) + copied
        for lineup, period in zip(found, least, strict=True):
            if math.isfinite(period):
                self.lineups.append(lineup)
                self.states.append(_State(_rate(math.ceil(period * (1 - 1e-9)))))
        takes = np.array([kind.takes for kind in kinds], dtype=float)
        most = most_rate(spans, takes, self.capacity, self.problems.copied_by_all)
        self.most_rate = math.ceil(Fraction(min(most, SCALE)) * SCALE)

    def search(self, time_limit: float) -> Found:
        """The best set within so many seconds."""
        started = time.monotonic()
        end = started + time_limit
        first = [n for n, one in enumerate(self.lineups) if len(one.kinds) == 1]
        for number in first:
            if time.monotonic() < end and not is_asked():
                self._solve(number, end - time.monotonic())
        while time.monotonic() < end and not is_asked():
            wanted = self._next()
            if wanted is None:
                break
            left = end - time.monotonic()
            number, rate = wanted
            self._solve(number, left * (1.0 if self.states[number].tries else SHARE), rate)
        return self._stated(time.monotonic() - started)

    @property
    def streams(self) -> list[Stream]:
        """All that were found."""
        return [state.stream for state in self.states if state.stream is not None]

    def unsolved(self) -> list[Lineup]:
        """Lineups for which nothing was found, those of the highest bounds first."""
        left = [n for n, state in enumerate(self.states) if state.stream is None]
        return [self.lineups[n] for n in sorted(left, key=lambda n: -self.states[n].upper)]

    def hoped(self, lineup: Lineup) -> int:
        """The rate of a set with a lineup that is as fast as its bound."""
        upper = self.states[self.lineups.index(lineup)].upper
        return upper + self._known()[self._rest(lineup.takes)].rate

    def resolved(self, lineup: Lineup, memory: Mapping[str, int], seconds: float) -> Stream | None:
        """The best choice of a lineup with less memory; None if there is none."""
        encoding = self.problems.encoding(lineup, memory=memory)
        return stream_of(lineup, encoding, self._run(encoding, seconds))

    def _known(self) -> dict[Takes, Packed]:
        return self._packed(hoped=False)[1]

    def _packed(self, *, hoped: bool) -> tuple[list[int], dict[Takes, Packed]]:
        """The best sets of what is found, or of what may be, with the numbers of their lineups."""
        numbers, items = [], []
        for number, (lineup, state) in enumerate(zip(self.lineups, self.states, strict=True)):
            rate = state.rate(hoped=hoped)
            if rate:
                costs = state.stream.costs if state.stream else (0,) * (self.decided + 1)
                numbers.append(number)
                items.append(Item(lineup.takes, rate, costs))
        return numbers, pack(items, self.capacity, self.decided)

    def _next(self) -> tuple[int, int] | None:
        """The lineup to solve next, and the rate that is worth finding; None if no other one is."""
        known = self._known()
        best = known[self.capacity].rate
        for lineup, state in zip(self.lineups, self.states, strict=True):
            if not state.done and state.upper + bool(self.decided) <= known[lineup.takes].rate:
                # What its cores can do otherwise is as good.
                state.done = True
        if best >= self.most_rate and not self.decided:
            return None
        numbers, hoped = self._packed(hoped=True)
        wanted = [numbers[item] for item in hoped[self.capacity].items]
        if hoped[self.capacity].rate <= best:
            wanted = self._as_good(hoped, best) if self.decided else []
        wanted = [number for number in dict.fromkeys(wanted) if self._is_open(number)]
        if not wanted:
            return None
        number = min(wanted, key=lambda n: (self.states[n].tries, len(self.lineups[n].kinds)))
        takes = self.lineups[number].takes
        # Its cores can do as much otherwise; and the rest of the board does no more than hoped.
        least = max(known[takes].rate, best - hoped[self._rest(takes)].rate)
        return number, least + (0 if self.decided else 1)

    def _rest(self, takes: Takes) -> Takes:
        """What a lineup leaves of the board."""
        return tuple(a - b for a, b in zip(self.capacity, takes, strict=True))

    def _as_good(self, hoped: dict[Takes, Packed], best: int) -> list[int]:
        """Lineups that may be part of a set as good as the best one."""
        found = []
        for number, (lineup, state) in enumerate(zip(self.lineups, self.states, strict=True)):
            if not state.done and state.upper + hoped[self._rest(lineup.takes)].rate >= best:
                found.append(number)
        return found

    def _is_open(self, number: int) -> bool:
        state = self.states[number]
        return not state.done and state.tries < (2 if is_complete(self.options.method) else 1)

    def _solve(self, number: int, seconds: float, least: int = 0) -> None:
        """Find the best choice of a lineup, if its rate is worth it."""
        lineup, state = self.lineups[number], self.states[number]
        is_limited = least > SCALE // LIMIT and is_complete(self.options.method)
        encoding = self.problems.encoding(lineup, SCALE // least if is_limited else None)
        hint = state.stream.solution.choice if state.stream else None
        result = self._run(encoding, seconds, hint)
        self._learn(lineup, state, encoding, result, least if is_limited else 0)

    def _run(
        self, encoding: Encoding, seconds: float, hint: Sequence[int] | None = None
    ) -> SolverResult:
        return run(
            encoding.problem,
            self.options.method,
            time_limit=max(seconds, 0.01),
            workers=self.options.workers,
            seed=self.options.seed,
            hint=hint,
        )

    def _learn(
        self,
        lineup: Lineup,
        state: _State,
        encoding: Encoding,
        result: SolverResult,
        least: int,
    ) -> None:
        """Keep what a solver says of a lineup that was to have a rate of at least so much."""
        state.tries += 1
        self.method = self.method or result.method
        if result.status is Status.INFEASIBLE:
            state.upper = min(state.upper, least - 1)
            state.done = not least
            return
        if result.bound is not None:
            state.upper = min(state.upper, _rate(result.bound))
        if (stream := stream_of(lineup, encoding, result)) is not None:
            if state.stream is None or stream.rate >= state.stream.rate:
                state.stream = stream
            self.method = result.method
            state.upper = max(state.upper, state.stream.rate)
        if result.status is Status.OPTIMAL:
            state.done = True

    def _stated(self, seconds: float) -> Found:
        numbers, known = self._packed(hoped=False)
        best = known[self.capacity]
        hoped = self._packed(hoped=True)[1]
        most = (
            self.most_rate if not self.complete else min(self.most_rate, hoped[self.capacity].rate)
        )
        streams = [self.states[numbers[item]].stream for item in best.items]
        chosen = in_order([stream for stream in streams if stream is not None])
        asked = is_asked()
        if not chosen:
            proven = self.complete and all(state.done for state in self.states)
            status = Status.INFEASIBLE if proven else Status.UNKNOWN
            bound = None if proven or not most else -(-SCALE // most)
            method = self.method or self.options.method
            stopped = asked and not proven
            return Found((), status, bound, seconds, method, interrupted=stopped)
        value = period_of([one.period for one in chosen])
        bound = min(value, -(-SCALE // most))
        settled = self.complete and not (self.decided and self._as_good(hoped, best.rate))
        inner = all(p.bound == p.value for one in chosen for p in one.proofs[1:])
        optimal = bound >= value and (not self.decided or (settled and inner))
        return Found(
            chosen,
            Status.OPTIMAL if optimal else Status.FEASIBLE,
            bound,
            seconds,
            self.method,
            interrupted=asked and not optimal,
            settled=optimal,
        )


def _rate(period: int) -> int:
    """Batches in `SCALE` nanoseconds, rounded up."""
    return -(-SCALE // max(period, 1))
