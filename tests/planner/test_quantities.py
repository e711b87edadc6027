"""Quantities as a person writes them."""

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from bnnplan.planner.cli.quantities import nanojoules, nanoseconds, sized


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [
        (nanoseconds, "1.2ms", 1_200_000),
        (nanoseconds, " 5 us ", 5_000),
        (nanoseconds, "5µs", 5_000),
        (nanoseconds, "0.1s", 100_000_000),
        (nanoseconds, ".5us", 500),
        (nanoseconds, "7ns", 7),
        (nanoseconds, "1.2345us", 1_234),
        (nanojoules, "3mJ", 3_000_000),
        (nanojoules, "0.29J", 290_000_000),
        (nanojoules, "2uJ", 2_000),
        (sized, "64MiB", 64 * 2**20),
        (sized, "1.5KiB", 1536),
        (sized, "2GiB", 2**31),
        (sized, "17", 17),
        (sized, "17 B", 17),
    ],
)
def test_quantities_are_whole_numbers_of_the_least_unit(read, text, value):
    assert read("--x", text) == value


@pytest.mark.parametrize(
    ("read", "text", "units"),
    [
        (nanoseconds, "5", "ns, us, ms, s"),
        (nanoseconds, "5 mJ", "ns, us, ms, s"),
        (nanoseconds, "-5ms", "ns, us, ms, s"),
        (nanoseconds, "ms", "ns, us, ms, s"),
        (nanoseconds, "", "ns, us, ms, s"),
        (nanoseconds, "1e3ms", "ns, us, ms, s"),
        (nanoseconds, "1.2.3ms", "ns, us, ms, s"),
        (nanojoules, "5 W", "nJ, uJ, mJ, J"),
        (sized, "5MB", "B, KiB, MiB, GiB"),
        (sized, "nan", "B, KiB, MiB, GiB"),
    ],
)
def test_what_is_no_quantity_is_refused_with_the_units_that_there_are(read, text, units):
    with pytest.raises(typer.BadParameter, match=f"--x {text}: must be .* units {units}, such"):
        read("--x", text)


@pytest.mark.parametrize("text", ["9" * 5000 + "ns", "0." + "1" * 100 + "s", " " * 50])
def test_what_is_too_long_is_refused_and_not_repeated(text):
    with pytest.raises(typer.BadParameter, match="must have at most 40 characters") as fault:
        nanoseconds("--x", text)
    assert len(str(fault.value)) < 100


@given(st.integers(0, 10**12), st.sampled_from(["ns", "us", "ms", "s"]))
def test_whole_numbers_are_exact(number, unit):
    scale = {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9}[unit]
    assert nanoseconds("--x", f"{number}{unit}") == number * scale
