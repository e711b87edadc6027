"""Corrections, verdicts and sums from measurements that are made up: exact, without a clock."""

import itertools
from types import SimpleNamespace

import attrs
import numpy as np
import pytest
from made_up import LAYERS, made_up_profile, ran
from networks import chain, everywhere

from bnnplan.planner.execution import measure as measuring
from bnnplan.planner.execution.measure import Measurement, measure, ratio_interval
from bnnplan.planner.execution.ready import transfer_label
from bnnplan.planner.execution.trace import Event, EventKind, Trace
from bnnplan.planner.plan import Ratio
from bnnplan.planner.planning import find_plan
from bnnplan.planner.trials.correction import Ran, corrected


@pytest.fixture(scope="module")
def profile(two_references):
    return made_up_profile(two_references)


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
    plan = find_plan(chain(), profile, source="chain")
    moved = plan.transfers[0]
    label = transfer_label(moved.tensor, moved.source, moved.target)
    one = ran(9000, layer=500, transfers=[(label, 4 * moved.predicted_ns)], device="b")
    found = corrected(profile, [moved], [Ran(plan.assignment, one)])
    for before, after in zip(profile.transfers, found.transfers, strict=True):
        same_pair = (before.source, before.target) == (moved.source, moved.target)
        assert after.overhead_ns == pytest.approx(before.overhead_ns * (4 if same_pair else 1))


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


def test_what_load_adds_shows_in_the_whole_alone(profile):
    """Parts are timed one after the other: 15,000 ns that should overlap to 7,500, took 9,000."""
    slow = attrs.evolve(ran(15_000, layer=2000, launch=3000), samples=[9000] * 20)
    overlapping = Ran(everywhere(chain(), "a"), slow, overlap=0.5)
    found = corrected(profile, (), [overlapping])
    assert median(found, "first", "a") == 2400
    assert found.launch("a", 1, "user") == 3600


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


@pytest.mark.parametrize(
    ("durations", "precision", "wanted"),
    [([10], 0.005, 0.2), ([10, 12], 0.005, 2.0), ([10, 12], 0.2, 0.2), ([10], 0.0, 2.0)],
)
def test_measuring_ends_when_medians_are_precise(monkeypatch, durations, precision, wanted):
    clock = itertools.count()
    now = 0

    class Engine:
        def run_encoded(self, arrays):
            nonlocal now
            now += 10**5 * durations[next(clock) % len(durations)]
            return []

        def run_timed(self, arrays):
            return Trace((), 1)

    monkeypatch.setattr(
        measuring,
        "time",
        SimpleNamespace(monotonic=lambda: now / 1e9, perf_counter_ns=lambda: now),
    )
    measure({"x": Engine(), "y": Engine()}, {}, seconds=2.0, precision=precision)
    assert wanted <= now / 1e9 <= wanted + 0.05
