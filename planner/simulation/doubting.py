"""Between which periods a plan may run, where costs of its layers are uncertain."""

from __future__ import annotations

from collections import defaultdict

import attrs
import numpy as np

from bnnplan.planner.simulation import summary
from bnnplan.planner.simulation.model import Activity, Model, ModelledStage
from bnnplan.planner.simulation.playing import play
from bnnplan.planner.simulation.scattering import activities_of, with_stages
from bnnplan.planner.simulation.simulated import PeriodInterval
from bnnplan.planner.uncertainty import Doubt, shares

SIMULATED_BATCHES = 1000
"""At each end: the period is a mean, which so many tell well enough."""


def period_interval(
    model: Model, period: float, arrivals: np.ndarray, *, pipelined: bool, seed: int
) -> PeriodInterval | None:
    """Where the period lies by what the costs state; None if all are measured, or none states it.

    The model is played with its costs at the ends of their sum, below and above: in pipelines of
    each device of a stream, where all devices are so at once, else of all layers together
    (:func:`bnnplan.planner.uncertainty.margins`). All draws are those of the period, which
    therefore is within the interval.

    Parameters
    ----------
    model : Model
    period : float
        Of the model as it is.
    arrivals : ndarray of int64, shape (batches,)
    pipelined : bool
    seed : int
    """
    unsure = {one.name for one in activities_of(model) if one.doubt and not one.doubt.measured}
    if not unsure:
        return None
    some = arrivals[:SIMULATED_BATCHES]

    def played(one: Model) -> float:
        return summary.period(play(one, some, np.random.default_rng(seed)))

    usual = max(played(model), 1.0)
    low, high = (played(_at_end(model, end, pipelined)) / usual for end in (0, 1))
    # Of stages that share a core, a shorter turn may come in the way of others.
    return PeriodInterval(
        round(period * min(low, 1.0)), round(period * max(high, 1.0)), len(unsure)
    )


def _at_end(model: Model, end: int, pipelined: bool) -> Model:
    """The model with its costs at the lower (0) or upper (1) end."""
    together: dict[object, list[Doubt]] = defaultdict(list)
    for number, stream in enumerate(model.streams):
        for one in (one for stage in stream.stages for one in stage.activities):
            if one.doubt is not None:
                together[(number, one.device) if pipelined else None].append(one.doubt)
    off = {key: shares(doubts)[end] for key, doubts in together.items()}

    def shifted(number: int, stage: ModelledStage) -> ModelledStage:
        taken = [
            _shifted(one, one.doubt, off[(number, one.device) if pipelined else None], end)
            if one.doubt and one.ns
            else one
            for one in stage.activities
        ]
        return attrs.evolve(stage, activities=taken)

    return with_stages(model, shifted)


def _shifted(one: Activity, doubt: Doubt, share: float, end: int) -> Activity:
    margin = doubt.above if end else -doubt.below
    return attrs.evolve(one, ns=max(1, round(one.ns + share * margin)))
