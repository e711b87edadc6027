"""Sets of lineups in a room, and bounds of streams that need no search."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bnnplan.planner.streams.bounds import least_periods, most_rate
from bnnplan.planner.streams.packing import Item, pack, period_of

TAKES = st.tuples(st.integers(0, 2), st.integers(0, 2)).filter(any)
ITEMS = st.lists(
    st.builds(Item, TAKES, st.integers(1, 9), st.tuples(st.integers(0, 3))), max_size=5
)


def sets(items, capacity):
    """Every set of items that fits, by how often each is in it."""
    counts = [
        range(
            min(size // take for size, take in zip(capacity, item.takes, strict=True) if take) + 1
        )
        for item in items
    ]
    for chosen in itertools.product(*counts):
        used = [
            sum(n * i.takes[place] for n, i in zip(chosen, items, strict=True))
            for place in range(2)
        ]
        if all(one <= other for one, other in zip(used, capacity, strict=True)):
            yield [item for count, item in zip(chosen, items, strict=True) for _ in range(count)]


@given(ITEMS, st.sampled_from([0, 1]))
def test_the_best_set_is_packed(items, decided):
    def rank(chosen):
        cost = max((item.costs[0] for item in chosen), default=0)
        rate = sum(item.rate for item in chosen)
        return (-rate, cost, len(chosen)) if decided else (-rate, len(chosen), cost)

    found = pack(items, (3, 2), decided)[3, 2]
    chosen = [items[number] for number in found.items]
    assert found.rate == sum(item.rate for item in chosen)
    best = min(map(rank, sets(items, (3, 2))))
    # What decides last may lose to a set with fewer items of the same takes.
    assert rank(chosen)[:2] == best[:2]


def test_streams_together_have_the_sum_of_their_rates():
    assert period_of([10]) == 10
    assert period_of([10, 10]) == 5
    assert period_of([3, 6]) == 2
    assert period_of([3, 3, 7]) == math.ceil(1 / (2 / 3 + 1 / 7))


SPANS = st.integers(1, 4).flatmap(
    lambda kinds: st.lists(
        st.lists(st.integers(1, 50), min_size=kinds, max_size=kinds), min_size=1, max_size=4
    )
)


@settings(max_examples=60)
@given(SPANS, st.data())
def test_no_choice_of_layers_is_below_the_bound(rows, data):
    spans = np.array(rows, dtype=float)
    kinds = spans.shape[1]
    counts = data.draw(st.lists(st.integers(0, 2), min_size=kinds, max_size=kinds).filter(any))
    (bound,) = least_periods(spans, np.array([counts]))
    devices = [kind for kind, count in enumerate(counts) for _ in range(count)]
    best = min(
        max(sum(spans[row, devices[n]] for row, n in enumerate(choice) if n == device)
            for device in range(len(devices)))
        for choice in itertools.product(range(len(devices)), repeat=len(rows))
    )  # fmt: skip
    assert bound <= best
    rate = most_rate(spans, np.eye(kinds), [max(count, 1) for count in counts])
    assert rate >= 1 / best - 1e-9


def test_bounds_are_near_where_layers_can_be_divided():
    spans = np.full((40, 2), 10.0)
    spans[:, 1] = 20.0
    (alone, both) = least_periods(spans, np.array([[1, 0], [1, 1]]))
    assert alone == pytest.approx(400)
    assert both == pytest.approx(400 / 1.5, rel=0.02)
    assert most_rate(spans, np.eye(2), [1, 1]) == pytest.approx(1.5 / 400, rel=0.02)


def test_a_layer_that_cannot_run_makes_a_lineup_impossible():
    spans = np.array([[10.0, np.inf], [np.inf, 10.0]])
    assert list(least_periods(spans, np.array([[1, 0], [0, 1], [1, 1]]))) == [
        np.inf,
        np.inf,
        pytest.approx(10.0),
    ]
