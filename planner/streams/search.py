"""The best set of streams on a board: each a pipeline on devices of its own, frames dealt out.

Equal cores make equal streams, so that a stream is known by its lineup (see
:mod:`bnnplan.planner.streams.kinds`), and one problem for each lineup tells how fast it can be. Of
most lineups only a bound is needed (see :mod:`bnnplan.planner.streams.known`).
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction

import attrs
import numpy as np

from bnnplan.models.graph import Network
from bnnplan.planner.baselines import HEURISTICS
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
from bnnplan.planner.streams.found import SCALE, Found, Stream, stream_of
from bnnplan.planner.streams.heuristics import StreamHeuristics
from bnnplan.planner.streams.kinds import Lineup
from bnnplan.planner.streams.known import Knowledge, Known, rate_of
from bnnplan.planner.streams.problems import StreamProblems

MOST_LINEUPS = 3000
MOST_STEPS = 300_000
"""Of a search for the best set: rooms times lineups."""
SHARE = 0.25
"""Of the time that is left, for one lineup."""
QUICK = "single-device"
"""The method that gives lineups of one device a stream, however little time there is."""
QUICK_SECONDS = 0.02
"""For each; mostly it takes less."""


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
        self.heuristics = StreamHeuristics(self.problems)
        self.request = request
        self.options = options
        self.capacity = self.problems.room.capacity
        self.is_complete = is_complete(options.method)
        rooms = math.prod(size + 1 for size in self.capacity)
        most = max(100, min(MOST_LINEUPS, MOST_STEPS // rooms))
        found = list(self.problems.room.lineups(most, len(network.nodes)))
        self.known = Knowledge(
            list(self._bounded(found)),
            self.capacity,
            len(request.objectives) - 1,
            self._most_rate(),
            complete=len(found) < most,
            most_tries=2 if self.is_complete else 1,
        )
        self.method = ""

    def _bounded(self, found: Sequence[Lineup]) -> Iterator[Known]:
        """The lineups that every layer can run on, with what they can do at most."""
        spans, kinds = self.problems.spans, self.problems.room.kinds
        counts = np.zeros((len(found), len(kinds)), dtype=np.int64)
        for row, lineup in enumerate(found):
            for kind in lineup.kinds:
                counts[row, kind] += 1
        copied = np.array([self.problems.copied(lineup) for lineup in found], dtype=float)
        least = least_periods(spans, counts) + copied
        for lineup, period in zip(found, least, strict=True):
            if math.isfinite(period):
                yield Known(lineup, rate_of(math.ceil(period * (1 - 1e-9))))

    def _most_rate(self) -> int:
        """A rate that no set of streams is above, of whatever lineups."""
        takes = np.array([kind.takes for kind in self.problems.room.kinds], dtype=float)
        most = most_rate(self.problems.spans, takes, self.capacity, self.problems.copied_by_all)
        return math.ceil(Fraction(min(most, SCALE)) * SCALE)

    def search(self, time_limit: float) -> Found:
        """The best set within so many seconds, and what others find at once."""
        started = time.monotonic()
        if self.is_by_rule:
            return self._by_rule(started)
        end = started + time_limit
        alone = [row for row in self.known.rows if len(row.lineup.kinds) == 1]
        if self.is_complete and not is_asked():
            for row in alone:
                self._start(row)
        for row in alone:
            if time.monotonic() < end and not is_asked():
                self._solve(row, end - time.monotonic())
        while time.monotonic() < end and not is_asked():
            wanted = self.known.next()
            if wanted is None:
                break
            left = end - time.monotonic()
            row, rate = wanted
            self._solve(row, left * (1.0 if row.tries else SHARE), rate)
        found = self._stated(started)
        if found.status is Status.OPTIMAL or not self.is_complete or is_asked():
            return found
        for stream in self.heuristics.streams():
            self._adopt(stream)
        return self._stated(started)

    @property
    def is_by_rule(self) -> bool:
        """Whether what a rule of others plans is asked for: one stream, to compare with."""
        return self.options.method in HEURISTICS

    def _by_rule(self, started: float) -> Found:
        """The one stream that a rule plans; other streams are for the baselines alone."""
        for row in self.known.rows:
            if len(row.lineup.kinds) == 1:
                self._start(row)
        planned = self.heuristics.planned(self.options.method)
        found = self._stated(started)
        if isinstance(planned, str):
            return attrs.evolve(
                found, streams=(), status=Status.UNKNOWN, message=planned, settled=False
            )
        bound = None if found.bound is None else min(found.bound, planned.period)
        is_least = bound == planned.period and not self.known.decided
        return attrs.evolve(
            found,
            streams=(planned,),
            status=Status.OPTIMAL if is_least else Status.FEASIBLE,
            bound=bound,
            settled=False,
        )

    @property
    def lineups(self) -> list[Lineup]:
        """All that every layer can run on."""
        return [row.lineup for row in self.known.rows]

    @property
    def streams(self) -> list[Stream]:
        """All that were found."""
        return [row.stream for row in self.known.rows if row.stream is not None]

    def hoped(self, row: Known) -> int:
        """The rate of a set with a lineup that is as fast as its bound."""
        rest = self.known.rest(row.lineup.takes)
        return row.upper + self.known.found_rates()[rest].rate

    def resolved(self, lineup: Lineup, memory: Mapping[str, int], seconds: float) -> Stream | None:
        """The best choice of a lineup with less memory; None if there is none."""
        encoding = self.problems.encoding(lineup, memory=memory)
        return stream_of(lineup, encoding, self._run(encoding, seconds))

    def _start(self, row: Known) -> None:
        """Give a lineup of one device a stream, without a proof."""
        encoding = self.problems.encoding(row.lineup)
        result = run(encoding.problem, QUICK, time_limit=QUICK_SECONDS)
        row.stream = stream_of(row.lineup, encoding, result)

    def _adopt(self, stream: Stream) -> None:
        """Keep a stream that was found otherwise, if it is better."""
        row = next((one for one in self.known.rows if one.lineup == stream.lineup), None)
        if row is None:
            self.known.rows.append(row := Known(stream.lineup, stream.rate))
        if row.stream is None or stream.rate > row.stream.rate:
            row.stream, row.upper = stream, max(row.upper, stream.rate)

    def _solve(self, row: Known, seconds: float, least: int = 0) -> None:
        """Find the best choice of a lineup, if its rate is worth it."""
        is_limited = least > SCALE // LIMIT and self.is_complete
        encoding = self.problems.encoding(row.lineup, SCALE // least if is_limited else None)
        hint = row.stream.solution.choice if row.stream else None
        result = self._run(encoding, seconds, hint)
        self._learn(row, encoding, result, least if is_limited else 0)

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

    def _learn(self, row: Known, encoding: Encoding, result: SolverResult, least: int) -> None:
        """Keep what a solver says of a lineup that was to have a rate of at least so much."""
        row.tries += 1
        self.method = self.method or result.method
        if result.status is Status.INFEASIBLE:
            row.upper = min(row.upper, least - 1)
            row.done = not least
            return
        if result.bound is not None:
            row.upper = min(row.upper, rate_of(result.bound))
        if (stream := stream_of(row.lineup, encoding, result)) is not None:
            if row.stream is None or stream.rate >= row.stream.rate:
                row.stream = stream
            self.method = result.method
            row.upper = max(row.upper, row.stream.rate)
        if result.status is Status.OPTIMAL:
            row.done = True

    def _stated(self, started: float) -> Found:
        method = self.method or self.options.method
        return self.known.stated(time.monotonic() - started, method, asked=is_asked())
