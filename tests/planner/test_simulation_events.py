"""The event loop of simulations: laws over pipelines of any form."""

from itertools import pairwise

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bnnplan.planner.execution.pipelines.layout import Wait
from bnnplan.planner.execution.trace import EventKind
from bnnplan.planner.simulation import summary
from bnnplan.planner.simulation.model import (
    Activity,
    Model,
    ModelledStage,
    ModelledStream,
    Ring,
)
from bnnplan.planner.simulation.playing import play
from bnnplan.planner.simulation.spread import Spread

BATCHES = 160


def activity(name, ns, resources, spread=None):
    return Activity(EventKind.LAYER, name, name, frozenset(resources), ns, spread)


def depths_of(makers):
    """The least stage of each thread, from those that it reads from."""
    depths = []
    for mine in makers:
        depths.append(max((depths[maker] + 1 for maker in mine), default=0))
    return depths


def stream_of(makers, activities, slack):
    """Threads that read what others make, by way of rings as long as they need to be, and more."""
    depths = depths_of(makers)
    readers = {n: [r for r, mine in enumerate(makers) if n in mine] for n in range(len(makers))}
    rings = [
        Ring(f"t{n}", "host", n, mine, max(depths[r] for r in mine) - depths[n] + 1 + slack, 8)
        for n, mine in readers.items()
        if mine
    ]
    counts = {ring.maker: ring.count for ring in rings}
    stages = [
        ModelledStage(
            depths[n],
            activities[n],
            [
                *(Wait(maker, 0) for maker in sorted(makers[n])),
                *(Wait(reader, counts[n]) for reader in readers[n]),
            ],
        )
        for n in range(len(makers))
    ]
    return ModelledStream(stages, rings)


@st.composite
def wirings(draw):
    """For each thread those that it reads from; all but the first read something."""
    return [
        draw(st.sets(st.integers(0, n - 1), min_size=1, max_size=2)) if n else set()
        for n in range(draw(st.integers(1, 5)))
    ]


@st.composite
def apart(draw, slack=0):
    """A stream whose threads share nothing, with its wiring and what each thread takes."""
    makers = draw(wirings())
    taken = [draw(st.integers(1, 20)) for _ in makers]
    activities = [[activity(f"l{n}", ns, {f"c{n}"})] for n, ns in enumerate(taken)]
    return stream_of(makers, activities, slack), makers, taken


@st.composite
def sharing(draw):
    """Streams whose threads share some resources, with durations that scatter."""
    streams = []
    spreads = st.sampled_from([None, Spread(0.2, 1.0)])
    for number in range(draw(st.integers(1, 3))):
        makers = draw(wirings())
        activities = [
            [
                activity(
                    f"l{number}.{n}.{k}",
                    draw(st.integers(0, 30)),
                    draw(st.sets(st.sampled_from("abc"), max_size=2)),
                    draw(spreads),
                )
                for k in range(draw(st.integers(1, 3)))
            ]
            for n in range(len(makers))
        ]
        streams.append(stream_of(makers, activities, draw(st.integers(0, 2))))
    return Model(streams, draw(st.integers(1, 8)))


def saturated(model, batches=BATCHES, seed=0):
    return play(model, np.zeros(batches, np.int64), np.random.default_rng(seed))


