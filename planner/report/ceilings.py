"""What devices can do at most, and how near layers come to it, as text."""

from __future__ import annotations

from bnnplan.backends.interface import Ceiling, Device, Work
from bnnplan.planner.report.tables import Rows
from bnnplan.planner.report.units import per_second, share, size
from bnnplan.planner.roofline import Bound, at_threads

EXPLANATION = "of ceiling: least time of the layer's products or bytes, as a share of its time"


def ceiling_table(devices: tuple[Device, ...]) -> Rows:
    """One line a ceiling: for one thread, for all, and for one core in one cycle of its clock."""
    rows = Rows("device", "ceiling", "1 thread", "all threads", "a core and cycle", left=2)
    for device in devices:
        alone = at_threads(device.ceilings, 1)
        together = at_threads(device.ceilings, device.threads)
        cycles = next((c.rate for c in alone if c.work is Work.CYCLES), None)
        for number, (one, every) in enumerate(zip(alone, together, strict=True)):
            is_clock = one.work is Work.CYCLES
            rows.add_row(
                "" if number else device.name,
                _name(one),
                _rate(one),
                _rate(every),
                "" if is_clock or cycles is None else f"{one.rate / cycles:.3g}",
            )
    return rows


def _name(ceiling: Ceiling) -> str:
    details = [ceiling.variant] if ceiling.variant else []
    if ceiling.work is Work.BYTES_READ:
        details.append("read" if ceiling.capacity is None else f"read, {size(ceiling.capacity)}")
    return f"{ceiling.name} ({', '.join(details)})" if details else ceiling.name


def _rate(ceiling: Ceiling) -> str:
    if ceiling.work is Work.CYCLES:
        return f"{ceiling.rate / ceiling.threads / 1e9:.2f} GHz"
    return per_second(ceiling.rate, "B" if ceiling.work is Work.BYTES_READ else "")


def share_of_ceiling(least: Bound | None, ns: int) -> tuple[str, str]:
    """How near a measured layer comes to its ceiling, and to which; dashes where unknown."""
    if least is None:
        return share(None), "–"
    return share(least.ns / max(ns, 1)), least.ceiling.name
