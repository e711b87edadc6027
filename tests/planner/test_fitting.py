"""Least squares that are never negative, and fits of terms by relative error."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from bnnplan.planner.fitting import error_of, fit_sizes, fit_terms, held_out
from bnnplan.planner.nonnegative import non_negative

FIGURES = st.floats(-4, 4).map(lambda value: round(value, 3))
SYSTEMS = st.tuples(st.integers(1, 9), st.integers(1, 5)).flatmap(
    lambda size: st.tuples(
        arrays(float, size, elements=FIGURES), arrays(float, size[0], elements=FIGURES)
    )
)


@given(SYSTEMS)
def test_the_minimum_satisfies_the_conditions_of_karush_kuhn_and_tucker(system):
    matrix, wanted = system
    found = non_negative(matrix, wanted)
    gradient = matrix.T @ (matrix @ found - wanted)
    slack = 1e-6 * (1 + np.abs(matrix).sum() * (1 + np.abs(wanted).max()))
    assert (found >= 0).all()
    # More of anything makes it no better, and less of what there is neither.
    assert (gradient >= -slack).all()
    assert (np.abs(gradient[found > 0]) <= slack).all()


def test_where_the_best_is_not_negative_anyway_it_is_that_of_least_squares():
    random = np.random.default_rng(1)
    matrix, true = random.uniform(0, 1, (30, 4)), np.array([3.0, 0.5, 2.0, 1.0])
    wanted = matrix @ true + random.normal(0, 1e-3, 30)
    best = np.linalg.lstsq(matrix, wanted, rcond=None)[0]
    assert non_negative(matrix, wanted) == pytest.approx(best)


def synthetic(count=200, noise=0.01, seed=0):
    random = np.random.default_rng(seed)
    terms = [
        {"layer": 1.0, "steps": 10 ** random.uniform(2, 5), "bytes": 10 ** random.uniform(1, 4)}
        for _ in range(count)
    ]
    times = [500 + 0.3 * t["steps"] + 0.8 * t["bytes"] for t in terms]
    return terms, [t * (1 + random.normal(0, noise)) for t in times]


def test_a_fit_recovers_the_coefficients_and_states_its_error():
    terms, times = synthetic()
    fit = fit_terms(terms, times)
    assert dict(fit.coefficients) == pytest.approx(
        {"layer": 500, "steps": 0.3, "bytes": 0.8}, rel=0.02
    )
    assert fit.error.samples == 200
    assert 0.005 < fit.error.mean < 0.012
    assert fit.error.median < fit.error.mean
    assert 0.96 < fit.error.low < 0.99 < 1.01 < fit.error.high < 1.04


@pytest.mark.parametrize("count", [3, 6, 20, 200])
def test_about_95_of_100_times_lie_within_the_interval_however_few_samples_told_it(count):
    random = np.random.default_rng(count)
    inside = []
    for _ in range(400):
        error = error_of(np.exp(-random.normal(0, 0.1, count)))
        inside.append(error.low <= np.exp(random.normal(0, 0.1)) <= error.high)
    assert 0.92 < np.mean(inside) <= 1.0


def test_an_interval_of_two_samples_that_lie_far_apart_is_a_number():
    error = error_of(np.array([1e-3, 1e3]))
    assert 0 <= error.low < error.high < np.inf


def test_terms_of_most_time_come_first():
    terms, times = synthetic()
    assert next(iter(fit_terms(terms, times).coefficients)) == "steps"


def test_a_tenth_of_outliers_hardly_moves_the_fit():
    terms, times = synthetic()
    disturbed = [t * (4 if index % 10 == 0 else 1) for index, t in enumerate(times)]
    fit = fit_terms(terms, disturbed)
    assert fit.coefficients["steps"] == pytest.approx(0.3, rel=0.02)
    # They are not hidden, though.
    assert fit.error.mean > 0.05


def test_terms_that_explain_nothing_are_dropped():
    terms, times = synthetic(noise=0.02)
    random = np.random.default_rng(5)
    noisy = [{**t, **{f"noise {i}": random.uniform(0, 1) for i in range(5)}} for t in terms]
    kept = set(fit_terms(noisy, times).coefficients)
    assert {"layer", "steps", "bytes"} <= kept
    assert len(kept) <= 5


def test_samples_are_judged_by_fits_that_have_not_seen_them():
    # A term of its own for every sample: fitted perfectly, and of no use for any other.
    assert held_out(np.eye(20)) == pytest.approx(np.zeros(20))


@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_samples_are_fitted_all_the_same(count):
    terms, times = synthetic(count)
    assert sum(fit_terms(terms, times).coefficients.values()) > 0


def test_without_samples_left_out_nothing_is_promised():
    assert error_of(np.zeros(0)).samples == 0
    assert error_of(np.zeros(0)).mean == 1.0


@given(st.lists(st.tuples(st.integers(1, 500), st.integers(0, 500)), min_size=4, max_size=12))
def test_exact_sizes_are_found_exactly(counts):
    terms = [{"words": float(a), "rows": float(b)} for a, b in counts]
    sizes = [8 * a + 2 * b for a, b in counts]
    found = fit_sizes(terms, sizes)
    again = [sum(found.get(name, 0.0) * value for name, value in t.items()) for t in terms]
    assert again == pytest.approx(sizes, rel=1e-6)
