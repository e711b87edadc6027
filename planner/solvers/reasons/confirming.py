"""No method's INFEASIBLE is told before something else confirms it, and says why.

Solvers have told INFEASIBLE wrongly (or-tools issues 5274, 5003, 5295). What counts: a plain
contradiction, a heuristic or a second exact method that agree, or figures of a relaxed problem that
are proven. A solution that any of them finds, and that passes the checker, shows the fault.
"""

from __future__ import annotations

from attrs import evolve

from bnnplan.planner.problem import Problem
from bnnplan.planner.solvers.base import SolverError, SolverResult, Status
from bnnplan.planner.solvers.methods import able, run
from bnnplan.planner.solvers.reasons.conflicts import (
    Probe,
    Relaxation,
    conflicting,
    corrections,
    figure,
    least_alone,
)
from bnnplan.planner.solvers.reasons.contradictions import contradictions
from bnnplan.planner.solvers.reasons.groups import explained, named

SECONDS = 10.0
"""For confirming and explaining; the search itself has used up its time by then."""
SECOND_METHODS = ("list-scheduling", "highs", "cpsat", "exhaustive")
SHOWN = 3
"""Alternative relaxations that are told; the others are as good, but too many to read."""


def confirmed(
    problem: Problem, result: SolverResult, *, workers: int = 1, seed: int = 0
) -> SolverResult:
    """Return `result`, confirmed and explained if it tells that there is no solution.

    Returns
    -------
    SolverResult
        The same, or INFEASIBLE with `reasons`; the solution of another method if the first was
        wrong; UNKNOWN if nothing confirms it in time.
    """
    if result.status is not Status.INFEASIBLE:
        return result
    if reasons := contradictions(problem):
        return evolve(result, message="; ".join(reasons), reasons=reasons)
    is_confirmed = False
    for name in SECOND_METHODS:
        second = _second(problem, name, result.method, workers, seed)
        if second is None:
            continue
        if second.solution is not None:
            fault = f"method {result.method!r} wrongly told that there is no plan"
            note = "; ".join(filter(None, (fault, second.message)))
            return evolve(second, message=note)
        if second.status is Status.INFEASIBLE:
            is_confirmed = True
            break

    def probe(relaxed: Problem, seconds: float) -> SolverResult:
        return run(relaxed, "auto", time_limit=seconds, workers=workers, seed=seed)

    found = corrections(problem, probe, SECONDS)
    is_confirmed |= any(
        all(_is_evidence(problem, one) for one in relaxations) for relaxations in found
    )
    if not is_confirmed:
        return evolve(
            result,
            status=Status.UNKNOWN,
            message=f"method {result.method!r} tells that there is no plan, but no second method "
            "confirms it in time",
        )
    reasons = _reasons(problem, found, probe)
    return evolve(result, message="; ".join(reasons), reasons=reasons)


def _second(
    problem: Problem, name: str, first: str, workers: int, seed: int
) -> SolverResult | None:
    """What another method finds; None where it cannot be asked."""
    if name == first or name not in able(problem):
        return None
    try:
        return run(problem, name, time_limit=SECONDS / 2, workers=workers, seed=seed)
    except SolverError:
        # Too large for it: the next one may do.
        return None


def _reasons(problem: Problem, found: list[list[Relaxation]], probe: Probe) -> tuple[str, ...]:
    if not found:
        return ("the options, transfers and colocations contradict each other",)
    if len(found[0]) > 1:
        return tuple(_told(problem, one) for one in found[0])
    ways = [_told(problem, one) for [one] in found]
    conflict = conflicting(problem, probe, SECONDS / 2)
    if len(conflict) > 1:
        names = " and ".join(named(problem, group) for group in conflict)
        more = f", or {len(ways) - SHOWN} other ways" if len(ways) > SHOWN else ""
        return (f"{names} conflict: {', or '.join(ways[:SHOWN])}{more}",)
    [[only]] = found
    alone = least_alone(problem, only.group, probe, SECONDS / 4)
    if alone.value is None or alone.value == only.value:
        return (ways[0],)
    return (f"{_told(problem, alone)}; with everything else that is asked for, {ways[0]}",)


def _is_evidence(problem: Problem, one: Relaxation) -> bool:
    """Whether a relaxed problem proves that the problem as it is has no solution.

    The least value of a measure does. A capacity or a number of switches does if one that is
    larger than what was asked for was tried and told to be too small.
    """
    if one.value is None or not one.proven:
        return False
    asked = figure(problem, one.group)
    return one.value > asked + (one.group.measure is None)


def _told(problem: Problem, one: Relaxation) -> str:
    return explained(problem, one.group, one.value, one.proven)
