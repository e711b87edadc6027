"""Which plan is delivered, the solver's or the best single device, and with what verdict."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
from attrs import frozen

from bnnplan.backends.interface import Configuration
from bnnplan.models.graph import Network
from bnnplan.planner.baselines import SINGLE_DEVICE
from bnnplan.planner.encoding import encode_problem, widest_teams
from bnnplan.planner.execution.measure import Measurement, ratio_interval
from bnnplan.planner.execution.ready import transfer_label
from bnnplan.planner.execution.trace import EventKind
from bnnplan.planner.plan import Baseline, Plan, Proof
from bnnplan.planner.plan_building import build_plan
from bnnplan.planner.planning import overfull
from bnnplan.planner.profile import Profile
from bnnplan.planner.report.units import amount, interval_text, times
from bnnplan.planner.solvers.checking.checker import check, measures
from bnnplan.planner.solvers.schedules.solutions import evaluate

PLAN = "plan"
Measurements = Mapping[str, Measurement]


@frozen
class Fallback:
    """The best single device as a plan for the same request.

    Parameters
    ----------
    plan : Plan
    faults : tuple of str
        What it breaks of the request; empty if it may be delivered.
    """

    plan: Plan
    faults: tuple[str, ...] = ()


def fallback_of(plan: Plan, network: Network, profile: Profile) -> Fallback | None:
    """The best single device as a plan; None if there is none, or the plan is it itself.

    It is looked at as every plan: whether it keeps the limits of the request, and whether its
    programs fit in memory as they run.
    """
    single = plan.baseline(SINGLE_DEVICE)
    if single is None or not single.placements:
        return None
    if single.placements == plan.assignment and not plan.replicas:
        return None
    message = "it has the better objective of what was found"
    if plan.request.is_measurable:
        message = "chosen by measuring, against the solver's prediction"
    found, faults = stated(plan, single.placements, network, profile, SINGLE_DEVICE, message)
    return Fallback(found, faults)


def stated(
    plan: Plan,
    assignment: Mapping[str, tuple[str, Configuration]],
    network: Network,
    profile: Profile,
    method: str,
    message: str,
) -> tuple[Plan, tuple[str, ...]]:
    """Another assignment stated as a plan for the same request, and what it breaks of that."""
    encoding = encode_problem(network, profile, plan.request, widest_teams(assignment))
    placements = {
        name: next(
            cost
            for cost in encoding.placements[name]
            if (cost.device, cost.configuration) == placement
        )
        for name, placement in assignment.items()
    }
    solution = evaluate(encoding.problem, encoding.choice(placements))
    values = measures(encoding.problem, solution)
    first, *others = (attrs.evolve(p, value=values[p.measure]) for p in plan.proof.objectives)
    optimal = not others and first.bound is not None and first.value <= first.bound
    proof = Proof(
        "optimal" if optimal else "feasible",
        [first, *(attrs.evolve(other, bound=None) for other in others)],
        method,
        plan.proof.seconds,
        message,
    )
    found = build_plan(
        network,
        profile,
        encoding,
        solution,
        request=plan.request,
        source=plan.source,
        proof=proof,
        baselines=plan.baselines,
        batches=plan.batches,
    )
    faults = [violation.message for violation in check(encoding.problem, solution)]
    if not faults:
        faults = [f"memory of {space} is too small for its programs" for space in overfull(found)]
    return found, tuple(faults)


def is_slower(plan: Plan, measured: Measurements) -> bool:
    """Whether a plan of the least latency is slower than the best single device, beyond doubt."""
    if SINGLE_DEVICE not in measured or not plan.request.is_measurable:
        return False
    return ratio_interval(measured[SINGLE_DEVICE], measured[PLAN]).high < 1.0


def with_measurements(plan: Plan, measured: Measurements) -> Plan:
    """The plan with the measured times of its layers, transfers and baselines filled in."""
    mine = measured[PLAN]
    layers = mine.mean_of(EventKind.LAYER)
    transfers = mine.mean_of(EventKind.TRANSFER)
    return attrs.evolve(
        plan,
        layers=[attrs.evolve(row, measured_ns=layers[row.name]) for row in plan.layers],
        transfers=[
            attrs.evolve(
                row,
                measured_ns=transfers.get(transfer_label(row.tensor, row.source, row.target)),
            )
            for row in plan.transfers
        ],
        baselines=[_measured_baseline(row, measured) for row in plan.baselines],
        measured=mine.summary(),
    )


def _measured_baseline(row: Baseline, measured: Measurements) -> Baseline:
    if row.name not in measured:
        return row
    mine = measured[row.name]
    return attrs.evolve(row, measured=mine.time(), ratio=ratio_interval(mine, measured[PLAN]))


def delivered(plan: Plan, fallback: Fallback | None, measured: Measurements) -> Plan:
    """The plan, or the best single device if that is better and may be delivered.

    Parameters
    ----------
    plan : Plan
    fallback : Fallback or None
    measured : mapping of str to Measurement
        Of `PLAN`, and of `SINGLE_DEVICE` if there is one that is not the plan.
    """
    filled = with_measurements(plan, measured)
    if fallback is None:
        single = plan.baseline(SINGLE_DEVICE)
        what = "no single device can hold the whole network"
        if single is not None:
            what = "the plan is the best single device itself"
        return attrs.evolve(filled, verdict=what)
    better, comparison = _compared(plan, fallback.plan, measured)
    if not better:
        return attrs.evolve(filled, verdict=comparison)
    if fallback.faults:
        verdict = f"{comparison}, but it breaks the request: {fallback.faults[0]}"
        return attrs.evolve(filled, verdict=verdict)
    other = {PLAN: measured[SINGLE_DEVICE], SINGLE_DEVICE: measured[SINGLE_DEVICE]}
    return attrs.evolve(
        with_measurements(fallback.plan, other),
        verdict=f"{comparison}, so that is delivered instead",
    )


def _compared(plan: Plan, single: Plan, measured: Measurements) -> tuple[bool, str]:
    """Whether the best single device is better than the plan, and how both compare, in words."""
    measure = plan.objective
    if not plan.request.is_measurable:
        mine, other = plan.proof.value, single.proof.value
        shown = f"predicted {amount(measure, mine)} of {measure} against {amount(measure, other)}"
        if other < mine:
            return True, f"the plan is worse than the best single device: {shown}"
        return False, f"{shown} on the best single device"
    ratio = ratio_interval(measured[SINGLE_DEVICE], measured[PLAN])
    interval = f"{times(ratio.median)} ({interval_text(ratio)})"
    if is_slower(plan, measured):
        what = "the plan measured slower than the best single device"
        return True, f"{what}, which takes {interval} its time"
    text = f"measured interleaved, the best single device takes {interval} the plan's time"
    return False, f"{text}: no difference is certain" if ratio.is_one else text
