"""Which costs were measured and which were not, as text: never one for the other."""

from __future__ import annotations

from collections.abc import Iterator

from bnnplan.planner.plan import Plan
from bnnplan.planner.profile import Eliminated, Origin, Time
from bnnplan.planner.report.units import duration, percent
from bnnplan.planner.uncertainty import origins_text


def cost_text(ns: int, origin: Origin) -> str:
    """A layer's cost; what was not measured is marked, and says what it is."""
    return duration(ns) if origin is Origin.MEASURED else f"~{duration(ns)} {origin}"


def spread_text(time: Time) -> str:
    """How far below and above its median a time may be, as shares of it."""
    below, above = (abs(end / max(time.median, 1) - 1) for end in (time.low, time.high))
    if abs(below - above) < 0.005:
        return f"±{percent(above)}"
    return f"−{percent(below)} +{percent(above)}"


def origin_lines(plan: Plan) -> Iterator[str]:
    """How the costs of a plan's layers are known, and how certain the whole is with them."""
    origins = [row.origin for row in plan.layers]
    if all(origin is Origin.MEASURED for origin in origins):
        return
    source = f"; by {plan.model}" if plan.model else ""
    yield f"costs of layers: {origins_text(origins)}{source}"
    if plan.predicted.interval is not None:
        yield interval_text(plan.predicted.interval, Origin.MODELLED in origins)


def interval_text(interval: tuple[int, int], is_modelled: bool) -> str:
    """Where a latency lies, and what that takes for granted."""
    ends = f"{duration(interval[0])} to {duration(interval[1])}"
    # Margins that somebody put on published figures are no statistics.
    known = "by the margins of the model, which nobody has measured" if is_modelled else "95 %"
    return (
        f"end to end {ends} ({known}), if layers of one kind are off the same way, different kinds "
        "independently, and transfers and launches not at all"
    )


def eliminated_text(found: Eliminated, seconds: float) -> str:
    """What elimination left out, what that saved, and what it risked."""
    text = (
        f"{found.measured} of {found.offered} placements measured to the end, the others could no "
        f"longer win; that took {seconds:.1f} s and saved {found.saved:.1f} s "
        f"({percent(found.saved / max(found.saved + seconds, 1e-9))}) at a rough estimate, if the "
        "others were stable after as few runs as these; risk that one of them was "
        f"better: {percent(found.risk)}, expected loss {duration(found.regret)}"
    )
    if not found.unchecked:
        return text
    return f"{text}; {found.unchecked} were never run nor checked: their costs are predicted"
