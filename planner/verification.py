"""Proves a plan on the board: right, as fast as predicted, and not slower than one device."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import attrs

from bnnplan.models.graph import Network
from bnnplan.planner.execution.workbench import Workbench
from bnnplan.planner.plan import Agreement, InfeasibleError, NoPlanError, Plan
from bnnplan.planner.planning import find_plan
from bnnplan.planner.profile import Profile
from bnnplan.planner.report.request_text import limits_text
from bnnplan.planner.request import Request
from bnnplan.planner.solvers.interruption import is_asked
from bnnplan.planner.solving import SolveOptions
from bnnplan.planner.trials.candidates import with_best_candidate
from bnnplan.planner.trials.exactness import Reference
from bnnplan.planner.trials.latency import try_latency
from bnnplan.planner.trials.pipeline import try_pipeline
from bnnplan.planner.trials.rounds import with_best_tried
from bnnplan.planner.trials.stating import with_allocated, with_own_error
from bnnplan.planner.trials.trial import Trial, TrialOptions

NONE_FOUND = "no plan was found in time with the costs as measured"
NONE_LEFT = "no plan keeps the limits with the costs as measured"


def solve_on_board(
    network: Network,
    profiles: Profile | Sequence[Profile],
    *,
    request: Request | None = None,
    source: str,
    options: SolveOptions | None = None,
    trial: TrialOptions | None = None,
    bench: Workbench | None = None,
    progress: Callable[[float, str], None] | None = None,
) -> tuple[Plan, Profile]:
    """Plan, run the plan, and correct the costs until predicted and measured latency agree.

    The plan and the best single device are run interleaved. Where one of them does not measure as
    predicted, the costs of its placements are replaced by what they measured in the running
    program, and all other costs of a device are scaled by the drift that its layers showed (a
    machine's clock and load change between profiling and planning); then it is solved again. So
    it is where the plan measures slower than the single device. At the end the better of the two
    is the plan: for the least latency, or the most throughput, the one that measures faster, for
    other objectives the one of the better predicted value. Plans for throughput are run as
    pipelines, and are right if their periods agree.

    Parameters
    ----------
    network : Network
    profiles : Profile or sequence of Profile
        As for :func:`bnnplan.planner.planning.find_plan`.
    request : Request, optional
        By default the least latency.
    source : str
        What the network was opened from; kept in the plan.
    options : SolveOptions, optional
    trial : TrialOptions, optional
    bench : Workbench, optional
        Kernels that are prepared already, for one of the batches.
    progress : callable, optional

    Returns
    -------
    Plan
        With measured times, the memory that it allocated, the verdict, and how the correction of
        costs ended.
    Profile
        Of the plan's batch, with the corrected costs.

    Raises
    ------
    PlanError
        If the plan does not compute what the reference backend computes.
    RequestError, InfeasibleError, NoPlanError
        As for :func:`bnnplan.planner.planning.find_plan`. Once a plan has run, it is given where
        none is found for the corrected costs in time, or none keeps the limits with them.
    """
    offered = [profiles] if isinstance(profiles, Profile) else list(profiles)
    known = {profile.batch: profile for profile in offered}
    how = trial or TrialOptions()
    tell = progress or (lambda share, text: None)
    tests: dict[int, Reference] = {}
    if bench is not None:
        tests[bench.batch] = Reference(bench, how.seed)
    begin = time.monotonic()
    fault: InfeasibleError | NoPlanError | None = None
    tried: list[Plan] = []
    turn = 0
    while True:
        turn += 1
        spent = time.monotonic() - begin
        tell(min(1.0, spent / max(how.budget, 1e-9)), f"round {turn}: solving and running the plan")
        try:
            plan = find_plan(
                network, list(known.values()), request=request, source=source, options=options
            )
        except (InfeasibleError, NoPlanError) as none:
            if turn == 1:
                raise
            # The plan of the last round has run: it is worth more than none.
            turn -= 1
            fault = none
            break
        profile = known[plan.batch]
        plan = attrs.evolve(
            plan,
            batches=[
                attrs.evolve(row, corrected=known[row.batch] not in offered) for row in plan.batches
            ],
        )
        if plan.batch not in tests:
            bench = Workbench(network, profile.board, plan.batch)
            tests[plan.batch] = Reference(bench, how.seed)
        test = tests[plan.batch]
        attempt: Trial
        if plan.request.is_pipeline:
            attempt = try_pipeline(plan, network, profile, test, seconds=how.seconds)
        else:
            attempt = try_latency(plan, network, profile, test, seconds=how.seconds)
        tried.append(plan)
        agreed = attempt.error <= how.tolerance and not attempt.must_change
        if agreed or is_asked() or time.monotonic() - begin + how.seconds > how.budget:
            break
        known[plan.batch] = attempt.corrected()
    is_lost = isinstance(fault, InfeasibleError)
    ended = Agreement(
        turn,
        round(attempt.error, 6),
        how.tolerance,
        agreed,
        interrupted=not agreed and is_asked(),
        note="" if fault is None else NONE_LEFT if is_lost else NONE_FOUND,
    )
    found = attrs.evolve(attempt.delivered(), agreement=ended)
    if found.request.is_pipeline and not is_asked():
        rivals = [one for one in tried if one.batch == found.batch]
        found = with_best_tried(found, rivals, network, test, seconds=how.seconds)
    is_uncertain = found.concurrent and profile.is_loaded
    is_compared = how.candidates > 1 or is_uncertain
    if found.request.is_measurable and is_compared and not is_asked():
        tell(1.0, "measuring candidates")
        found = with_best_candidate(
            found,
            network,
            profile,
            test,
            count=how.candidates,
            seconds=how.seconds,
            options=options,
        )
    found = with_allocated(with_own_error(found), network, test)
    if is_lost:
        unkept = f"with the costs as measured {limits_text(found.request)} cannot be kept"
        found = attrs.evolve(found, verdict=f"{found.verdict}; {unkept}")
    tell(1.0, "done")
    return found, profile
