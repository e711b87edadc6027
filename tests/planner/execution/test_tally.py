"""Periods of batches, of which some overtake others."""

from hypothesis import given
from hypothesis import strategies as st

from bnnplan.backends.pipeline import StageUse
from bnnplan.planner.execution.pipelines.tally import StageLabel, Tally

LABELS = [StageLabel(stream, 0, ("c",), ("l",)) for stream in range(2)]


class Ran:
    """A native pipeline of two streams, with the time at which each batch was complete."""

    def __init__(self, ends):
        self.ends = ends

    def use(self, stream, stage):
        return StageUse(0, 0)

    def span(self, number):
        return 0, self.ends[number]


def measured(ends):
    tally = Tally(Ran(ends), LABELS)
    tally.note(0, len(ends))
    return tally.measured(0, len(ends))


def test_overtaken_batches_do_not_hide_the_period():
    """Three of four overtake the one that was begun before them; one is complete every 100 ns."""
    ends = [400 * (number // 4) + 100 * (number % 4 or 4) for number in range(32)]
    assert ends[:6] == [400, 100, 200, 300, 800, 500]
    assert measured(ends).period.median == 100


@given(st.permutations(range(1, 17)))
def test_in_whatever_order_batches_end_the_period_is_more_than_0(order):
    assert measured([1000 * end for end in order]).period.median >= 500
