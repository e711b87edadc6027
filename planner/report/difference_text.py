"""The difference of two plans as text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from bnnplan.planner.difference import Difference, Moved, Value
from bnnplan.planner.plan import PlannedTransfer, Proof
from bnnplan.planner.profile import Origin
from bnnplan.planner.report.origin_text import cost_text
from bnnplan.planner.report.tables import Rows
from bnnplan.planner.report.units import amount, duration, percent, size, times
from bnnplan.planner.uncertainty import origins_text

SHOWN_COSTS = 8


def difference_text(found: Difference, *, verbose: bool = False) -> Iterator[str | Rows]:
    """Give the lines and tables that state a difference, the values first.

    Parameters
    ----------
    found : Difference
    verbose : bool
        All layers whose cost alone differs, instead of those that differ most.
    """
    yield f"{found.network}: what changes from the first plan to the second"
    if found.is_none:
        yield "nothing: both place every layer alike, at the same predicted cost"
    for wish in found.wishes:
        yield f"{wish.what}: {wish.first} → {wish.second}"
    if found.streams[0] != found.streams[1] and any(", " in one for one in found.streams):
        yield f"streams: {found.streams[0]} → {found.streams[1]}"
    yield _values(found)
    for number, proof in zip(("first", "second"), found.proofs, strict=True):
        yield f"{number}: {_proof(proof)}"
    if any(set(counts) != {Origin.MEASURED} for counts in found.origins):
        first, second = (origins_text(Counter(counts).elements()) for counts in found.origins)
        yield f"costs of layers: first {first}; second {second}"
    if found.moved:
        yield _moved(found.moved)
    if found.recosted:
        yield from _recosted(found.recosted, verbose=verbose)
    if found.same:
        layers = "1 layer is" if found.same == 1 else f"{found.same} layers are"
        yield f"{layers} the same in both"
    for word, rows in (("gone", found.gone), ("new", found.new)):
        for row in rows:
            yield f"transfer {word}: {_transfer(row)}"
    if found.memory:
        yield _memory(found)


def _values(found: Difference) -> Rows:
    rows = Rows("", "first", "second", "change")
    for value in found.values:
        rows.add_row(
            f"{'measured' if value.measured else 'predicted'} {value.measure}",
            amount(value.measure, value.first),
            amount(value.measure, value.second),
            _change(value, found.batches),
        )
    return rows


def _change(value: Value, batches: tuple[int, int]) -> str:
    if value.first is None or value.second is None:
        return "–"
    first, second = value.first / batches[0], value.second / batches[1]
    text = _ratio(first, second)
    return text if batches[0] == batches[1] else f"{text} an image"


def _ratio(first: float, second: float) -> str:
    if first == second:
        return "same"
    if second > 2 * first > 0:
        return times(second / first)
    return f"{'+' if second > first else '−'}{percent(abs(second - first) / max(first, 1e-9))}"


def _proof(proof: Proof) -> str:
    gap = "unknown gap" if proof.gap is None else f"gap {percent(proof.gap)}"
    return f"{proof.status}, {gap}, by {proof.method}"


def _moved(pairs: tuple[Moved, ...]) -> Rows:
    rows = Rows(
        *("layer that moved", "from", "to", "predicted", "then", "measured", "then"),
        left=3,
        optional=("measured",),
    )
    for pair in pairs:
        one, other = pair.first, pair.second
        rows.add_row(
            one.name,
            f"{one.device} {one.configuration.label}",
            f"{other.device} {other.configuration.label}",
            cost_text(one.predicted_ns, one.origin),
            cost_text(other.predicted_ns, other.origin),
            duration(one.measured_ns),
            duration(other.measured_ns),
        )
    return rows


def _recosted(pairs: tuple[Moved, ...], *, verbose: bool) -> Iterator[str | Rows]:
    """Layers that stay, by how much their cost changed."""
    before = sum(pair.first.predicted_ns for pair in pairs)
    after = sum(pair.second.predicted_ns for pair in pairs)
    yield (
        f"{len(pairs)} layers are placed alike at another cost, in all {duration(before)} → "
        f"{duration(after)}"
    )
    ordered = sorted(pairs, key=lambda p: -abs(p.second.predicted_ns - p.first.predicted_ns))
    rows = Rows("layer that stays", "predicted", "then", "change")
    for pair in ordered if verbose else ordered[:SHOWN_COSTS]:
        one, other = pair.first, pair.second
        rows.add_row(
            one.name,
            cost_text(one.predicted_ns, one.origin),
            cost_text(other.predicted_ns, other.origin),
            _ratio(one.predicted_ns, other.predicted_ns),
        )
    yield rows
    if not verbose and len(ordered) > SHOWN_COSTS:
        yield f"({len(ordered) - SHOWN_COSTS} more with --verbose)"


def _transfer(row: PlannedTransfer) -> str:
    return (
        f"{row.tensor}, {row.source} → {row.target}, {size(row.nbytes)}, "
        f"{duration(row.predicted_ns)}"
    )


def _memory(found: Difference) -> Rows:
    rows = Rows("memory", "first", "second", "change")
    for use in found.memory:
        one, other = (
            None if row is None else row.allocated_bytes for row in (use.first, use.second)
        )
        rows.add_row(
            use.space,
            "–" if one is None else size(one),
            "–" if other is None else size(other),
            "–" if one is None or other is None else _ratio(one, other),
        )
    return rows
