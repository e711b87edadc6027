"""Which costs were measured and which were not, as text: never one for the other."""

from __future__ import annotations

from collections.abc import Iterator

from bnnplan.planner.plan import Plan
from bnnplan.planner.problem import Measure
from bnnplan.planner.profile import Eliminated, Origin, Time
from bnnplan.planner.report.units import amount, duration, percent, signed_percent
from bnnplan.planner.uncertainty import least_known, origins_text


def cost_text(ns: int, origin: Origin) -> str:
    """A layer's cost; what was not measured is marked, and says what it is."""
    return duration(ns) if origin is Origin.MEASURED else f"~{duration(ns)} {origin}"


def mark(origin: Origin) -> str:
    """What stands before a figure that rests on costs which were not measured."""
    return "" if origin is Origin.MEASURED else "~"


def estimate(ns: float | None, origin: Origin) -> str:
    """A time that rests on costs of an origin, marked; a dash for None."""
    return duration(ns) if ns is None else mark(origin) + duration(ns)


def estimated(measure: Measure, value: float | None, origin: Origin) -> str:
    """A value of a measure; bytes rest on no costs."""
    is_known = value is None or measure is Measure.MEMORY
    return ("" if is_known else mark(origin)) + amount(measure, value)


def plan_origin(plan: Plan) -> Origin:
    """How the costs of all layers of a plan are known, in all of its streams."""
    return least_known(row.origin for stream in plan.streams for row in stream.layers)


def offered_origin(plan: Plan) -> Origin:
    """How what a plan is proven against is known: all placements, not those of the plan alone."""
    found = plan_origin(plan)
    return Origin.PREDICTED if plan.model and found is Origin.MEASURED else found


def spread_text(time: Time) -> str:
    """How far below and above its median a time may be, as shares of it."""
    below, above = (abs(end / max(time.median, 1) - 1) for end in (time.low, time.high))
    if abs(below - above) < 0.005:
        return f"±{percent(above)}"
    return f"−{percent(below)} +{percent(above)}"


def origin_lines(plan: Plan) -> Iterator[str]:
    """How the costs of a plan's layers are known, and how certain the whole is with them."""
    origins = [row.origin for row in plan.layers]
    source = f"; by {plan.model}" if plan.model else ""
    if plan_origin(plan) is Origin.MEASURED:
        if plan.model:
            yield (
                f"costs of layers: {origins_text(origins)}; of what the plan does without, and so "
                f"of baselines and of what is proven, some are not{source}"
            )
        return
    yield f"costs of layers: {origins_text(origins)}{source}"
    if plan.predicted.interval is not None:
        yield interval_text(plan.predicted.interval, Origin.MODELLED in origins)
    if plan.predicted.period_interval is not None:
        low, high = plan.predicted.period_interval
        streams = "; the rates of streams added up" if plan.replicas else ""
        yield (
            f"period {duration(low)} to {duration(high)}, by the same rule for what each device "
            f"works, with all devices off the same way at once{streams}"
        )


def interval_text(interval: tuple[int, int], is_modelled: bool) -> str:
    """Where a latency lies, and what that takes for granted."""
    ends = f"{duration(interval[0])} to {duration(interval[1])}"
    # Margins that somebody put on published figures are no statistics.
    known = "by the margins of the model, which nobody has measured" if is_modelled else "95 %"
    return (
        f"end to end {ends} ({known}), if layers of one kind are off the same way, different kinds "
        "independently, and transfers and launches not at all"
    )


def foretold_text(predicted: int, measured: float) -> str:
    """How far a board model was off, before measuring the plan corrected its costs."""
    off = signed_percent(predicted / max(measured, 1) - 1)
    return (
        f"the board model alone predicted {duration(predicted)} of this plan, measured "
        f"{duration(measured)} ({off})"
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
