"""Gives a model the spread, the measured times and the uncertain costs that are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import attrs
import numpy as np

from bnnplan.planner.plan import MeasuredStage, Plan, PlanError
from bnnplan.planner.simulation import summary
from bnnplan.planner.simulation.model import Activity, Model, ModelledStage
from bnnplan.planner.simulation.options import Jitter
from bnnplan.planner.simulation.playing import play
from bnnplan.planner.simulation.simulated import PeriodInterval
from bnnplan.planner.simulation.spread import shaped
from bnnplan.planner.statistics import Z_95, percentile

REPETITIONS = 100
"""With other costs, where those are uncertain."""
REPEATED_BATCHES = 200
"""In each repetition: the period is a mean, which so many tell well enough."""


def scattered(model: Model, plan: Plan, jitter: Jitter | float) -> tuple[Model, str]:
    """The model with the spread that is asked for, and where that comes from.

    Where activities have none of their own, all of a turn have one in common.
    """
    if isinstance(jitter, float):
        tail, source = jitter, f"as stated: 90 of 100 turns below {1 + jitter:.4g} × the median"
    elif jitter is Jitter.NONE:
        return model, "none, as asked for"
    elif any(one.spread for one in _activities(model)):
        return model, "of each layer, as its times in the profile"
    elif plan.pipeline is not None:
        tail = plan.pipeline.latency_p90_ns / max(plan.pipeline.latency_p50_ns, 1) - 1
        source = "of each stage, as the measured latencies of the plan's pipeline"
    elif plan.measured is not None:
        tail = plan.measured.end_to_end.p90 / max(plan.measured.end_to_end.median, 1) - 1
        source = "of each stage, as the measured latencies of the plan"
    else:
        return model, "none: no spread was measured"
    spread = shaped(tail)
    return _with_stages(model, lambda _, stage: attrs.evolve(stage, spread=spread)), source


def as_measured(model: Model, plan: Plan) -> Model:
    """The model in which stages take what they took in the running plan, at its median period.

    What the busiest stage of a stream does not work in a period passes between two of its turns.
    Means of stages that are longer than the period count what rarely held them up: then all of the
    stream are shortened alike.

    Raises
    ------
    PlanError
        If the plan does not state that of a stage.
    """
    if plan.pipeline is None:
        raise PlanError(
            "the plan does not state what its stages took: it was not run as a pipeline; solve "
            "again where it can be run, or leave --measured out"
        )
    rows = plan.pipeline.stages
    busiest = {
        row.stream: row
        for row in sorted(rows, key=lambda row: row.busy)
        if row.busy and row.busy_ns
    }
    rate = sum(row.busy / row.busy_ns for row in busiest.values())
    held_up = plan.pipeline.period.median * rate

    def taking(stream: int, stage: ModelledStage) -> ModelledStage:
        row = _measured(rows, stream, stage)
        most = busiest.get(stream, row)
        between = most.busy_ns / (most.busy or 1.0) * held_up
        shortened = min(1.0, between / max(most.busy_ns, 1))
        mean = stage.spread.mean if stage.spread else 1.0
        busy = row.busy_ns * shortened
        factor = busy / mean / max(1, sum(one.ns for one in stage.activities))
        taken = [
            attrs.evolve(one, ns=round(one.ns * factor), interval=None) for one in stage.activities
        ]
        pause = round(between - busy) if row == most else 0
        return attrs.evolve(stage, activities=taken, pause=max(0, pause))

    return _with_stages(model, taking)


def _measured(rows: tuple[MeasuredStage, ...], stream: int, stage: ModelledStage) -> MeasuredStage:
    for row in rows:
        if row.stream == stream and set(row.layers) == set(stage.layers):
            return row
    raise PlanError(
        f"the plan does not state what stage {stage.number} of stream {stream} took; solve again, "
        "or leave --measured out"
    )


def period_interval(
    model: Model, batches: int, random: np.random.Generator
) -> PeriodInterval | None:
    """The periods with uncertain costs drawn within their intervals; None if there are none.

    Draws are normal on each side of the median, with 95 of 100 within the interval, and one for a
    placement wherever the plan has it; those of different placements are independent. Without
    jitter, which a mean does not need.
    """
    uncertain = {_placement(one) for one in _activities(model) if one.interval}
    if not uncertain:
        return None
    arrivals = np.zeros(min(batches, REPEATED_BATCHES), np.int64)

    def redrawn() -> Model:
        drawn: dict[object, int] = {}

        def draw(one: Activity) -> Activity:
            if one.interval is None:
                return attrs.evolve(one, spread=None)
            if (key := _placement(one)) not in drawn:
                z = random.standard_normal() / Z_95
                low, high = one.interval
                drawn[key] = max(0, round(one.ns + z * (high - one.ns if z > 0 else one.ns - low)))
            return attrs.evolve(one, ns=drawn[key], spread=None)

        return _with_stages(
            model,
            lambda _, stage: attrs.evolve(
                stage, activities=map(draw, stage.activities), spread=None
            ),
        )

    periods = sorted(
        round(summary.period(play(redrawn(), arrivals, random))) for _ in range(REPETITIONS)
    )
    low, high = percentile(periods, 2.5), percentile(periods, 97.5)
    return PeriodInterval(low, high, REPETITIONS, len(uncertain))


def _placement(one: Activity) -> object:
    """What tells placements of a layer apart: parts of a cluster have the same costs."""
    return one.name, one.ns, one.interval


def _with_stages(model: Model, change: Callable[[int, ModelledStage], ModelledStage]) -> Model:
    streams = [
        attrs.evolve(stream, stages=[change(number, stage) for stage in stream.stages])
        for number, stream in enumerate(model.streams)
    ]
    return attrs.evolve(model, streams=streams)


def _activities(model: Model) -> Iterator[Activity]:
    return (one for stream in model.streams for stage in stream.stages for one in stage.activities)
