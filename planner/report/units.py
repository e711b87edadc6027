"""Figures in units that a person reads."""

from __future__ import annotations

from typing import Protocol

from bnnplan.planner.problem import Measure


class Interval(Protocol):
    """A median with the ends of its interval."""

    @property
    def median(self) -> float: ...
    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...


def duration(ns: float | None) -> str:
    """Nanoseconds as ns, µs, ms or s with three digits; a dash for None."""
    if ns is None:
        return "–"
    for unit, scale in (("s", 1e9), ("ms", 1e6), ("µs", 1e3)):
        if abs(ns) >= scale:
            digits = max(0, 2 - len(str(int(abs(ns / scale)))) + 1)
            return f"{ns / scale:.{digits}f} {unit}"
    return f"{ns:.0f} ns"


def size(nbytes: float) -> str:
    """Bytes as B, KiB, MiB or GiB."""
    for unit, scale in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if nbytes >= scale:
            return f"{nbytes / scale:.1f} {unit}"
    return f"{nbytes:.0f} B"


def energy(nanojoules: float | None) -> str:
    """Nanojoules as nJ, µJ, mJ or J with three digits; a dash for None."""
    if nanojoules is None:
        return "–"
    # Both units have the same prefixes: a nanojoule is to a joule what a nanosecond is to a second.
    return f"{duration(nanojoules)[:-1]}J"


def amount(measure: Measure, value: float | None) -> str:
    """A value of a measure of plans, in its unit; a dash for None."""
    if value is None:
        return "–"
    if measure is Measure.ENERGY:
        return energy(value)
    return size(value) if measure is Measure.MEMORY else duration(value)


def exact(measure: Measure, value: int) -> str:
    """A value of a measure of plans in its unit, with the whole number where that is rounded."""
    units = {Measure.ENERGY: "nJ", Measure.MEMORY: "B"}
    whole = f"{value} {units.get(measure, 'ns')}"
    rounded = amount(measure, value)
    return rounded if rounded == whole else f"{rounded} ({whole})"


def per_second(rate: float | None, unit: str = "") -> str:
    """So many of a unit a second, with three digits and k, M, G or T; a dash for None."""
    if rate is None:
        return "–"
    prefix, scale = next(
        ((p, s) for p, s in (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)) if rate >= s), ("", 1)
    )
    digits = max(0, 3 - len(str(int(rate / scale))))
    return f"{rate / scale:.{digits}f} {prefix}{unit if prefix else unit.lstrip()}/s"


def share(part: float | None) -> str:
    """A share in whole percent, with one digit behind the point below ten; a dash for None."""
    if part is None:
        return "–"
    return f"{100 * part:.{0 if part >= 0.0995 else 1}f} %"


def percent(share: float | None) -> str:
    """A share in percent with three digits, up to two of them behind the point; a dash for None."""
    if share is None:
        return "–"
    digits = f"{100 * share:.3g}"
    return f"{float(digits):,.0f} %" if "e+" in digits else f"{digits} %"


def signed_percent(share: float) -> str:
    """A share in percent that is more or less than nothing."""
    return f"{'+' if share >= 0 else '−'}{percent(abs(share))}"


def times(ratio: float) -> str:
    """A ratio with three digits, and no more than two of them behind the point."""
    if ratio >= 1000:
        return f"{float(f'{ratio:.3g}'):,.0f}×"
    digits = 2 if ratio < 10 else 1 if ratio < 100 else 0
    return f"{ratio:.{digits}f}×"


def interval_text(ratio: Interval) -> str:
    """The 95 % interval of a ratio; three decimals near 1, where the side of it matters."""
    digits = 3 if abs(ratio.median - 1) < 0.1 else 2
    return f"95 % {ratio.low:.{digits}f} to {ratio.high:.{digits}f}"
