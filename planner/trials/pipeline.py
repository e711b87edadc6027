"""Tries plans as pipelines: what counts is the period, from batch to batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs
from attrs import field, frozen

from bnnplan.models.graph import Network
from bnnplan.planner.baselines import SINGLE_DEVICE
from bnnplan.planner.cores import by_cores
from bnnplan.planner.execution.measure import Measurement, ratio_interval
from bnnplan.planner.plan import MeasuredPipeline, Plan
from bnnplan.planner.problem import Measure
from bnnplan.planner.profile import Profile
from bnnplan.planner.report.units import amount, interval_text, times
from bnnplan.planner.trials.delivery import PLAN, Fallback, fallback_of
from bnnplan.planner.trials.exactness import Reference
from bnnplan.planner.trials.stage_correction import RanPipeline, corrected_by_stages
from bnnplan.planner.trials.stating import prediction_error
from bnnplan.planner.trials.turns import periods, run_in_turns, together


@frozen
class PipelineTrial:
    """A plan that ran as a pipeline, and the best single device if that is another one.

    Parameters
    ----------
    plan : Plan
    profile : Profile
        That it was made from.
    fallback : Fallback or None
    measured : mapping of str to sequence of MeasuredPipeline
        One a turn; they took turns.
    """

    plan: Plan
    profile: Profile
    fallback: Fallback | None
    measured: Mapping[str, Sequence[MeasuredPipeline]]
    error: float = field(init=False)
    must_change: bool = field(init=False)

    @error.default
    def _largest_error(self) -> float:
        plans = {PLAN: self.plan}
        if self.fallback is not None:
            plans[SINGLE_DEVICE] = self.fallback.plan
        return max(
            prediction_error(
                self.plan, plan.predicted.period_ns or 0, self._periods(name).time().median
            )
            for name, plan in plans.items()
        )

    @must_change.default
    def _is_slower(self) -> bool:
        other = self.fallback
        return other is not None and not other.faults and self._is_beaten()

    def _periods(self, name: str) -> Measurement:
        return periods(self.measured[name])

    def _is_beaten(self) -> bool:
        """Whether a plan of the most throughput has less than one device, beyond doubt."""
        if self.fallback is None or self.plan.objective is not Measure.PERIOD:
            return False
        return ratio_interval(self._periods(SINGLE_DEVICE), self._periods(PLAN)).high < 1.0

    def corrected(self) -> Profile:
        """The profile, with the costs under load that running has shown."""
        ran = [RanPipeline(self.plan, together(self.measured[PLAN]))]
        if self.fallback is not None:
            ran.append(RanPipeline(self.fallback.plan, together(self.measured[SINGLE_DEVICE])))
        return corrected_by_stages(self.profile, ran)

    def delivered(self) -> Plan:
        """The better of the two, with what was measured and the verdict."""
        filled = _filled(self.plan, self.measured[PLAN])
        if SINGLE_DEVICE in self.measured:
            filled = self._with_single_device(filled)
        if self.fallback is None:
            single = self.plan.baseline(SINGLE_DEVICE)
            what = "no single device can hold the whole network"
            if single is not None:
                what = "the plan is the best single device itself"
            return attrs.evolve(filled, verdict=what)
        if self.plan.objective is not Measure.PERIOD:
            return attrs.evolve(filled, verdict=self._predictions())
        ratio = ratio_interval(self._periods(SINGLE_DEVICE), self._periods(PLAN))
        shown = f"{times(ratio.median)} ({interval_text(ratio)})"
        if not self._is_beaten():
            text = f"measured interleaved, the best single device's period is {shown} the plan's"
            certain = f"{text}: no difference is certain" if ratio.is_one else text
            return attrs.evolve(filled, verdict=certain)
        text = f"the plan measured slower than the best single device, whose period is {shown} its"
        if self.fallback.faults:
            verdict = f"{text}, but it breaks the request: {self.fallback.faults[0]}"
            return attrs.evolve(filled, verdict=verdict)
        other = _filled(self.fallback.plan, self.measured[SINGLE_DEVICE])
        return attrs.evolve(other, verdict=f"{text}, so that is delivered instead")

    def _with_single_device(self, plan: Plan) -> Plan:
        """The plan, with the period of the best single device that ran beside it."""
        single = self._periods(SINGLE_DEVICE)
        ratio = ratio_interval(single, self._periods(PLAN))
        return attrs.evolve(
            plan,
            baselines=[
                attrs.evolve(row, measured=single.time(), ratio=ratio)
                if row.name == SINGLE_DEVICE
                else row
                for row in plan.baselines
            ],
        )

    def _predictions(self) -> str:
        assert self.fallback is not None
        measure = self.plan.objective
        mine, other = self.plan.proof.value, self.fallback.plan.proof.value
        return (
            f"predicted {amount(measure, mine)} of {measure} against {amount(measure, other)} on "
            "the best single device"
        )


def try_pipeline(
    plan: Plan, network: Network, profile: Profile, test: Reference, *, seconds: float
) -> PipelineTrial:
    """Run a plan and the best single device as pipelines, in turns.

    Both must compute what is right.

    Raises
    ------
    PlanError
        If one of them does not.
    DeviceError
        If a device fails.
    """
    fallback = fallback_of(plan, network, by_cores(profile))
    plans = {PLAN: plan} if fallback is None else {PLAN: plan, SINGLE_DEVICE: fallback.plan}
    measured = run_in_turns(plans, network, test, seconds=seconds)
    return PipelineTrial(plan, profile, fallback, measured)


def _filled(plan: Plan, measured: Sequence[MeasuredPipeline]) -> Plan:
    return attrs.evolve(plan, pipeline=together(measured))
