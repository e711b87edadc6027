"""One batch size of a network whose throughput is planned: its streams, and what is proven."""

from __future__ import annotations

import time
from collections.abc import Sequence

from bnnplan.models.errors import BnnplanError
from bnnplan.models.graph import Network
from bnnplan.planner.choosing import Solved
from bnnplan.planner.plan import BatchResult, InfeasibleError, NoPlanError, Plan, Proof
from bnnplan.planner.plan_building import predict
from bnnplan.planner.problem import Measure
from bnnplan.planner.profile import Profile
from bnnplan.planner.report.units import amount
from bnnplan.planner.request import Request
from bnnplan.planner.solvers.base import Proven, SolverResult, Status
from bnnplan.planner.solving import SolveOptions, nothing_found
from bnnplan.planner.streams.building import plan_of_streams
from bnnplan.planner.streams.found import Found, Stream
from bnnplan.planner.streams.memory import fitting
from bnnplan.planner.streams.reasons import common_reasons
from bnnplan.planner.streams.search import StreamSearch

SHOWN_REASONS = 3


class StreamBatch:
    """What is planned for one batch size.

    Parameters
    ----------
    network : Network
    profile : Profile
        Of this network and batch size, on a board of whole clusters.
    request : Request
        Whose first objective is the period.
    options : SolveOptions

    Raises
    ------
    RequestError
        If the request names what is not there.
    """

    def __init__(
        self, network: Network, profile: Profile, request: Request, options: SolveOptions
    ) -> None:
        self.network, self.profile = network, profile
        self.request, self.options = request, options
        self.found: Solved | None = None
        self.fault: BnnplanError | None = None
        """Why there is no plan, once that is known."""
        self.searched: Found | None = None
        self._search: StreamSearch | None = None
        try:
            self._search = StreamSearch(network, profile, request, options)
        except InfeasibleError as error:
            self.fault = error

    @property
    def finding(self) -> StreamSearch:
        """The search; there is one unless some layer has no placement."""
        assert self._search is not None
        return self._search

    def search(self, time_limit: float) -> None:
        """Find the best streams within so many seconds."""
        if self.fault is not None:
            return
        end = time.monotonic() + time_limit
        found = self.finding.search(time_limit)
        left = max(end - time.monotonic(), time_limit / 10)
        found = fitting(self.finding, found, left)
        self.searched = found
        if not found.streams:
            self.fault = self._fault(found)
            return
        limit = next((x.most for x in self.request.limits if x.measure is Measure.PERIOD), None)
        self.found = self._solved(found)
        if limit is not None and self.found.proofs[0].value > limit:
            self.fault = self._too_slow(self.found.proofs[0], limit)

    def plan(self, solved: Solved, source: str) -> Plan:
        """What was found as a plan, with what is proven over all batches."""
        assert self.searched is not None
        result = solved.result
        return plan_of_streams(
            self.finding.problems,
            self.searched.streams,
            source=source,
            proof=Proof.of(result, solved.proofs),
        )

    def row(self) -> BatchResult:
        """What was found, for a table of batches."""
        batch = self.profile.batch
        if self.fault is None and self.found is not None:
            return BatchResult(batch, str(self.found.result.status), self.found.proofs)
        status = Status.INFEASIBLE if isinstance(self.fault, InfeasibleError) else Status.UNKNOWN
        return BatchResult(batch, str(status), note=str(self.fault))

    def _solved(self, found: Found) -> Solved:
        """The fastest stream, with the values and proofs of all of them."""
        first = found.streams[0]
        proofs = [Proven(Measure.PERIOD, found.period, found.bound)]
        for number, measure in enumerate(self.request.objectives[1:]):
            values = [self._value(one, measure) for one in found.streams]
            value = sum(values) if measure is Measure.MEMORY else max(values)
            # What decides after it is best of each stream alone: others may do worse in the first
            # of these, up to the worst of all, and better in the next.
            known = found.settled and measure is not Measure.MEMORY and not number
            proofs.append(Proven(measure, value, value if known else None))
        optimal = all(one.bound == one.value for one in proofs)
        result = SolverResult(
            status=Status.OPTIMAL if optimal else Status.FEASIBLE,
            solution=first.solution,
            objective=found.period,
            bound=found.bound,
            runtime_s=found.seconds,
            method=found.method,
            message=found.message,
            proofs=tuple(proofs),
            interrupted=found.interrupted and not optimal,
        )
        return Solved(first.encoding, result, self.profile.batch)

    def _value(self, stream: Stream, measure: Measure) -> int:
        board = self.finding.problems.board_of(stream.lineup)
        return predict(stream.encoding, board, stream.solution).value(measure) or 0

    def _too_slow(self, proven: Proven, limit: int) -> BnnplanError:
        most, value = amount(Measure.PERIOD, limit), amount(Measure.PERIOD, proven.value)
        if proven.bound is not None and proven.bound > limit:
            return InfeasibleError(
                f"no plan exists for {self.network.name!r}: the period is to be at most {most}, "
                f"but none is below {amount(Measure.PERIOD, proven.bound)}"
            )
        return NoPlanError(
            f"no plan found for {self.network.name!r} with a period of at most {most}: the best "
            f"one has {value}; raise --time-limit"
        )

    def _fault(self, found: Found) -> BnnplanError:
        """What to tell a user where there is no plan."""
        name, options = self.network.name, self.options
        result = SolverResult(
            found.status, None, None, found.bound, found.seconds, found.method, found.message,
            interrupted=found.interrupted,
        )  # fmt: skip
        if found.status is Status.INFEASIBLE:
            if not self.finding.lineups:
                why = "no devices of a stream can run all layers"
            else:
                why = _listed(common_reasons(self.finding, options))
            return InfeasibleError(f"no plan exists for {name!r}: {why}")
        return nothing_found(name, result, options)


def _listed(reasons: Sequence[str]) -> str:
    more = len(reasons) - SHOWN_REASONS
    some = [*reasons[:SHOWN_REASONS], *([f"and {more} more"] if more > 0 else [])]
    return "; ".join(some) or "no stream keeps all limits, on whatever devices"