@settings(max_examples=40, deadline=None)
@given(apart())
def test_the_period_is_the_largest_load_where_nothing_is_shared(drawn):
    stream, makers, taken = drawn
    stages = max(depths_of(makers)) + 1
    history = saturated(Model([stream], stages))
    load = max(taken)
    turns = np.arange(BATCHES)
    # No batch can leave sooner, and none leaves later than if every stage took a whole period.
    assert (history.ends >= (turns + 1) * load).all()
    assert (history.ends <= (turns + stages) * load).all()
    latest = history.ends[BATCHES // 2 :]
    assert set(np.diff(latest)) == {load}


@settings(max_examples=40, deadline=None)
@given(apart())
def test_the_latency_is_at_most_stages_times_the_period(drawn):
    stream, makers, taken = drawn
    stages = max(depths_of(makers)) + 1
    history = saturated(Model([stream], stages))
    latencies = (history.ends - history.begins)[BATCHES // 2 :]
    assert latencies.max() <= stages * max(taken)


@settings(max_examples=40, deadline=None)
@given(apart(), apart())
def test_streams_take_batches_by_their_speed(one, other):
    history = saturated(Model([one[0], _renamed(other[0])], BATCHES))
    speeds = np.array([1 / max(one[2]), 1 / max(other[2])])
    shares = [len(taken) / BATCHES for taken in history.numbers]
    assert shares == pytest.approx(speeds / speeds.sum(), abs=0.1)
    every = np.sort(np.concatenate(history.numbers))
    assert (every == np.arange(BATCHES)).all()


def _renamed(stream):
    """The same on other cores."""
    stages = []
    for stage in stream.stages:
        (one,) = stage.activities
        moved = attrs.evolve(one, resources=frozenset({"x" + one.name}))
        stages.append(attrs.evolve(stage, activities=[moved]))
    return ModelledStream(stages, stream.rings)


def test_a_batch_that_finds_all_streams_idle_goes_to_the_fastest():
    """Of two that are faster than batches come, whichever is told first."""
    quick = stream_of([set()], [[activity("quick", 5, {"q"})]], 0)
    slow = stream_of([set(), {0}], [[activity("s0", 4, {"s"})], [activity("s1", 4, {"t"})]], 0)
    arrivals = np.arange(20) * 10
    for streams, mine in (([slow, quick], 1), ([quick, slow], 0)):
        history = play(Model(streams, 8), arrivals, np.random.default_rng(0))
        assert len(history.numbers[mine]) == 20
        assert set(history.ends - arrivals) == {5}


@settings(max_examples=40, deadline=None)
@given(sharing(), st.integers(0, 3))
def test_what_is_shared_is_used_by_one_at_a_time(model, seed):
    history = saturated(model, 40, seed)
    used = {}
    for played in history.threads:
        for event, resources in _with_resources(played):
            for resource in resources:
                used.setdefault(resource, []).append((event.start, event.start + event.duration))
    for spans in used.values():
        spans.sort()
        assert all(before[1] <= after[0] for before, after in pairwise(spans))


def _with_resources(played):
    needs = {one.name: one.resources for one in played.activities}
    for event in played.events("row"):
        if event.duration:
            yield event, needs[event.name]


@settings(max_examples=40, deadline=None)
@given(sharing(), st.integers(0, 3))
def test_waits_are_kept_and_nothing_is_overwritten_or_lost(model, seed):
    history = saturated(model, 40, seed)
    released = np.maximum.accumulate(history.ends)
    assert (history.begins[model.window :] >= released[: -model.window]).all()
    assert (np.diff(history.begins) >= 0).all()
    for stream, played, taken in zip(model.streams, history.streams, history.numbers, strict=True):
        assert (np.diff(taken) > 0).all()
        for stage, one in zip(stream.stages, played, strict=True):
            assert one.turns == len(taken)
            for wait in stage.waits:
                ended = played[wait.stage].thread.ends
                for turn in range(wait.lag, one.turns):
                    assert one.thread.begins[turn] >= ended[turn - wait.lag]
    for ring in summary.ring_rows(model, history):
        assert ring.most <= ring.count
        assert 0 <= ring.mean <= ring.count


@settings(max_examples=15, deadline=None)
@given(sharing())
def test_a_seed_decides_everything(model):
    first, second = saturated(model, 20, 5), saturated(model, 20, 5)
    assert (first.ends == second.ends).all()
    assert (first.begins == second.begins).all()


def test_a_stage_that_reads_only_the_input_begins_with_its_batch():
    stages = [
        ModelledStage(0, [activity("first", 10, {"a"})], [Wait(2, 3)]),
        ModelledStage(0, [activity("beside", 4, {"b"})], [Wait(2, 3)]),
        ModelledStage(1, [activity("last", 5, {"c"})], [Wait(0, 0), Wait(1, 0)]),
    ]
    history = saturated(Model([ModelledStream(stages)], 4), 5)
    first, beside, last = history.streams[0]
    assert first.thread.begins == [0, 10, 20, 30, 40]
    assert beside.thread.begins == [0, 10, 20, 30, 40]
    assert last.thread.ends == [15, 25, 35, 45, 55]


def test_batches_that_arrive_are_waited_for():
    stream = ModelledStream([ModelledStage(0, [activity("l", 10, {"a"})], [])])
    arrivals = np.array([0, 5, 100, 101])
    history = play(Model([stream], 2), arrivals, np.random.default_rng(0))
    assert history.begins.tolist() == [0, 10, 100, 110]
    assert summary.most_waiting(history) == 1
    assert summary.latency(history, arriving=True).most_ns == 19


def test_one_core_of_two_stages_is_busy_all_the_time_and_they_contend():
    stages = [
        ModelledStage(0, [activity("first", 10, {"a"})], [Wait(1, 2)]),
        ModelledStage(1, [activity("middle", 5, {"b"})], [Wait(0, 0), Wait(2, 2)]),
        ModelledStage(2, [activity("last", 20, {"a"})], [Wait(1, 0)]),
    ]
    model = Model([ModelledStream(stages)], 3)
    history = saturated(model)
    assert summary.period(history) == 30
    rows = [*summary.stage_rows(model, history, 30.0)]
    assert [row.busy for row in rows] == pytest.approx([1 / 3, 1 / 6, 2 / 3])
    assert rows[0].contending + rows[2].contending > 0
    (core, other) = summary.resource_uses(history, 30.0)
    assert (core.name, core.busy_ns, core.busy) == ("a", 30, 1.0)
    assert (other.name, other.busy_ns) == ("b", 5)
    name, busy = summary.bottleneck(rows, [core, other])
    assert (name, busy) == ("a", 1.0)


def test_a_turn_that_holds_a_device_goes_on_before_others_take_it():
    """Two stages on b copy by links and compute: one after the other, b is never idle."""

    def on_b(*taken):
        links = ({"in"}, set(), {"out"})
        return [
            activity(f"l{n}", ns, {"b"} | link)
            for n, (ns, link) in enumerate(zip(taken, links, strict=True))
        ]

    works = [
        on_b(1347, 4994, 1253),
        [activity("l", 4913, {"a"})],
        on_b(932, 811, 1253),
        [activity("l", 2784, {"a"})],
    ]
    stream = stream_of([set(), {0}, {1}, {2}], works, slack=0)
    history = play(Model([stream], 8), np.zeros(BATCHES, np.int64), np.random.default_rng(0))
    assert summary.period(history) == pytest.approx(1347 + 4994 + 1253 + 932 + 811 + 1253, rel=1e-3)
