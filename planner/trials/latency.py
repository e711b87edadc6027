"""Tries plans one batch after the other: what counts is the latency of each."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen

from bnnplan.models.graph import Network
from bnnplan.planner.baselines import SINGLE_DEVICE
from bnnplan.planner.execution.measure import Measurement, measure
from bnnplan.planner.plan import Plan
from bnnplan.planner.profile import Profile
from bnnplan.planner.trials.correction import Ran, corrected
from bnnplan.planner.trials.delivery import PLAN, Fallback, delivered, fallback_of, is_slower
from bnnplan.planner.trials.exactness import Reference, make_runner
from bnnplan.planner.trials.stating import prediction_error


@frozen
class LatencyTrial:
    """A plan that ran, and the best single device if that is another one.

    Parameters
    ----------
    plan : Plan
    profile : Profile
        That it was made from.
    fallback : Fallback or None
    measured : mapping of str to Measurement
    """

    plan: Plan
    profile: Profile
    fallback: Fallback | None
    measured: Mapping[str, Measurement]
    error: float = field(init=False)
    must_change: bool = field(init=False)

    @error.default
    def _largest_error(self) -> float:
        predicted = {PLAN: self.plan.predicted_ns}
        if self.fallback is not None:
            predicted[SINGLE_DEVICE] = self.fallback.plan.predicted_ns
        return max(
            prediction_error(self.plan, predicted[name], one.time().median)
            for name, one in self.measured.items()
        )

    @must_change.default
    def _is_slower(self) -> bool:
        other = self.fallback
        return other is not None and not other.faults and is_slower(self.plan, self.measured)

    def corrected(self) -> Profile:
        """The profile, with the costs that running has shown."""
        ran = [Ran.of(self.plan, self.measured[PLAN])]
        if self.fallback is not None:
            ran.append(Ran.of(self.fallback.plan, self.measured[SINGLE_DEVICE]))
        return corrected(self.profile, self.plan.transfers, ran)

    def delivered(self) -> Plan:
        """The better of the two, with what was measured and the verdict."""
        return delivered(self.plan, self.fallback, self.measured)


def try_latency(
    plan: Plan, network: Network, profile: Profile, test: Reference, *, seconds: float
) -> LatencyTrial:
    """Run a plan and the best single device in turns; both must compute what is right.

    Raises
    ------
    PlanError
        If one of them does not.
    """
    fallback = fallback_of(plan, network, profile)
    runners = {PLAN: make_runner(test.bench, plan)}
    if fallback is not None:
        runners[SINGLE_DEVICE] = make_runner(test.bench, fallback.plan)
    for runner in runners.values():
        test.compare(runner)
    return LatencyTrial(plan, profile, fallback, measure(runners, test.arrays, seconds=seconds))
