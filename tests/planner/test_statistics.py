import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnnplan.planner.profiling.transfers import fit
from bnnplan.planner.statistics import percentile, rank_correlation, student, summarize

SAMPLES = st.lists(st.integers(1, 10**9), min_size=1, max_size=200)


@given(SAMPLES)
def test_summary_is_ordered_and_within_the_samples(samples):
    time = summarize(samples, tolerance=0.05)
    assert min(samples) <= time.low <= time.median <= time.high <= max(samples)
    assert time.median <= time.p90 <= max(samples)
    assert time.runs == len(samples)


@given(SAMPLES, st.integers(2, 1000))
def test_summary_scales_with_the_samples(samples, factor):
    plain = summarize(samples, tolerance=0.05)
    scaled = summarize([sample * factor for sample in samples], tolerance=0.05)
    assert scaled.median == plain.median * factor
    assert (scaled.low, scaled.high) == (plain.low * factor, plain.high * factor)


def test_many_equal_samples_are_stable_and_two_are_not():
    assert summarize([100] * 20, tolerance=0.01).stable
    assert not summarize([100, 100], tolerance=0.01).stable
    assert not summarize([100, 200] * 10, tolerance=0.01).stable


def test_percentiles_are_nearest_rank():
    assert [percentile(range(1, 101), p) for p in (50, 90, 99, 100)] == [50, 90, 99, 100]
    assert percentile([7], 99) == 7


@given(st.integers(1, 10**5), st.floats(0.01, 10.0))
def test_fit_recovers_a_line(overhead, slope):
    sizes = [64, 512, 4096, 32768, 262144]
    points = [(size, round(1000 * (overhead + size * slope))) for size in sizes]
    cost = fit("a", "b", points)
    for size, time in points:
        assert abs(cost.duration(size) - time) <= 0.01 * time + 2
    assert cost.residual < 0.01


@given(st.lists(st.integers(1, 10**6), min_size=3, max_size=6))
def test_fit_never_predicts_less_than_nothing(times):
    points = [(64 * 4**index, time) for index, time in enumerate(times)]
    cost = fit("a", "b", points)
    assert cost.overhead_ns >= 0
    assert cost.ns_per_byte >= 0


def test_ranks_correlate_by_order_alone():
    assert rank_correlation([1, 2, 3, 4], [10, 20, 30, 1000]) == 1.0
    assert rank_correlation([1, 2, 3], [3, 2, 1]) == -1.0
    # By hand: ranks 1, 2.5, 2.5, 4 and 1, 3, 2, 4.
    assert rank_correlation([1, 5, 5, 9], [1, 3, 2, 4]) == pytest.approx(4.5 / (4.5 * 5) ** 0.5)


def test_what_is_all_equal_has_no_order():
    assert rank_correlation([2, 2, 2], [1, 2, 3]) is None
    assert rank_correlation([1], [1]) is None


@pytest.mark.parametrize(("freedom", "value"), [(3, 3.182), (5, 2.571), (10, 2.228), (30, 2.042)])
def test_percentiles_of_students_t(freedom, value):
    assert student(freedom) == pytest.approx(value, rel=0.01)
