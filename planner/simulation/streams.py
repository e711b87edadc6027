"""From a plan to what is simulated: its threads, as execution would make them."""

from __future__ import annotations

from collections.abc import Iterator

from bnnplan.planner.execution.pipelines.layout import (
    LaidStage,
    StreamLayout,
    Wait,
    lay_out,
)
from bnnplan.planner.execution.pipelines.sizes import wanted_slack, window_slots
from bnnplan.planner.execution.staging import Place, Staging
from bnnplan.planner.plan import PlannedStream
from bnnplan.planner.simulation.costs import Costs
from bnnplan.planner.simulation.model import Model, ModelledStage, ModelledStream, Ring


def pipeline_model(costs: Costs, *, slack: int | None, window: int | None) -> Model:
    """A pipeline: every stage on a thread of its own.

    What moving inputs from the caller's memory and outputs to it takes, counts in the turns of the
    stages that first read and that make them; what moving tensors between stages takes, in those of
    the stage that copies. Where these work on the window itself, it is the
    caller who moves them; but then it takes the time of their cores.
    """
    plan, network = costs.plan, costs.network
    room = wanted_slack(plan) if slack is None else slack
    layouts = [
        lay_out(network, plan.board, stream, costs.formats(stream), slack=room)
        for stream in plan.streams
    ]
    streams = [
        _stream(costs, stream, layout) for stream, layout in zip(plan.streams, layouts, strict=True)
    ]
    return Model(streams, window or window_slots(network, plan, layouts, room))


def _stream(costs: Costs, stream: PlannedStream, layout: StreamLayout) -> ModelledStream:
    stages = []
    made: dict[Place, int] = {}
    read: dict[Place, set[int]] = {}
    for index, laid in enumerate(layout.stages):
        for place in _read(laid):
            made.setdefault(place, index)
            read.setdefault(place, set()).add(index)
        made.update(dict.fromkeys(_made(laid), index))
    owners = layout.staging.owners
    for laid in layout.stages:
        # What lies in the caller's windows is read and written in place.
        activities = [*costs.uploads(stream, laid.uploads, laid.devices[0])]
        for segment, copies in zip(laid.segments, laid.copies, strict=True):
            activities += costs.copies(stream, copies, segment.device)
            activities += costs.program(stream, segment)
        for copy in laid.exports:
            activities += costs.copies(stream, [copy], owners[copy[0]])
        activities += costs.downloads(stream, laid.downloads, laid.devices[-1])
        stages.append(ModelledStage(laid.number, activities, laid.waits))
    rings = [
        Ring(
            place[0],
            place[1],
            made[place],
            sorted(read[place]),
            count,
            costs.network.types[place[0]].nbytes(costs.plan.batch),
        )
        for place, count in layout.rings.items()
    ]
    return ModelledStream(stages, rings)


def _read(laid: LaidStage) -> Iterator[Place]:
    for copies in laid.copies:
        yield from (source for source, _ in copies)
    for layers in laid.layers:
        for layer in layers:
            yield from layer.inputs
    yield from (source for source, _ in laid.exports)


def _made(laid: LaidStage) -> Iterator[Place]:
    yield from laid.uploads
    for copies in laid.copies:
        yield from (target for _, target in copies)
    for layers in laid.layers:
        for layer in layers:
            yield from layer.outputs
    yield from (target for _, target in laid.exports)


def runs_model(costs: Costs) -> Model:
    """One batch after the other, from the caller's arrays to the caller's arrays.

    Where the plan runs devices at the same time, each segment is a stage that waits for others of
    the same batch.
    """
    (stream,) = costs.plan.streams
    assignment = costs.plan.assignment
    staging = Staging(
        costs.network,
        costs.plan.board,
        assignment,
        costs.formats(stream),
        costs.plan.order,
        concurrent=costs.plan.concurrent,
    )
    outputs = [place for _, place in staging.outputs if place]
    uploads = [*costs.uploads(stream, staging.uploads, None)]
    downloads = [*costs.downloads(stream, outputs, None)]
    segments = [
        [
            *costs.copies(stream, stage.copies, stage.segment.device),
            *costs.program(stream, stage.segment),
        ]
        for stage in staging.stages
    ]
    if not costs.plan.concurrent:
        rest = [activity for activities in segments for activity in activities]
        return Model([ModelledStream([ModelledStage(0, [*uploads, *rest, *downloads], [])])], 1)
    last = len(segments) + 1
    stages = [ModelledStage(0, uploads, [Wait(last, 1)])]
    for index, activities in enumerate(segments):
        waits = [Wait(0, 0), *(Wait(before + 1, 0) for before in _before(staging, index))]
        stages.append(ModelledStage(index + 1, activities, waits))
    stages.append(ModelledStage(last, downloads, [Wait(index, 0) for index in range(last)]))
    return Model([ModelledStream(stages)], 1)


def _before(staging: Staging, index: int) -> Iterator[int]:
    """What a segment waits for: what it states, and the one before it on its device."""
    device = staging.stages[index].segment.device
    mine = [n for n in range(index) if staging.stages[n].segment.device == device]
    yield from sorted({*staging.stages[index].waits, *mine[-1:]})
