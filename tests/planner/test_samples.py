"""What layers took is told by the pace of the machine at the time."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnnplan.backends.interface import Configuration
from bnnplan.planner.characterizing.pace import NEAR, STEP, Pace
from bnnplan.planner.characterizing.probes import BITS
from bnnplan.planner.characterizing.samples import Measurements, Sample, Trial
from bnnplan.planner.descriptors import Distances

CLOSE = pytest.approx(1.0, rel=STEP)


def pace_of(*times):
    pace = Pace()
    for ns in times:
        pace.add(ns)
    return pace


def sample(ns, probe, threads=1):
    how = Configuration("Z" if threads > 1 else "", threads)
    return Sample(BITS.probe, "a", how, ns, probe, 0, 0, Distances())


def trial(*runs):
    kernel = SimpleNamespace(
        bound=BITS.probe, configuration=Configuration(), weight_bytes=1, workspace_bytes=2
    )
    return Trial(None, kernel, list(runs))


@given(st.lists(st.floats(1.0, 1e9), min_size=1, max_size=40))
def test_a_quarter_of_the_runs_is_no_slower_than_the_usual_pace(times):
    usual = pace_of(*times).usual
    below = sum(ns <= usual * (1 + STEP) for ns in times)
    above = sum(ns >= usual * (1 - STEP) for ns in times)
    assert below >= len(times) / 4
    assert above >= len(times) * 3 / 4


def test_a_clock_that_errs_some_times_does_not_make_the_pace():
    assert pace_of(*[1.0] * 3, *[14_000.0] * 40).usual / 14_000 == CLOSE


def test_a_pace_that_nobody_saw_is_an_error():
    with pytest.raises(ValueError, match="never ran"):
        _ = Pace().usual


@given(st.floats(0.2, 5.0))
def test_distances_from_the_usual_pace_are_factors_either_way(factor):
    pace = pace_of(1000.0)
    assert pace.distance(1000.0 * factor) / max(factor, 1 / factor) == CLOSE


def test_samples_are_told_at_the_usual_pace():
    found = Measurements(paces={("a", 1): pace_of(100.0), ("a", 2): pace_of(60.0)})
    found.samples = [sample(30.0, 100.0), sample(45.0, 150.0), sample(7.0, 70.0, threads=2)]
    told = [30.0, 30.0, 6.0]
    assert [s.ns for s in found.usual()] == pytest.approx(told, rel=STEP)


def test_samples_of_other_moments_count_where_those_of_the_usual_pace_are_few():
    found = Measurements(paces={("a", 1): pace_of(100.0)})
    usual, others = [sample(30.0, 105.0)] * 20, [sample(90.0, 150.0 + n) for n in range(80)]
    found.samples = usual + others
    assert len(found.usual()) == 20
    found.samples = usual[:3] + others
    told = [30 / 1.05] * 3 + [90 / (1.5 + n / 100) for n in range(9)]
    assert sorted(s.ns for s in found.usual()) == pytest.approx(sorted(told), rel=STEP)


def test_a_layer_is_told_by_the_probes_before_and_after_it():
    runs = [(30, 95, 105), (30, 100, 100), (31, 102, 104), (29, 98, 96), (30, 100, 100)]
    found = trial(*runs).sample("a", Distances(), pace_of(100.0))
    assert found.ns / found.probe_ns == pytest.approx(0.3, rel=0.01)


def test_runs_of_another_pace_do_not_count_where_others_are():
    pace = pace_of(100.0)
    usual, other = [(30, 100, 100)] * 5, [(90, 100, 100 * NEAR * 1.2)] * 20
    assert trial(*usual, *other).sample("a", Distances(), pace).ns == pytest.approx(30)
    assert trial(*other).sample("a", Distances(), pace).ns == pytest.approx(90)


def test_others_only_slow_a_layer_down():
    """Where memory was busy in more than half of the runs, the others tell what it takes."""
    runs = [(30, 100, 100)] * 4 + [(60, 100, 100)] * 6
    assert trial(*runs).sample("a", Distances(), pace_of(100.0)).ns == pytest.approx(30)
