"""The distribution that durations are drawn from."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bnnplan.planner.profile import Time
from bnnplan.planner.simulation.spread import Spread, shaped, spread_of
from bnnplan.planner.statistics import summarize


@given(
    st.integers(1, 10**9),
    st.floats(0, 0.5),
    st.floats(0, 0.5),
    st.floats(0, 20),
    st.integers(1, 10_000),
)
def test_it_has_the_median_and_the_90th_percentile(median, below, above, tail, runs):
    p90 = round(median * (1 + tail))
    assume(p90 > median)
    low, high = round(median * (1 - below)), round(median * (1 + above))
    spread = spread_of(Time(median, low, high, p90, runs))
    assert spread.quantile(0.5) == pytest.approx(1)
    assert spread.quantile(0.9) == pytest.approx(p90 / median)
    assert spread.quantile(1e-9) >= 0


@pytest.mark.parametrize("truth", [Spread(0.2, 0.3), Spread(0.1, 1.0), Spread(0.05, 1.6)])
def test_a_sample_tells_the_shape(truth):
    samples = np.rint(1e6 * truth.draw(np.random.default_rng(1), 20_000)).astype(int)
    found = spread_of(summarize(samples.tolist(), tolerance=0.05))
    assert found.sigma == pytest.approx(truth.sigma, abs=0.25)
    for share in (0.1, 0.5, 0.9, 0.99):
        assert found.quantile(share) == pytest.approx(truth.quantile(share), rel=0.04)


def test_what_was_not_measured_or_always_takes_the_same_has_none():
    assert spread_of(Time(100, 90, 120, 150, 0)) is None
    assert spread_of(Time(100, 90, 120, 100, 50)) is None
    assert spread_of(Time(0, 0, 0, 0, 50)) is None
    assert shaped(0.0) is None


def test_draws_have_the_distribution():
    spread = Spread(0.3, 0.8)
    drawn = spread.draw(np.random.default_rng(0), 100_000)
    for share in (0.05, 0.5, 0.9):
        assert np.quantile(drawn, share) == pytest.approx(spread.quantile(share), rel=0.01)
