"""Corrections, verdicts and sums from measurements that are made up: exact, without a clock."""

import itertools

import attrs
import numpy as np
import pytest
from networks import chain, everywhere

from bnnplan.planner import verification
from bnnplan.planner.baselines import SINGLE_DEVICE
from bnnplan.planner.correction import Ran, corrected
from bnnplan.planner.execution.measure import Measurement, measure, ratio_interval
from bnnplan.planner.execution.runner import transfer_label
from bnnplan.planner.execution.trace import Event, EventKind, Trace
from bnnplan.planner.execution.workbench import Workbench
from bnnplan.planner.plan import PlanError, Ratio
from bnnplan.planner.planning import plan_latency
from bnnplan.planner.profiling import Options, profile_network

LAYERS = [node.name for node in chain().nodes]


@pytest.fixture(scope="module")
def profile(two_references):
    """Every layer takes 1000 ns on a and 500 ns on b; nothing else takes time."""
    measured = profile_network(chain(), two_references, options=Options(tolerance=0.5, budget=1.0))
    layers = {
        name: attrs.evolve(
            costs,
            placements=[
                attrs.evolve(c, time=attrs.evolve(c.time, median=1000 if c.device == "a" else 500))
                for c in costs.placements
            ],
        )
        for name, costs in measured.layers.items()
    }
    return attrs.evolve(
        measured,
        layers=layers,
        launches=[attrs.evolve(cost, ns=100) for cost in measured.launches],
        transfers=[attrs.evolve(t, overhead_ns=10.0, ns_per_byte=0.0) for t in measured.transfers],
    )


def ran(whole, layer=0, launch=0, transfers=(), device="a"):
    """A measurement of 20 equal runs."""
    events = [Event(EventKind.LAYER, name, device, 0, layer) for name in LAYERS]
    events += [Event(EventKind.LAUNCH, device, device, 0, launch)]
    events += [Event(EventKind.TRANSFER, label, device, 0, ns) for label, ns in transfers]
    return Measurement([whole] * 20, [Trace(tuple(events), whole)] * 3)


def median(profile, layer, device):
    costs = profile.layers[layer].placements
    return next(cost.time.median for cost in costs if cost.device == device)


def test_what_ran_is_replaced_and_other_devices_stay(profile):
    found = corrected(
        profile, (), [Ran(everywhere(chain(), "a"), ran(18_070, layer=3000, launch=70))]
    )
    assert all(median(found, name, "a") == 3000 for name in LAYERS)
    assert all(median(found, name, "b") == 500 for name in LAYERS)
    assert found.launch("a", 1, "user") == 70
    assert found.launch("a", 1, "b") == 100
    assert found.launch("b", 1, "user") == 100


def test_time_that_no_event_explains_counts_as_launches(profile):
    """Where devices take turns, caches and sleeping threads cost what no event shows."""
    turns = [("a", 100), ("b", 200), ("a", 300)]
    events = [Event(EventKind.LAYER, name, "a", 0, 1000) for name in LAYERS]
    events += [Event(EventKind.LAUNCH, device, device, 0, ns) for device, ns in turns]
    whole = 1000 * len(LAYERS) + 600 + 900
    measured = Measurement([whole] * 20, [Trace(tuple(events), whole)] * 3)
    mixed = everywhere(chain(), "a") | {"second": everywhere(chain(), "b")["second"]}
    found = corrected(profile, (), [Ran(mixed, measured)])
    assert found.launch("a", 1, "user") == 100 + 300
    assert found.launch("b", 1, "a") == 200 + 300
    assert found.launch("a", 1, "b") == 300 + 300
    assert found.launch("b", 1, "user") == 100


def test_other_costs_of_a_device_drift_with_those_that_ran(profile):
    mixed = everywhere(chain(), "a") | {"second": everywhere(chain(), "b")["second"]}
    found = corrected(profile, (), [Ran(mixed, ran(20_000, layer=2000))])
    assert median(found, "first", "a") == 2000
    assert median(found, "second", "a") == 2000
    assert median(found, "second", "b") == 2000
    assert median(found, "first", "b") == 2000


def test_what_was_predicted_to_take_no_time_is_corrected_as_well(profile):
    layers = dict(profile.layers)
    layers["flat"] = attrs.evolve(
        layers["flat"],
        placements=[
            attrs.evolve(c, time=attrs.evolve(c.time, median=0, low=0, high=0, p90=0))
            for c in layers["flat"].placements
        ],
    )
    free = attrs.evolve(profile, layers=layers)
    found = corrected(free, (), [Ran(everywhere(chain(), "a"), ran(9000, layer=800))])
    assert median(found, "flat", "a") == 800


def test_transfers_are_scaled_by_what_the_plan_moved(profile):
    plan = plan_latency(chain(), profile, source="chain")
    moved = plan.transfers[0]
    label = transfer_label(moved.tensor, moved.source, moved.target)
    one = ran(9000, layer=500, transfers=[(label, 4 * moved.predicted_ns)], device="b")
    found = corrected(profile, [moved], [Ran(plan.assignment, one)])
    for before, after in zip(profile.transfers, found.transfers, strict=True):
        same_pair = (before.source, before.target) == (moved.source, moved.target)
        assert after.overhead_ns == pytest.approx(before.overhead_ns * (4 if same_pair else 1))


def decided(profile, plan_ns, single_ns):
    plan = plan_latency(chain(), profile, source="chain")
    other = everywhere(chain(), "a")
    baselines = [
        attrs.evolve(b, placements=other, predicted_ns=9999) if b.name == SINGLE_DEVICE else b
        for b in plan.baselines
    ]
    plan = attrs.evolve(plan, baselines=baselines)
    measured = {
        verification.PLAN: ran(plan_ns, layer=10, device="b"),
        SINGLE_DEVICE: ran(single_ns, layer=20),
    }
    plan = verification.with_measurements(plan, measured)
    return plan, verification._deliver_faster(plan, chain(), profile, measured)


