"""Why no stream keeps all limits, on whatever devices."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence

from bnnplan.planner.problem import Measure, Problem
from bnnplan.planner.solvers import solve
from bnnplan.planner.solvers.base import SolverResult, Status
from bnnplan.planner.solvers.lexicographic import with_objective
from bnnplan.planner.solvers.reasons.groups import Group, explained, without
from bnnplan.planner.solving import SolveOptions
from bnnplan.planner.streams.kinds import Lineup
from bnnplan.planner.streams.search import StreamSearch

PROOF_SECONDS = 10.0
"""For finding out why there is no plan."""
SHARED = 0.5
"""Of that, for the reasons of each lineup alone."""


def common_reasons(search: StreamSearch, options: SolveOptions) -> tuple[str, ...]:
    """What keeps a stream from every lineup; empty where nothing is proven of all of them.

    A lineup with more devices can do all that one with fewer of them can, so that only those are
    asked that no other contains. Where limits of a measure are too small, the least of all lineups
    is told, if it is proven of each.
    """
    problems = [search.problems.encoding(one).problem for one in widest(search.lineups)]
    seconds = min(PROOF_SECONDS, options.time_limit)
    alone = list(_solved(problems, SHARED * seconds, options))
    if not all(one.status is Status.INFEASIBLE for one in alone):
        return ()
    first = alone[0].reasons
    if all(one.reasons == first for one in alone):
        return first
    limited = [limit.measure for limit in problems[0].limits]
    timed = (1 - SHARED) * seconds / max(1, len(limited))
    found = [_too_small(problems, measure, timed, options) for measure in limited]
    everywhere = [text for text in first if all(text in one.reasons for one in alone)]
    return (*(text for text in found if text is not None), *everywhere)


def widest(lineups: Sequence[Lineup]) -> list[Lineup]:
    """The lineups that no other contains."""
    sizes = sorted(lineups, key=lambda one: -len(one.kinds))
    kept: list[tuple[Lineup, Counter[int]]] = []
    for lineup in sizes:
        mine = Counter(lineup.kinds)
        if not any(mine <= other for _, other in kept):
            kept.append((lineup, mine))
    return [lineup for lineup, _ in kept]


def _too_small(
    problems: Sequence[Problem], measure: Measure, seconds: float, options: SolveOptions
) -> str | None:
    """What a limit of a measure lacks in all problems; None if it may suffice in one of them."""
    group = Group(measure=measure)
    free = [with_objective(without(problem, [group]), measure) for problem in problems]
    values = []
    for result in _solved(free, seconds, options):
        if result.status is Status.INFEASIBLE:
            continue
        if result.status is not Status.OPTIMAL or result.objective is None:
            return None
        values.append(result.objective)
    most = problems[0].limit(measure)
    if not values or most is None or min(values) <= most:
        return None
    return explained(problems[0], group, min(values), proven=True)


def _solved(
    problems: Sequence[Problem], seconds: float, options: SolveOptions
) -> Iterator[SolverResult]:
    """Each problem in its share of the time that is left."""
    end = time.monotonic() + seconds
    for number, problem in enumerate(problems):
        share = (end - time.monotonic()) / (len(problems) - number)
        yield solve(
            problem, time_limit=max(share, 0.01), workers=options.workers, seed=options.seed
        )
