"""Why a plan is as it is, as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from bnnplan.planner.explanation.change import LAYER, OTHERS, Change
from bnnplan.planner.explanation.overview import Overview
from bnnplan.planner.explanation.places import Place, Switch
from bnnplan.planner.problem import Measure
from bnnplan.planner.profile import Origin
from bnnplan.planner.report.constraints_text import constraint_lines, margin_table
from bnnplan.planner.report.origin_text import cost_text, estimate, estimated
from bnnplan.planner.report.tables import Rows
from bnnplan.planner.report.units import amount, percent, size
from bnnplan.planner.solvers.insight.breakdown import ENTRIES, EXPORTS, TASKS, TRANSFERS
from bnnplan.planner.solvers.insight.critical import Step
from bnnplan.planner.solvers.insight.peaks import Peak

WORDS = {TASKS: "layers", ENTRIES: "launches", TRANSFERS: "transfers", EXPORTS: "exports"}
"""What parts are called in networks; the others have names that everybody knows."""
OF_LAYERS = (TASKS, LAYER, OTHERS)
"""Parts that costs of layers are in."""
SHOWN_STEPS = 12


def overview_text(found: Overview, *, verbose: bool = False) -> Iterator[str | Rows]:
    """Give the lines and tables of an explanation, the most important first."""
    measure, known = found.objective, found.origin
    yield from value_text(measure, found.value, found.stated, known)
    parts = ", ".join(parts_text(measure, found.parts, known=known))
    yield f"{measure} {estimated(measure, found.value, known)}: {parts}"
    yield best_text(found)
    yield from constraint_lines(measure, found.worths, found.offered)
    for peak in found.memory:
        yield peak_text(peak)
    yield from _limiting(found, verbose=verbose)
    if found.worths.margins:
        yield margin_table(measure, found.worths.margins, found.offered)
    for switch in found.switches:
        yield switch_text(measure, switch, found.offered)
    yield _places(measure, found.places, found.offered)


def value_text(
    measure: Measure, value: int, stated: int, known: Origin = Origin.MEASURED
) -> Iterator[str]:
    """Say so if the costs, known in some way, are not those that the plan was made with."""
    if value != stated:
        now = estimated(measure, value, known)
        yield (
            f"these are not the costs that the plan was made with: its {measure} is {now} with "
            f"this profile, {amount(measure, stated)} with its own"
        )


def parts_text(
    measure: Measure,
    parts: Mapping[str, int],
    *,
    signed: bool = False,
    known: Origin = Origin.MEASURED,
) -> list[str]:
    """Each part that is anything, in words; those of layers by how their costs are known."""
    found = []
    for name, part in parts.items():
        origin = known if name in OF_LAYERS else Origin.MEASURED
        text = _signed(measure, part, origin) if signed else estimated(measure, part, origin)
        found += [f"{WORDS.get(name, name)} {text}"] if part else []
    return found


def _signed(measure: Measure, value: int, known: Origin = Origin.MEASURED) -> str:
    return f"{'+' if value >= 0 else '−'}{estimated(measure, abs(value), known)}"


def best_text(found: Overview) -> str:
    """How near the plan is to the best that there is with these costs."""
    best, measure = found.worths.best, found.objective
    value, bound = (estimated(measure, one, found.offered) for one in (best.value, best.bound))
    if best.value < found.value:
        better = percent(1 - best.value / found.value)
        return f"with these costs another plan is better by {better}: {value}"
    if best.bound is not None and best.bound >= found.value:
        return "it is proven that no plan is better with these costs"
    return f"no better plan was found; none is below {bound}"


def peak_text(peak: Peak) -> str:
    """What a memory space holds at most, and when."""
    of = "" if peak.capacity is None else f" of {size(peak.capacity)}"
    full = ""
    if peak.capacity:
        full = f" ({percent(peak.bytes / peak.capacity)})"
    when = f", when {_words(peak.when)} starts" if peak.when else ""
    return f"memory of {peak.space}: {size(peak.bytes)}{of}{full}{when}"


def _limiting(found: Overview, *, verbose: bool) -> Iterator[str | Rows]:
    """What decides the value: the critical path, or the busiest resource."""
    if found.objective is Measure.PERIOD and found.loads:
        busiest = next(iter(found.loads))
        busy = estimate(found.loads[busiest], found.origin)
        yield f"bottleneck: {busiest}, busy {busy} a batch"
        others = [
            f"{name} {estimate(ns, found.origin)}" for name, ns in list(found.loads.items())[1:]
        ]
        if others:
            yield f"less busy: {', '.join(others)}"
    elif found.objective is Measure.LATENCY and found.path:
        yield _path(found.path, found.origin, verbose=verbose)


def _path(path: Sequence[Step], known: Origin, *, verbose: bool) -> Rows:
    """The longest steps of the critical path, or all of them, in the order of time."""
    longest = sorted(path, key=lambda step: step.start - step.end)
    shown = path if verbose else [step for step in path if step in longest[:SHOWN_STEPS]]
    rows = Rows("critical path", "waited for", "from", "takes", left=2)
    for step in shown:
        waited = f"{step.after}, busy" if step.after else "its inputs"
        rows.add_row(
            _words(step.words),
            waited,
            estimate(step.start, known if step.start else Origin.MEASURED),
            estimate(step.end - step.start, known if _is_layer(step) else Origin.MEASURED),
        )
    if len(shown) < len(path):
        rest = sum(step.end - step.start for step in path if step not in shown)
        rows.add_row(f"and {len(path) - len(shown)} shorter steps", "", "", estimate(rest, known))
    return rows


def _is_layer(step: Step) -> bool:
    """Whether a step is a layer; what transfers take is declared or measured."""
    return step.words.startswith("task ")


def _words(of_problem: str) -> str:
    """What a problem calls a task is a layer here."""
    return f"layer {of_problem[5:]}" if of_problem.startswith("task ") else of_problem


def switch_text(measure: Measure, switch: Switch, known: Origin = Origin.MEASURED) -> str:
    """What a change of device gains, and what it costs."""
    first, count = switch.layers[0], len(switch.layers)
    what = first if count == 1 else f"{first} … {switch.layers[-1]} ({count} layers)"
    where = f"{what} on {switch.device} rather than on {switch.instead}"
    stay = switch.stay
    if stay.reasons:
        return f"{where}: {stay.reasons[0]}"
    if stay.difference is None:
        return f"{where}: not found out within the time limit"
    saved, over = switch.computing, switch.overhead
    computing, switching, whole = (
        estimated(measure, abs(one), known) for one in (saved, over, stay.difference)
    )
    return (
        f"{where}: computing {'saves' if saved >= 0 else 'costs'} {computing}, "
        f"switching {'costs' if over >= 0 else 'saves'} {switching}: "
        f"{whole} {'gained' if stay.difference >= 0 else 'lost'}"
    )


def _places(measure: Measure, places: Sequence[Place], known: Origin) -> Rows:
    # A stream is explained on the devices that it has; others may be there for other streams.
    pipelined = measure is Measure.PERIOD
    alone = "its stream has no other device" if pipelined else "there is no other device"
    rows = Rows("layer", "where", "takes", "why here", left=4, wrapped="why here")
    for place in places:
        layer = place.layer
        why = [f"{on.device}: {change_text(measure, on.change, known)}" for on in place.elsewhere]
        why += [f"{device}: {reason}" for device, reason in place.unable]
        rows.add_row(
            layer.name,
            f"{layer.device} {layer.configuration.label}",
            cost_text(layer.predicted_ns, layer.origin),
            "; ".join(why) or alone,
        )
    return rows


def change_text(measure: Measure, change: Change, known: Origin = Origin.MEASURED) -> str:
    """What a change comes to, in one line."""
    if change.reasons:
        return change.reasons[0]
    if change.difference is None:
        return "not found out within the time limit"
    parts = ", ".join(parts_text(measure, change.parts, signed=True, known=known))
    text = _signed(measure, change.difference, known) if change.difference else "equal"
    if not change.proven and change.bound is not None:
        text = f"at most {text}"
    return f"{text} ({parts})" if parts else text
