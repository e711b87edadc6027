"""What people read: tables that fit, names that cannot control a terminal, figures that add up."""

import io

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from networks import chain, everywhere

from bnnplan.planner.baselines import SINGLE_DEVICE
from bnnplan.planner.plan import Ratio
from bnnplan.planner.planning import find_plan
from bnnplan.planner.profiling import Options, profile_network
from bnnplan.planner.report.plan_text import print_plan
from bnnplan.planner.report.tables import Rows, shortened
from bnnplan.planner.report.terminal import LONGEST, PlainConsole, one_line, printable
from bnnplan.planner.report.units import interval_text, per_second, percent, share, times


def shown(thing, width=80):
    stream = io.StringIO()
    PlainConsole(file=stream, width=width, highlight=False, markup=False).print(thing)
    return stream.getvalue()


@given(st.text())
def test_what_is_printed_controls_no_terminal(text):
    assert printable(text).isprintable()
    table = Rows("name", "value")
    table.add_row(text, "1")
    for output in (shown(text), shown(table)):
        assert all(line.isprintable() for line in output.split("\n"))


def test_escapes_are_shown_and_markup_is_plain():
    assert "\\x1b[31m [bold]red\\u202e" in shown("\x1b[31m [bold]red\u202e")


def test_a_message_is_one_line_of_bounded_length():
    assert one_line("a\n  b\x00") == "a b\\x00"
    assert len(one_line("x" * 100_000)) == LONGEST


def test_a_long_name_loses_its_middle():
    assert shortened("features.block12.conv", 11) == "featu….conv"
    assert shortened("conv", 4) == "conv"


LONG = "features.denseblock1.denselayer1.conv1"


def table():
    made = Rows("layer", "why", "median", "runs", left=2, optional=("runs",))
    made.add_row(LONG, "one two three four five six seven eight nine", "1.00 ms", "123")
    return made


def test_a_wide_table_keeps_everything_and_ends_without_blanks():
    lines = shown(table(), 160).splitlines()
    assert lines[0].split() == ["layer", "why", "median", "runs"]
    assert LONG in lines[1]
    assert len(lines) == 2
    short = Rows("layer", "why", left=2)
    short.add_row("a", "longer than the other")
    short.add_row("b", "")
    assert all(line == line.rstrip() for line in shown(short).splitlines())


def test_a_narrow_table_shortens_names_wraps_on_blanks_and_drops_columns():
    at_72 = shown(table(), 72)
    assert "features.de" in at_72
    assert LONG not in at_72
    assert "runs" in at_72
    at_64 = shown(table(), 64)
    assert "runs" not in at_64
    assert "1.00 ms" in at_64
    words = " ".join(line[26:55].strip() for line in at_64.splitlines()[1:])
    assert words == "one two three four five six seven eight nine"
    assert all(len(line) <= 64 for line in at_64.splitlines())


@pytest.mark.parametrize(
    ("ratio", "text"), [(0.5, "0.50×"), (1.4286, "1.43×"), (28.11, "28.1×"), (2638.72, "2,640×")]
)
def test_ratios_have_three_digits(ratio, text):
    assert times(ratio) == text


@pytest.mark.parametrize(
    ("rate", "text"),
    [
        (None, "–"),
        (0.5, "0.50 B/s"),
        (999.0, "999 B/s"),
        (1000.0, "1.00 kB/s"),
        (83.6e9, "83.6 GB/s"),
        (2.5e12, "2.50 TB/s"),
        (4.2e15, "4200 TB/s"),
    ],
)
def test_rates_have_three_digits_and_a_prefix(rate, text):
    assert per_second(rate, "B") == text


@pytest.mark.parametrize(("rate", "text"), [(491.0, "491 images/s"), (6670.0, "6.67 k images/s")])
def test_rates_of_whole_words_have_one_space(rate, text):
    assert per_second(rate, " images") == text


@pytest.mark.parametrize(
    ("part", "text"),
    [(0.0, "0 %"), (0.0123, "1.23 %"), (9.99, "999 %"), (623.9, "62,400 %"), (None, "–")],
)
def test_percents_have_three_digits_and_no_powers_of_ten(part, text):
    assert percent(part) == text


@pytest.mark.parametrize(
    ("part", "text"),
    [(None, "–"), (0.0004, "0.0 %"), (0.0994, "9.9 %"), (0.0996, "10 %"), (1.03, "103 %")],
)
def test_shares_are_whole_percents_but_small_ones(part, text):
    assert share(part) == text


def test_an_interval_that_includes_one_is_no_difference():
    assert Ratio(1.0, 0.99, 1.01).is_one
    assert not Ratio(1.02, 1.001, 1.03).is_one
    assert interval_text(Ratio(1.02, 1.001, 1.03)) == "95 % 1.001 to 1.030"


@pytest.fixture(scope="module")
def plan(two_references):
    profile = profile_network(chain(), two_references, options=Options(tolerance=0.5, budget=1.0))
    return find_plan(chain(), profile, source="chain")


def test_baselines_that_are_the_plan_are_one_line(plan):
    baseline = plan.baseline(SINGLE_DEVICE)
    same = attrs.evolve(baseline, placements=plan.assignment)
    other = attrs.evolve(baseline, name="all on b", placements=everywhere(chain(), "b"))
    twin = attrs.evolve(other, name="all b -")
    others = [] if other.placements == plan.assignment else [other, twin]
    stream = io.StringIO()
    console = PlainConsole(file=stream, width=80, highlight=False, markup=False)
    print_plan(attrs.evolve(plan, baselines=[same, *others]), console)
    text = stream.getvalue()
    assert f"the plan itself: {SINGLE_DEVICE}" in text
    assert sum(line.startswith("all on b") for line in text.splitlines()) == len(others[:1])
    assert not any(line.startswith("all b -") for line in text.splitlines())


def test_baselines_count_the_layers_that_cannot_run_where_they_should(two_references):
    profile = profile_network(chain(), two_references, options=Options(tolerance=0.5, budget=1.0))
    layers = dict(profile.layers)
    only_b = [c for c in layers["second"].placements if c.device == "b"]
    layers["second"] = attrs.evolve(layers["second"], placements=only_b)
    plan = find_plan(chain(), attrs.evolve(profile, layers=layers), source="chain")
    assert plan.baseline("all on a").note == "other device: 1 layer"
    assert plan.baseline("all on b").note == ""
