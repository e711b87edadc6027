"""One batch size of a network: its problems, and the best that is found for them."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from bnnplan.models.errors import BnnplanError
from bnnplan.models.graph import Network
from bnnplan.planner.choosing import Solved, best
from bnnplan.planner.encoding import Encoding
from bnnplan.planner.infeasible import infeasible_if_proven, nearest
from bnnplan.planner.plan import BatchResult, InfeasibleError, NoPlanError
from bnnplan.planner.profile import Profile
from bnnplan.planner.request import Request
from bnnplan.planner.solvers import is_complete
from bnnplan.planner.solvers.base import Proven, Status
from bnnplan.planner.solving import SolveOptions, encodings_of, nothing_found, solve_all

SHOWN_REASONS = 3


class Batch:
    """What is planned for one batch size.

    Parameters
    ----------
    network : Network
    profile : Profile
        Of this network and batch size.
    request : Request
    options : SolveOptions

    Raises
    ------
    RequestError
        If the request names what is not there.
    """

    def __init__(
        self, network: Network, profile: Profile, request: Request, options: SolveOptions
    ) -> None:
        self.network = network
        self.profile = profile
        self.options = options
        self.encodings: list[Encoding] = []
        self.found: Solved | None = None
        self.fault: BnnplanError | None = None
        """Why there is no plan, once that is known."""
        self.tightenings = 0
        try:
            self.encodings = encodings_of(network, profile, request)
        except InfeasibleError as error:
            self.fault = error

    def search(self, time_limit: float) -> None:
        """Solve all problems of the batch within so many seconds."""
        if self.fault is not None:
            return
        options = attrs.evolve(self.options, time_limit=time_limit)
        solved = solve_all(self.encodings, options, self.profile.batch)
        found = best(solved)
        if found.result.status is Status.INFEASIBLE:
            found = solved[nearest(self.encodings, options)]
        if found.result.status is Status.UNKNOWN and not is_complete(options.method):
            found = infeasible_if_proven(found, self.encodings[-1], options)
        self.found = found
        self.fault = self._fault(found)

    def tighten(self, capacities: Mapping[str, int], time_limit: float) -> None:
        """Solve again with less memory, since what was found does not fit as it runs."""
        assert self.found is not None
        before = self.found
        self.tightenings += 1
        self.encodings = [_tightened(encoding, capacities) for encoding in self.encodings]
        self.search(time_limit)
        if self.found.proofs:
            self.found = _with_bounds(self.found, before.proofs)
            return
        self.found = _without_solution(before)
        if isinstance(self.fault, InfeasibleError):
            # It is so with less memory than there is: nothing is proven.
            self.give_up(list(capacities))

    def give_up(self, spaces: list[str]) -> None:
        """Nothing that was found fits in some memory spaces as it runs."""
        assert self.found is not None
        self.found = _without_solution(self.found)
        self.fault = NoPlanError(
            f"no plan found for {self.network.name!r} whose programs fit in memory as they run: "
            f"{' and '.join(spaces)} too small; use a smaller batch, or a board with more memory"
        )

    def row(self) -> BatchResult:
        """What was found, for a table of batches."""
        batch = self.profile.batch
        if self.fault is None and self.found is not None:
            return BatchResult(batch, str(self.found.result.status), self.found.proofs)
        status = Status.INFEASIBLE if isinstance(self.fault, InfeasibleError) else Status.UNKNOWN
        return BatchResult(batch, str(status), note=str(self.fault))

    def _fault(self, found: Solved) -> BnnplanError | None:
        """What to tell a user where there is no plan."""
        result, name = found.result, self.network.name
        if result.status is Status.INFEASIBLE:
            more = len(result.reasons) - SHOWN_REASONS
            listed = [*result.reasons[:SHOWN_REASONS], *([f"and {more} more"] if more > 0 else [])]
            reasons = "; ".join(listed) or result.message
            return InfeasibleError(f"no plan exists for {name!r}: {reasons}")
        if found.proofs:
            return None
        return nothing_found(name, result, self.options)


def _tightened(encoding: Encoding, capacities: Mapping[str, int]) -> Encoding:
    """The encoding with other capacities of some spaces."""
    spaces = [
        attrs.evolve(space, capacity=capacities.get(space.name, space.capacity))
        for space in encoding.problem.spaces
    ]
    return attrs.evolve(encoding, problem=attrs.evolve(encoding.problem, spaces=tuple(spaces)))


def _without_solution(found: Solved) -> Solved:
    """What remains of a result whose solution is of no use: its bound."""
    result = attrs.evolve(
        found.result, status=Status.UNKNOWN, solution=None, objective=None, proofs=()
    )
    return attrs.evolve(found, result=result)


def _with_bounds(tight: Solved, loose: tuple[Proven, ...]) -> Solved:
    """A result with the bounds of the problem before memory was tightened.

    Whatever runs fits the solver's looser count as well, so the first bound holds. A further one
    was found among solutions that are as good in what comes before, so it holds as long as that
    has not become worse.
    """
    proofs: list[Proven] = []
    same = True
    for own, other in zip(tight.proofs, loose, strict=True):
        proofs.append(attrs.evolve(own, bound=other.bound if same else None))
        same &= own.value == other.value
    optimal = all(one.bound is not None and one.bound >= one.value for one in proofs)
    result = attrs.evolve(
        tight.result,
        bound=proofs[0].bound,
        proofs=tuple(proofs),
        status=Status.OPTIMAL if optimal else Status.FEASIBLE,
    )
    return attrs.evolve(tight, result=result)