def test_the_faster_plan_is_delivered(profile):
    plan, delivered = decided(profile, 5000, 6000)
    assert delivered.assignment == plan.assignment
    assert delivered.baseline(SINGLE_DEVICE).ratio == Ratio(1.2, 1.2, 1.2)
    assert "no difference" not in delivered.verdict
    assert "takes 1.20× (95 % 1.20 to 1.20) the plan's time" in delivered.verdict


def test_the_best_single_device_is_delivered_where_it_measures_faster(profile):
    plan, delivered = decided(profile, 6000, 5000)
    assert delivered.assignment == everywhere(chain(), "a") != plan.assignment
    assert delivered.proof.status == "feasible"
    assert delivered.measured.end_to_end.median == 5000
    assert all(row.measured_ns == 20 for row in delivered.layers)
    assert "is delivered instead" in delivered.verdict


def test_a_difference_that_is_not_certain_is_not_claimed(profile):
    _, delivered = decided(profile, 5000, 5000)
    assert delivered.verdict.endswith("the plan's time: no difference is certain")


def test_without_a_single_device_the_verdict_says_so(profile):
    plan = plan_latency(chain(), profile, source="chain")
    plan = attrs.evolve(plan, baselines=[b for b in plan.baselines if b.name != SINGLE_DEVICE])
    measured = {verification.PLAN: ran(5000)}
    delivered = verification._deliver_faster(plan, chain(), profile, measured)
    assert delivered.verdict == "no single device can hold the whole network"


def test_a_wrong_plan_is_never_delivered(profile, two_references):
    bench = Workbench(chain(), two_references)
    runner = verification.make_runner(bench, plan_latency(chain(), profile, source="chain"))
    verification.check_exact(bench, runner, seed=1)
    runner.stages.pop()
    with pytest.raises(PlanError, match="gives other values than the reference"):
        verification.check_exact(bench, runner, seed=2)


def test_the_sum_of_the_parts_is_the_whole():
    summary = ran(10_000, layer=1000, launch=300, transfers=[("x", 200)]).summary()
    assert (summary.layers_ns, summary.transfers_ns, summary.launches_ns) == (6000, 200, 300)
    assert summary.unattributed_ns == 10_000 - 6000 - 200 - 300
    assert summary.timing_ns == 0


def noisy(seed):
    """A measurement whose parts are slow in turns, so that medians of parts do not add up."""
    random = np.random.default_rng(seed)
    traces = []
    for _ in range(21):
        times = random.integers(100, 10_000, len(LAYERS) + 2)
        events = [
            Event(EventKind.LAYER, name, "a", 0, int(ns))
            for name, ns in zip(LAYERS, times, strict=False)
        ]
        events.append(Event(EventKind.LAUNCH, "a", "a", 0, int(times[-1])))
        events.append(Event(EventKind.TRANSFER, "x: user → host", "a", 0, int(times[-2])))
        traces.append(Trace(tuple(events), int(times.sum()) + 50))
    return Measurement([30_000 + n for n in range(21)], traces)


@pytest.mark.parametrize("seed", range(5))
def test_rows_add_up_to_sums_and_sums_to_the_whole(seed):
    measured = noisy(seed)
    summary = measured.summary()
    assert sum(measured.mean_of(EventKind.LAYER).values()) == summary.layers_ns
    assert sum(measured.mean_of(EventKind.TRANSFER).values()) == summary.transfers_ns
    assert sum(ns for _, _, ns in measured.launches()) == summary.launches_ns
    assert summary.unattributed_ns == pytest.approx(50, abs=len(LAYERS))
    parts = summary.layers_ns + summary.transfers_ns + summary.launches_ns
    whole = parts + summary.unattributed_ns - summary.timing_ns
    assert whole == summary.end_to_end.median


def test_parts_of_a_slow_clock_leave_nothing_negative():
    events = (Event(EventKind.LAYER, "x", "a", 0, 500),)
    summary = Measurement([400] * 20, [Trace(events, 450)] * 3).summary()
    assert (summary.unattributed_ns, summary.timing_ns) == (0, 100)


def test_what_timing_adds_to_parts_is_not_planned_with(profile):
    slow = attrs.evolve(ran(9000, layer=2000, launch=3000), samples=[7500] * 20)
    found = corrected(profile, (), [Ran(everywhere(chain(), "a"), slow)])
    assert all(median(found, name, "a") == 1000 for name in LAYERS)
    assert found.launch("a", 1, "user") == 1500
    overlapping = Ran(everywhere(chain(), "a"), slow, concurrent=True)
    assert median(corrected(profile, (), [overlapping]), "first", "a") == 2000


def test_ratios_are_of_paired_runs():
    first = Measurement([200, 20, 2000], [])
    second = Measurement([100, 10, 1000], [])
    assert ratio_interval(first, second) == Ratio(2.0, 2.0, 2.0)


def test_measuring_takes_turns():
    order = []

    class Engine:
        def __init__(self, name):
            self.name = name

        def run_encoded(self, arrays):
            order.append(self.name)
            return []

        def run_timed(self, arrays):
            return Trace((), 1)

    found = measure({"x": Engine("x"), "y": Engine("y")}, {}, seconds=0.0, min_runs=20)
    assert {name: len(one.samples) for name, one in found.items()} == {"x": 20, "y": 20}
    changes = sum(a != b for a, b in itertools.pairwise(order))
    assert changes >= 5
