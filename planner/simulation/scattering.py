"""Gives a model the spread and the measured times that are asked for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator

import attrs

from bnnplan.planner.plan import MeasuredStage, Plan, PlanError
from bnnplan.planner.simulation.model import Activity, Model, ModelledStage, ModelledStream
from bnnplan.planner.simulation.options import Jitter
from bnnplan.planner.simulation.spread import shaped


def scattered(model: Model, plan: Plan, jitter: Jitter | float) -> tuple[Model, str]:
    """The model with the spread that is asked for, and where that comes from.

    Where activities have none of their own, all of a turn have one in common.
    """
    if isinstance(jitter, float):
        tail, source = jitter, f"as stated: 90 of 100 turns below {1 + jitter:.4g} × the median"
    elif jitter is Jitter.NONE:
        return model, "none, as asked for"
    elif any(one.spread for one in activities_of(model)):
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
    return with_stages(model, lambda _, stage: attrs.evolve(stage, spread=spread)), source


def as_measured(model: Model, plan: Plan) -> Model:
    """The model in which stages take what they took in the running plan, at its median period.

    What the busiest stage of a stream does not work in a period passes between two of its turns.
    Means of stages count what rarely held them up too. Two figures tell how much that is: they
    are longer than the median period, or a batch's turns together than its median latency, which
    they are a part of. Then all are shortened alike, to the shorter of both.

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
    turns = [_turns(stream, rows, number) for number, stream in enumerate(model.streams)]
    # Of several streams, batches of the fastest take the median latency at the most.
    longest = plan.pipeline.latency_p50_ns / max(min(turns), 1)

    def taking(stream: int, stage: ModelledStage) -> ModelledStage:
        row = _measured(rows, stream, stage)
        most = busiest.get(stream, row)
        between = most.busy_ns / (most.busy or 1.0) * held_up
        mean = stage.spread.mean if stage.spread else 1.0
        shortened = min(1.0, between / max(most.busy_ns, 1), longest * mean)
        busy = row.busy_ns * shortened
        factor = busy / mean / max(1, sum(one.ns for one in stage.activities))
        taken = [
            attrs.evolve(one, ns=round(one.ns * factor), doubt=None) for one in stage.activities
        ]
        pause = round(between - busy) if row == most else 0
        return attrs.evolve(stage, activities=taken, pause=max(0, pause))

    return with_stages(model, taking)


def _turns(stream: ModelledStream, rows: tuple[MeasuredStage, ...], number: int) -> int:
    """What a batch's turns took, mean: of stages side by side, the longest counts."""
    longest: dict[int, int] = defaultdict(int)
    for stage in stream.stages:
        taken = _measured(rows, number, stage).busy_ns
        longest[stage.number] = max(longest[stage.number], taken)
    return sum(longest.values())


def _measured(rows: tuple[MeasuredStage, ...], stream: int, stage: ModelledStage) -> MeasuredStage:
    for row in rows:
        if row.stream == stream and set(row.layers) == set(stage.layers):
            return row
    raise PlanError(
        f"the plan does not state what stage {stage.number} of stream {stream} took; solve again, "
        "or leave --measured out"
    )


def with_stages(model: Model, change: Callable[[int, ModelledStage], ModelledStage]) -> Model:
    """The model with every stage changed; the function is given its stream's number too."""
    streams = [
        attrs.evolve(stream, stages=[change(number, stage) for stage in stream.stages])
        for number, stream in enumerate(model.streams)
    ]
    return attrs.evolve(model, streams=streams)


def activities_of(model: Model) -> Iterator[Activity]:
    """All activities of a model."""
    return (one for stream in model.streams for stage in stream.stages for one in stage.activities)
