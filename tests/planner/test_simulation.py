"""Simulations of plans: what is predicted, what execution does, and what is not known."""

import json
from itertools import pairwise

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up import made_up_profile
from networks import branches, chain

from bnnplan.backends.interface import MemorySpace
from bnnplan.planner.board import USER
from bnnplan.planner.execution.trace import EventKind, perfetto
from bnnplan.planner.plan import MeasuredPipeline, MeasuredStage, PlanError
from bnnplan.planner.planning import find_plan
from bnnplan.planner.problem import Measure
from bnnplan.planner.profile import Origin, ProfileError, Time, TransferCost
from bnnplan.planner.request import Request
from bnnplan.planner.simulation.options import Jitter, SimulationOptions
from bnnplan.planner.simulation.simulating import simulate, simulate_traced

STILL = SimulationOptions(frames=300, jitter=Jitter.NONE)
THROUGHPUT = Request(objectives=[Measure.PERIOD])
APART = Request(objectives=[Measure.PERIOD], pins={"first": "b", "scale": "a"})
"""For the chain: a line of two stages, so no streams beside each other."""


@pytest.fixture(scope="module")
def one_space(two_references):
    """Both devices use the host's memory."""
    space = two_references.devices[0].space
    devices = [attrs.evolve(device, space=space) for device in two_references.devices]
    return attrs.evolve(two_references, devices=devices)


@pytest.fixture(scope="module")
def profiles(one_space):
    return {net.name: made_up_profile(one_space, net) for net in (chain(), branches())}


@pytest.fixture(scope="module")
def far_profile(two_references):
    """The second device has a memory of its own."""
    return with_times(made_up_profile(two_references), lambda name, device: exactly(1000))


def exactly(ns):
    return Time(ns, ns, ns, ns, 100)


def with_times(profile, time_of, **changes):
    """The profile with a time for every layer and device."""
    layers = {
        name: attrs.evolve(
            costs,
            placements=[
                attrs.evolve(cost, time=time_of(name, cost.device), **changes)
                for cost in costs.placements
            ],
        )
        for name, costs in profile.layers.items()
    }
    return attrs.evolve(profile, layers=layers)


def planned(network, profile, request=THROUGHPUT):
    return find_plan(network, profile, request=request, source="here")


NETWORKS = {network.name: network for network in (chain(), branches())}
LAYERS = [node.name for node in chain().nodes]


@settings(max_examples=15, deadline=None)
@given(st.sampled_from(list(NETWORKS)), st.data())
def test_without_jitter_the_period_is_the_predicted_one(profiles, name, data):
    network, nanoseconds = NETWORKS[name], st.integers(100, 3000)
    profile = with_times(profiles[name], lambda *_: exactly(data.draw(nanoseconds)))
    plan = planned(network, profile)
    for costs in (profile, None):
        found = simulate(plan, network, costs, STILL)
        assert found.period_ns == pytest.approx(plan.predicted.period_ns, rel=0.01)
        assert found.bottleneck_busy == pytest.approx(1.0, rel=0.02)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from("ab"), min_size=6, max_size=6), st.integers(0, 1), st.data())
def test_slow_ways_to_a_memory_are_copied_as_predicted(far_profile, placed, slack, data):
    """Also where devices have several stages, and batches have no more room than is needed."""
    nanoseconds = st.integers(100, 3000)
    profile = with_times(far_profile, lambda *_: exactly(data.draw(nanoseconds)))
    slow = [
        attrs.evolve(cost, overhead_ns=float(data.draw(st.integers(0, 1500))))
        for cost in profile.transfers
    ]
    profile = attrs.evolve(profile, transfers=slow)
    pins = dict(zip(LAYERS, placed, strict=True))
    plan = planned(chain(), profile, attrs.evolve(THROUGHPUT, pins=pins))
    for costs in (profile, None):
        found = simulate(plan, chain(), costs, attrs.evolve(STILL, slack=slack))
        assert found.period_ns == pytest.approx(plan.predicted.period_ns, rel=0.01)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, len(chain().nodes)), st.permutations("ab"), st.data())
