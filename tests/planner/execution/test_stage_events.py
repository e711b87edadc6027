"""Traces of pipelines: which stage worked on which batch, and what kept it from beginning."""

from itertools import pairwise

import pytest
from networks import chain
from pipeline_plans import core_board, frames_of, plan_of, stream_of

from bnnplan.backends.pipeline import StageTurn
from bnnplan.models.errors import InputError
from bnnplan.planner.execution.pipelines import Pipeline
from bnnplan.planner.execution.pipelines.layout import Wait
from bnnplan.planner.execution.pipelines.stage_events import (
    StageTurns,
    stage_events,
    trace_of_turns,
)
from bnnplan.planner.execution.trace import EventKind

BOARD = core_board()
US = 1000


def stage(position, spans, waits=(), *, first=0, pause=0, stream=0):
    turns = [
        StageTurn(turn, turn, begin * US, end * US)
        for turn, (begin, end) in enumerate(spans, first)
    ]
    return StageTurns(stream, position, position, ("c",), waits, turns, pause * US)


def waits_of(*stages):
    return [
        (
            int(event.device.split("thread ")[1][0]),
            event.name,
            event.start // US,
            event.duration // US,
        )
        for event in stage_events(stages)
        if event.kind is EventKind.WAIT
    ]


def test_a_stage_waits_for_what_it_reads():
    maker = stage(0, [(0, 10), (10, 20)])
    reader = stage(1, [(10, 14), (20, 24)], [Wait(0, 0)])
    assert waits_of(maker, reader) == [(1, "waits for input: thread 0", 14, 6)]


def test_a_stage_waits_for_room():
    """Two copies: turn 2 overwrites what is read in turn 0."""
    maker = stage(0, [(0, 2), (2, 4), (12, 14)], [Wait(1, 2)])
    reader = stage(1, [(2, 12)], [Wait(0, 0)])
    assert waits_of(maker, reader) == [(0, "waits for room: thread 1", 4, 8)]


def test_the_first_stage_waits_for_batches_and_others_for_nobody_but_stages():
    maker = stage(0, [(0, 2), (9, 11)])
    woken_late = stage(1, [(5, 12), (20, 22)], [Wait(0, 0)])
    assert waits_of(maker, woken_late) == [(0, "waits for a batch", 2, 7)]


def test_a_pause_is_no_wait():
    assert waits_of(stage(0, [(0, 2), (9, 11)], pause=7)) == []


def test_what_ended_last_is_what_was_waited_for():
    first, second = stage(0, [(0, 1), (1, 8)]), stage(1, [(0, 1), (1, 9)])
    both = stage(2, [(1, 2), (9, 10)], [Wait(0, 0), Wait(1, 0)])
    assert waits_of(first, second, both) == [(2, "waits for input: thread 1", 2, 7)]


def test_a_trace_begins_where_the_turns_of_all_stages_are_known():
    fast = stage(0, [(100, 101), (101, 102), (102, 103)], first=50)
    slow = stage(0, [(0, 60), (60, 120)], first=2, stream=1)
    whole = stage(0, [(50, 51), (110, 120)], stream=2)
    idle = stage(0, [], stream=3)
    trace = trace_of_turns([[fast], [slow], [whole], [idle]])
    batches = [(e.name, e.start // US) for e in trace.events if e.kind is EventKind.BATCH]
    assert batches == [("batch 50", 0), ("batch 51", 1), ("batch 52", 2), ("batch 1", 10)]
    assert trace.total == 20 * US
    assert trace_of_turns([[idle]]).events == ()


@pytest.mark.parametrize("devices", [("c0", "c1"), ("c0", "b"), ("a", "b")])
def test_every_batch_of_every_stage_is_in_the_trace(devices):
    """Of stages on native threads, and of the interpreter's."""
    network = chain()
    count = len(network.nodes)
    stages = [0] * (count // 2) + [1] * (count - count // 2)
    placed = [devices[number] for number in stages]
    plan = plan_of(network, BOARD, stream_of(network, placed, stages))
    frames = frames_of(network, 30)
    with Pipeline(plan, network, kept=100) as pipeline:
        [*pipeline.map(frames)]
        assert len(pipeline.trace().events) >= 60
    trace = pipeline.trace()
    rows = {event.device for event in trace.events}
    assert rows == {f"stream 0, stage {n}, thread {n}: {devices[n]}" for n in (0, 1)}
    ends = {}
    for row in sorted(rows):
        mine = [event for event in trace.events if event.device == row]
        assert all(one.start + one.duration <= other.start for one, other in pairwise(mine))
        batches = [event for event in mine if event.kind is EventKind.BATCH]
        assert [event.name for event in batches] == [f"batch {n}" for n in range(30)]
        assert all(ends.get(event.name, 0) <= event.start for event in batches)
        ends = {event.name: event.start + event.duration for event in batches}
    with pipeline:
        assert pipeline.trace().events == ()


def test_no_turns_are_kept_unless_that_is_asked_for():
    network = chain()
    plan = plan_of(network, BOARD, stream_of(network, ["a"] * len(network.nodes)))
    with Pipeline(plan, network) as pipeline, pytest.raises(InputError, match="kept=N"):
        pipeline.trace()
    with pytest.raises(
        InputError, match=r"turns that are kept must be from 0 to 1,048,576, not -1"
    ):
        Pipeline(plan, network, kept=-1)
