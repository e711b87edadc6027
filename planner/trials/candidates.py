"""From the plan that is predicted to be best to the one that measures best among several."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping

import attrs
from attrs import frozen

from bnnplan.models.graph import Network
from bnnplan.planner.baselines import SINGLE_DEVICE
from bnnplan.planner.execution.measure import Measurement, measure, ratio_interval
from bnnplan.planner.plan import Candidates, MeasuredCandidate, Plan
from bnnplan.planner.planning import find_plan
from bnnplan.planner.profile import Profile
from bnnplan.planner.report.units import interval_text, times
from bnnplan.planner.solvers.next_best.candidates import best_first
from bnnplan.planner.solving import SolveOptions, encodings_of
from bnnplan.planner.statistics import rank_correlation
from bnnplan.planner.trials.delivery import PLAN, stated, with_measurements
from bnnplan.planner.trials.exactness import Reference, make_runner

METHOD = "candidates"
UNDER_LOAD = "best under load"
MOST_MISFITS = 3
"""So many solutions for each candidate may turn out not to fit in memory as they run."""


def with_best_candidate(
    plan: Plan,
    network: Network,
    profile: Profile,
    test: Reference,
    *,
    count: int,
    seconds: float,
    options: SolveOptions | None = None,
) -> Plan:
    """Measure the best plans that differ, and give the one that measures fastest.

    If devices run at the same time, and costs under load were measured, the plan that is best with
    those is measured as well: how much of a layer's time others are busy, no cost tells beforehand.

    Parameters
    ----------
    plan : Plan
        What would be delivered without; it is among those that are measured.
    network : Network
    profile : Profile
        With the costs that proved right.
    test : Reference
        Of the plan's batch.
    count : int
        How many plans that are predicted to be best; the best single device is measured as well.
    seconds : float
        Time to measure, for all.
    options : SolveOptions, optional

    Raises
    ------
    PlanError
        If a candidate does not compute what the reference backend computes.
    """
    best = list(candidate_plans(plan, network, profile, count, options))
    tried = _with_others(plan, network, profile, options, best)
    runners = {one.name: make_runner(test.bench, one.plan) for one in tried}
    for runner in runners.values():
        test.compare(runner)
    measured = measure(runners, test.arrays, seconds=seconds)
    first = tried[0]
    winner = min(tried, key=lambda one: measured[one.name].time().median)
    verdict = f"of {len(tried)} plans, {winner.name} measured fastest"
    if winner is not first:
        ratio = ratio_interval(measured[first.name], measured[winner.name])
        verdict += f": {first.name} takes {times(ratio.median)} ({interval_text(ratio)}) its time"
    return attrs.evolve(
        _filled(winner, tried, measured),
        candidates=_table(winner, tried, measured),
        agreement=plan.agreement,
        verdict=verdict,
    )


@frozen
class Candidate:
    """A plan to be measured.

    Parameters
    ----------
    name : str
    plan : Plan
    proven : bool
        Whether no other plan that differs from those before is predicted to be faster.
    """

    name: str
    plan: Plan
    proven: bool = False


def candidate_plans(
    plan: Plan,
    network: Network,
    profile: Profile,
    count: int,
    options: SolveOptions | None = None,
) -> Iterator[Candidate]:
    """The best plans that differ and keep the request as they run, the best first."""
    how = options or SolveOptions()
    encodings = encodings_of(network, profile, plan.request)
    found = best_first(
        [encoding.problem for encoding in encodings],
        time_limit=how.time_limit,
        workers=how.workers,
        seed=how.seed,
    )
    number = 0
    for candidate in itertools.islice(found, MOST_MISFITS * count):
        chosen = encodings[candidate.problem].chosen(candidate.solution.choice)
        placements = {name: (cost.device, cost.configuration) for name, cost in chosen.items()}
        other, faults = stated(plan, placements, network, profile, METHOD, "")
        if faults:
            continue
        number += 1
        yield Candidate(f"candidate {number}", other, candidate.proven)
        if number == count:
            return


def _with_others(
    plan: Plan,
    network: Network,
    profile: Profile,
    options: SolveOptions | None,
    candidates: list[Candidate],
) -> list[Candidate]:
    """The candidates, and unless they are among them, what else might be best."""
    others = [Candidate(PLAN, plan)]
    if plan.concurrent and profile.is_loaded:
        loaded = find_plan(
            network,
            profile.under_load,
            request=plan.request,
            source=plan.source,
            options=options,
        )
        found, faults = stated(plan, loaded.assignment, network, profile, plan.proof.method, "")
        others += [] if faults else [Candidate(UNDER_LOAD, found)]
    single = plan.baseline(SINGLE_DEVICE)
    if single is not None and single.placements:
        alone, faults = stated(plan, single.placements, network, profile, SINGLE_DEVICE, "")
        others += [] if faults else [Candidate(SINGLE_DEVICE, alone)]
    tried = list(candidates)
    for other in others:
        if all(one.plan.assignment != other.plan.assignment for one in tried):
            tried.append(other)
    return sorted(tried, key=lambda one: one.plan.predicted_ns)


def _filled(winner: Candidate, tried: list[Candidate], measured: Mapping[str, Measurement]) -> Plan:
    """The winner with what it and the best single device measured."""
    own = {PLAN: measured[winner.name]}
    single = winner.plan.baseline(SINGLE_DEVICE)
    for one in tried:
        if single is not None and one.plan.assignment == single.placements:
            own[SINGLE_DEVICE] = measured[one.name]
    return with_measurements(winner.plan, own)


def _table(
    winner: Candidate, tried: list[Candidate], measured: Mapping[str, Measurement]
) -> Candidates:
    rows = [
        MeasuredCandidate(
            one.name,
            one.plan.predicted_ns,
            measured[one.name].time(),
            ratio_interval(measured[one.name], measured[winner.name]),
            one.plan.assignment,
            one.proven,
        )
        for one in tried
    ]
    found = rank_correlation(
        [row.predicted_ns for row in rows], [row.measured.median for row in rows]
    )
    return Candidates(rows, None if found is None else round(found, 6))