def test_tensors_of_another_form_are_copied_as_predicted(profiles, split, order, data):
    """The window does not have the form in which b takes and gives tensors."""
    nanoseconds = st.integers(100, 3000)
    profile = with_own_forms(profiles["chain"], "b", data.draw(st.integers(0, 1500)))
    profile = with_times(profile, lambda *_: exactly(data.draw(nanoseconds)))
    pins = {name: order[at >= split] for at, name in enumerate(LAYERS)}
    plan = planned(chain(), profile, attrs.evolve(THROUGHPUT, pins=pins))
    found = simulate(plan, chain(), profile, STILL)
    assert found.period_ns == pytest.approx(plan.predicted.period_ns, rel=0.01)


def with_own_forms(profile, device, ns):
    """The profile with kernels of a device that take and give another form, copied in `ns`."""
    layers = {
        name: attrs.evolve(
            costs,
            placements=[
                attrs.evolve(
                    cost,
                    input_formats=["own"] * len(cost.input_formats),
                    output_formats=["own"] * len(cost.output_formats),
                )
                if cost.device == device
                else cost
                for cost in costs.placements
            ],
        )
        for name, costs in profile.layers.items()
    }
    ends = [(one, other) for one in ("host", USER) for other in ("host", USER)]
    transfers = [TransferCost(*pair, float(ns), 0.0, 0.0, []) for pair in ends]
    return attrs.evolve(profile, layers=layers, transfers=transfers)


@settings(max_examples=10, deadline=None)
@given(st.sampled_from(list(NETWORKS)), st.data())
def test_one_batch_after_the_other_takes_the_predicted_latency(profiles, name, data):
    network, nanoseconds = NETWORKS[name], st.integers(100, 3000)
    profile = with_times(profiles[name], lambda *_: exactly(data.draw(nanoseconds)))
    plan = planned(network, profile, Request())
    found = simulate(plan, network, profile, STILL)
    assert not found.pipelined
    assert found.interval is None
    if not plan.concurrent:
        assert found.period_ns == found.latency.p50_ns == plan.predicted.latency_ns


def test_devices_that_run_at_the_same_time_overlap_in_a_batch(profiles):
    wide = {"left", "right"}
    profile = with_times(
        profiles["branches"],
        lambda name, device: exactly(5000 if name in wide else 1000 if device == "a" else 1100),
    )
    plan = planned(branches(), profile, Request())
    assert plan.concurrent
    found = simulate(plan, branches(), profile, STILL)
    assert found.latency.p50_ns == pytest.approx(plan.predicted.latency_ns, rel=0.02)
    assert found.period_ns == found.latency.p50_ns
    assert sum(stage.busy_ns for stage in found.stages) > found.latency.p50_ns


def test_copies_are_work_of_the_stage_with_the_other_memory(far_profile):
    plan = planned(chain(), far_profile, APART)
    found = simulate(plan, chain(), far_profile, STILL)
    far, host = found.stages
    assert (far.devices, host.devices) == (("b",), ("a",))
    # A launch, the upload of the input, and the copy of what the other stage reads.
    assert far.busy_ns == 1000 * len(far.layers) + 100 + 10 + 10
    assert host.busy_ns == 1000 * len(host.layers) + 100
    (ring,) = (ring for ring in found.rings if ring.stream == 0)
    assert 2 <= ring.most <= ring.count
    assert {use.name for use in found.resources} >= {"core:0", "core:1", "link:far-host"}


def test_formats_of_a_plan_alone_make_the_transfers_that_it_states(far_profile):
    plan = planned(chain(), far_profile, APART)
    with_profile = simulate(plan, chain(), far_profile, STILL)
    alone = simulate(plan, chain(), None, STILL)
    assert alone.stages == with_profile.stages
    assert alone.costs != with_profile.costs


def test_a_board_that_is_not_here_is_simulated(far_profile):
    plan = planned(chain(), far_profile, APART)
    devices = [attrs.evolve(device, backend="absent") for device in plan.board.devices]
    gone = attrs.evolve(plan, board=attrs.evolve(plan.board, devices=devices))
    assert simulate(gone, chain(), None, STILL).period_ns == pytest.approx(
        plan.predicted.period_ns, rel=0.05
    )


