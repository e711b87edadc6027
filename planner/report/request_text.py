"""What was asked of a plan, as text."""

from __future__ import annotations

from collections.abc import Iterator

from bnnplan.planner.problem import Measure
from bnnplan.planner.report.units import amount, size
from bnnplan.planner.request import Request

WORDS = {Measure.LATENCY: "deadline", Measure.PERIOD: "most period", Measure.ENERGY: "most energy"}


def request_text(request: Request) -> str:
    """Objectives and constraints in one line; empty for the least latency without any."""
    return "" if request == Request() else "asked for: " + "; ".join(_parts(request))


def limits_text(request: Request) -> str:
    """The limits by name, in the middle of a sentence."""
    return " and ".join(
        f"the {WORDS.get(limit.measure, f'most {limit.measure}')} of "
        f"{amount(limit.measure, limit.most)}"
        for limit in request.limits
    )


def _parts(request: Request) -> Iterator[str]:
    yield "least " + ", then ".join(str(measure) for measure in request.objectives)
    for limit in request.limits:
        words = WORDS.get(limit.measure, f"most {limit.measure}")
        yield f"{words} {amount(limit.measure, limit.most)}"
    for space, capacity in request.memory.items():
        yield f"memory of {space} up to {size(capacity)}"
    for device in dict.fromkeys(request.pins.values()):
        layers = [layer for layer, where in request.pins.items() if where == device]
        yield f"{', '.join(layers)} on {device}"
    for device in dict.fromkeys(where for _, where in request.forbidden):
        layers = [layer for layer, where in request.forbidden if where == device]
        yield f"{', '.join(layers)} not on {device}"
    for group in request.colocated:
        yield f"{', '.join(group)} on one device"
    if request.switches is not None:
        switches = "switch" if request.switches == 1 else "switches"
        yield f"at most {request.switches} {switches} of device"
    if request.contiguous:
        yield "one part a device"
    if request.confidence is not None:
        yield f"layer times at {request.confidence:.3g} confidence"