def test_the_spread_of_a_profile_makes_latencies_scatter(far_profile):
    profile = with_times(far_profile, lambda name, device: Time(1000, 980, 1030, 1200, 100))
    plan = planned(chain(), profile, APART)
    found = simulate(plan, chain(), profile, SimulationOptions(frames=2000))
    assert "profile" in found.jitter
    assert found.latency.p50_ns < found.latency.p90_ns < found.latency.p99_ns
    assert plan.predicted.period_ns < found.period_ns < 1.15 * plan.predicted.period_ns
    again = simulate(plan, chain(), profile, SimulationOptions(frames=2000))
    assert again == found
    other = simulate(plan, chain(), profile, SimulationOptions(frames=2000, seed=1))
    assert other.latency != found.latency


def test_longer_times_under_load_count_in_pipelines(far_profile):
    profile = with_times(far_profile, lambda *_: exactly(1000), loaded=exactly(1500))
    plan = planned(chain(), profile, APART)
    assert {row.loaded_ns for row in plan.layers} == {1500}
    for costs in (profile, None):
        found = simulate(plan, chain(), costs, STILL)
        assert found.period_ns == pytest.approx(plan.predicted.period_ns, rel=0.03)


def test_a_share_is_the_90th_percentile_of_a_stage(far_profile):
    plan = planned(chain(), far_profile, Request())
    options = SimulationOptions(frames=5000, jitter=0.2)
    found = simulate(plan, chain(), far_profile, options)
    assert found.latency.p90_ns == pytest.approx(1.2 * found.latency.p50_ns, rel=0.02)


def test_what_the_plan_was_measured_to_scatter_is_taken_without_a_profile(far_profile):
    plan = planned(chain(), far_profile, APART)
    assert "no spread" in simulate(plan, chain()).jitter
    ran = measured(plan, 5000)
    found = simulate(ran, chain(), None, SimulationOptions(frames=500))
    assert "pipeline" in found.jitter
    assert found.latency.p90_ns > found.latency.p50_ns


def measured(plan, busy_ns, period_ns=None):
    """The plan as if it had run with stages that are busy for so long."""
    numbers = sorted({row.stage for row in plan.layers})
    stages = [
        MeasuredStage(
            0,
            number,
            {row.device for row in plan.layers if row.stage == number},
            [row.name for row in plan.layers if row.stage == number],
            busy_ns,
            0.9,
        )
        for number in numbers
    ]
    latencies = (2 * busy_ns, 3 * busy_ns, 4 * busy_ns)
    period = exactly(period_ns or round(busy_ns / 0.9))
    return attrs.evolve(plan, pipeline=MeasuredPipeline(period, 100, *latencies, stages))


def test_the_mean_of_measured_stages_is_kept_and_what_passes_between_turns(far_profile):
    plan = measured(planned(chain(), far_profile, APART), 8000)
    found = simulate(plan, chain(), None, SimulationOptions(frames=4000, measured=True))
    assert [stage.busy_ns for stage in found.stages] == pytest.approx([8000] * 2, rel=0.05)
    # Nine tenths of the time they worked.
    assert found.period_ns >= 0.98 * 8000 / 0.9
    still = simulate(plan, chain(), None, attrs.evolve(STILL, measured=True))
    assert still.period_ns == pytest.approx(8000 / 0.9, rel=0.001)
    assert still.bottleneck_busy == pytest.approx(0.9, rel=0.001)
    assert still.latency.p50_ns >= 2 * 8000


def test_what_rarely_holds_stages_up_does_not_count(far_profile):
    plan = measured(planned(chain(), far_profile, APART), 8000, period_ns=6000)
    found = simulate(plan, chain(), None, attrs.evolve(STILL, measured=True))
    assert found.period_ns == pytest.approx(6000, rel=0.001)
    assert [stage.busy_ns for stage in found.stages] == pytest.approx([6000] * 2, rel=0.001)


def test_measured_stages_take_what_they_took(far_profile):
    plan = planned(chain(), far_profile, APART)
    options = attrs.evolve(STILL, measured=True)
    found = simulate(measured(plan, 7777), chain(), None, options)
    assert [stage.busy_ns for stage in found.stages] == pytest.approx([7777] * 2, abs=5)
    assert found.period_ns == pytest.approx(7777 / 0.9, abs=5)
    with pytest.raises(PlanError, match="does not state what its stages took"):
        simulate(plan, chain(), None, options)


def test_what_passes_between_turns_is_no_work(two_references):
    """One stage: a batch's latency is its turn, however much longer the period is."""
    profile = made_up_profile(two_references, chain())
    alone = attrs.evolve(THROUGHPUT, pins={node.name: "a" for node in chain().nodes})
    plan = planned(chain(), profile, alone)
    names = [row.name for row in plan.layers]
    # The mean counts interruptions many times as long as a turn.
    stage = MeasuredStage(0, 0, {"a"}, names, 390_000, 0.99)
    pipeline = MeasuredPipeline(exactly(392_000), 100, 281_000, 330_000, 12_300_000, [stage])
    plan = attrs.evolve(plan, pipeline=pipeline)
    found = simulate(plan, chain(), None, SimulationOptions(frames=4000, measured=True))
    assert found.latency.p50_ns == pytest.approx(281_000, rel=0.02)
    assert found.latency.p90_ns == pytest.approx(330_000, rel=0.02)
    assert found.period_ns == pytest.approx(392_000, rel=0.02)


def test_predicted_costs_give_an_interval(far_profile):
    def certain(name, device):
        return Time(1000, 800, 1200, 1000, 0)

    profile = with_times(far_profile, certain, origin=Origin.PREDICTED)
    plan = planned(chain(), profile, APART)
    found = simulate(plan, chain(), profile, STILL)
    interval = found.interval
    assert interval.uncertain == len(chain().nodes)
    assert 0.8 * found.period_ns < interval.low < found.period_ns < interval.high
    assert interval.high < 1.2 * found.period_ns
    told = plan.predicted.period_interval
    assert (interval.low, interval.high) == pytest.approx(told, rel=0.001)
    # Where images arrive more slowly, costs do not matter.
    slow = attrs.evolve(STILL, rate=0.2e9 / found.period_ns)
    slowly = simulate(plan, chain(), profile, slow)
    assert slowly.interval.low == pytest.approx(slowly.period_ns, rel=1e-4)
    assert slowly.interval.high == pytest.approx(slowly.period_ns, rel=1e-4)
    assert simulate(plan, chain(), far_profile, STILL).interval is None
    assert "predicted for" in simulate(plan, chain(), None, STILL).costs


@settings(max_examples=15)
@given(
    st.floats(0, 0.9),
    st.floats(0, 3),
    st.booleans(),
    st.sampled_from([Jitter.NONE, 0.3]),
)
def test_the_interval_holds_the_period(far_profile, below, above, together, jitter):
    def unsure(name, device):
        low, high = round(10_000 * (1 - below)), round(10_000 * (1 + above))
        return Time(10_000, low, high, 10_000, 0)

    profile = with_times(far_profile, unsure, origin=Origin.PREDICTED)
    plan = planned(chain(), profile, APART if together else Request())
    options = SimulationOptions(frames=300, jitter=jitter)
    found = simulate(plan, chain(), profile, options)
    assert found.interval.low <= round(found.period_ns) <= found.interval.high
    if not together and not plan.concurrent and jitter is Jitter.NONE:
        told = plan.predicted.interval
        assert (found.interval.low, found.interval.high) == pytest.approx(told, rel=0.001, abs=10)


def test_arrivals_below_the_rate_of_the_plan_do_not_wait(far_profile):
    plan = planned(chain(), far_profile, APART)
    slow = attrs.evolve(STILL, rate=0.5e9 / plan.predicted.period_ns)
    found = simulate(plan, chain(), None, slow)
    assert found.images_per_second == pytest.approx(slow.rate, rel=0.01)
    assert found.waiting == 0
    fast = attrs.evolve(STILL, rate=2e9 / plan.predicted.period_ns)
    found = simulate(plan, chain(), None, fast)
    assert found.images_per_second == pytest.approx(fast.rate / 2, rel=0.01)
    assert found.waiting > 100
    assert found.latency.most_ns > 100 * plan.predicted.period_ns


def test_a_window_of_one_runs_one_batch_at_a_time(far_profile):
    plan = planned(chain(), far_profile, APART)
    found = simulate(plan, chain(), None, attrs.evolve(STILL, window=1))
    assert found.window == 1
    assert found.period_ns == pytest.approx(plan.predicted.alone_ns, rel=0.01)


def test_a_trace_has_a_row_for_every_stage_and_no_overlaps(far_profile):
    plan = planned(chain(), far_profile, APART)
    found, trace = simulate_traced(plan, chain(), None, STILL)
    document = json.loads(perfetto([trace]))
    rows = {e["args"]["name"] for e in document["traceEvents"] if e["ph"] == "M"}
    assert sum("stage" in row for row in rows) == len(found.stages)
    for row in rows:
        mine = [event for event in trace.events if event.device == row]
        for whole in (True, False):  # Batches with waits between them, and what they consist of.
            spans = [
                (e.start, e.start + e.duration)
                for e in mine
                if (e.kind in (EventKind.BATCH, EventKind.WAIT)) == whole
            ]
            assert spans
            assert all(one[1] <= other[0] for one, other in pairwise(spans))
        batches = [(e.start, e.duration) for e in mine if e.kind is EventKind.BATCH]
        parts = sum(e.duration for e in mine if e.kind not in (EventKind.BATCH, EventKind.WAIT))
        assert sum(duration for _, duration in batches) == parts
    names = {event.name for event in trace.events}
    assert names >= {node.name for node in chain().nodes}


def test_profiles_of_something_else_are_refused(profiles, far_profile):
    plan = planned(chain(), far_profile, APART)
    with pytest.raises(ProfileError, match="another network"):
        simulate(plan, chain(), profiles["branches"])
    (name, costs), *_ = far_profile.layers.items()
    known = attrs.evolve(
        far_profile, layers={**far_profile.layers, name: attrs.evolve(costs, placements=[])}
    )
    with pytest.raises(PlanError, match=f"does not know layer {name!r}"):
        simulate(plan, chain(), known)
    with pytest.raises(PlanError, match="another network"):
        simulate(plan, branches())


@pytest.mark.parametrize(
    "wrong", [{"frames": 0}, {"frames": 10**9}, {"rate": 0.0}, {"jitter": -0.1}, {"rate": -1.0}]
)
def test_impossible_options_are_refused(wrong):
    with pytest.raises(PlanError):
        SimulationOptions(**wrong)


def test_a_rate_that_takes_weeks_is_refused(far_profile):
    plan = planned(chain(), far_profile, APART)
    with pytest.raises(PlanError, match="eleven days"):
        simulate(plan, chain(), None, SimulationOptions(rate=0.001))


def test_streams_beside_the_first_are_simulated(profiles):
    profile = with_times(profiles["chain"], lambda name, device: exactly(1000))
    plan = planned(chain(), profile, APART)
    only_a = [attrs.evolve(row, device="a", stage=0) for row in plan.layers]
    only_b = [attrs.evolve(row, device="b", stage=0) for row in plan.layers]
    (first,) = plan.streams[:1]
    both = attrs.evolve(
        plan, layers=only_a, replicas=[attrs.evolve(first, layers=only_b, transfers=())]
    )
    found = simulate(both, chain(), profile, STILL)
    assert found.streams == 2
    assert [stage.share for stage in found.stages] == pytest.approx([0.5, 0.5], abs=0.02)
    assert found.period_ns == pytest.approx(found.stages[0].busy_ns / 2, rel=0.03)


def test_the_memory_of_a_space_may_be_called_anything(far_profile):
    plan = planned(chain(), far_profile, APART)
    devices = [
        attrs.evolve(device, space=MemorySpace(f"ram of {device.name}"))
        for device in plan.board.devices
    ]
    moved = attrs.evolve(plan, board=attrs.evolve(plan.board, devices=devices), transfers=())
    found = simulate(moved, chain(), None, STILL)
    assert found.period_ns <= plan.predicted.period_ns
