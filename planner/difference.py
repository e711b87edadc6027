"""What two plans of one network have in common, and in what they differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from attrs import frozen

from bnnplan.models.files import converter
from bnnplan.planner.board import Board
from bnnplan.planner.plan import MemoryUse, Plan, PlanError, PlannedLayer, PlannedTransfer, Proof
from bnnplan.planner.problem import Measure
from bnnplan.planner.profile import Origin


@frozen
class Wish:
    """Something that two plans were asked for differently, in the words of the plan file."""

    what: str
    first: str
    second: str


@frozen
class Value:
    """A measure of both plans, in its unit, of a whole batch; None where it is not known.

    Parameters
    ----------
    measured : bool
        Whether the board said so; else it is predicted.
    """

    measure: Measure
    measured: bool
    first: int | None
    second: int | None


@frozen
class Moved:
    """A layer in both plans."""

    first: PlannedLayer
    second: PlannedLayer

    @property
    def is_placed_alike(self) -> bool:
        """Whether device and configuration are the same."""
        return (self.first.device, self.first.configuration) == (
            self.second.device,
            self.second.configuration,
        )


@frozen
class SpaceUse:
    """What both plans hold in a memory space; None where it is not used or not known."""

    space: str
    first: MemoryUse | None
    second: MemoryUse | None


@frozen
class Difference:
    """How the second plan differs from the first.

    Parameters
    ----------
    network : str
    batches : tuple of (int, int)
    wishes : tuple of Wish
        What differs of the requests, the batch and the boards.
    values : tuple of Value
    proofs : tuple of (Proof, Proof)
    moved : tuple of Moved
        Layers on another device or in another configuration, in the order of the first plan.
    recosted : tuple of Moved
        Layers with the same placement whose predicted cost differs.
    same : int
        How many layers are the same in both.
    gone, new : tuple of PlannedTransfer
        Transfers that only the first plan, or only the second, makes.
    memory : tuple of SpaceUse
    streams : tuple of (str, str)
        The devices of the streams of each plan.
    origins : tuple of (mapping of Origin to int, mapping of Origin to int)
        How many layers' costs are known how, in each plan.
    """

    network: str
    batches: tuple[int, int]
    wishes: tuple[Wish, ...]
    values: tuple[Value, ...]
    proofs: tuple[Proof, Proof]
    moved: tuple[Moved, ...]
    recosted: tuple[Moved, ...]
    same: int
    gone: tuple[PlannedTransfer, ...]
    new: tuple[PlannedTransfer, ...]
    memory: tuple[SpaceUse, ...]
    streams: tuple[str, str]
    origins: tuple[Mapping[Origin, int], Mapping[Origin, int]]

    @property
    def is_none(self) -> bool:
        """Whether both plans place everything alike, with the same costs and wishes."""
        changed = self.moved or self.recosted or self.gone or self.new or self.wishes
        return not changed and self.streams[0] == self.streams[1]


def compare_plans(first: Plan, second: Plan) -> Difference:
    """Tell how the second plan differs from the first.

    Raises
    ------
    PlanError
        If they are plans of different networks.
    """
    if first.network_fingerprint != second.network_fingerprint:
        raise PlanError(
            f"the plans are of different networks, {first.network!r} with {len(first.layers)} "
            f"layers and {second.network!r} with {len(second.layers)}: only plans of one network "
            "can be compared"
        )
    others = {layer.name: layer for layer in second.layers}
    pairs = [Moved(layer, others[layer.name]) for layer in first.layers if layer.name in others]
    moved = [pair for pair in pairs if not pair.is_placed_alike]
    alike = [pair for pair in pairs if pair.is_placed_alike]
    recosted = [p for p in alike if p.first.predicted_ns != p.second.predicted_ns]
    return Difference(
        network=first.network,
        batches=(first.batch, second.batch),
        wishes=tuple(_wishes(first, second)),
        values=tuple(_values(first, second)),
        proofs=(first.proof, second.proof),
        moved=tuple(moved),
        recosted=tuple(recosted),
        same=len(alike) - len(recosted),
        gone=_only_in(first, second),
        new=_only_in(second, first),
        memory=tuple(_memory(first, second)),
        streams=(_streams(first), _streams(second)),
        origins=(_origins(first), _origins(second)),
    )


def _wishes(first: Plan, second: Plan) -> Iterable[Wish]:
    if first.batch != second.batch:
        yield Wish("batch", str(first.batch), str(second.batch))
    one, other = (_plain(plan) for plan in (first, second))
    for name in one:
        if one[name] != other[name]:
            yield Wish(name, one[name], other[name])
    if first.board.fingerprint != second.board.fingerprint or first.board.name != second.board.name:
        yield Wish("board", _board(first.board), _board(second.board))


def _plain(plan: Plan) -> Mapping[str, str]:
    request = converter().unstructure(plan.request)
    return {name: _words(value) for name, value in request.items()}


def _words(value: object) -> str:
    """A part of a request in one line."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_words(one)}" for name, one in value.items()) or "none"
    if isinstance(value, list | tuple):
        return ", ".join(map(_words, value)) or "none"
    if value is None:
        return "none"
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def _board(board: Board) -> str:
    devices = ", ".join(device.name for device in board.devices)
    return f"{board.name} ({devices}; {board.fingerprint[:8]})"


def _values(first: Plan, second: Plan) -> Iterable[Value]:
    for measure in Measure:
        pair = first.predicted.value(measure), second.predicted.value(measure)
        if pair != (None, None):
            yield Value(measure, False, *pair)
    ends = _measured(first), _measured(second)
    if ends != (None, None):
        yield Value(Measure.LATENCY, True, *ends)


def _streams(plan: Plan) -> str:
    """The devices of each stream, in the order of its layers."""
    devices = (dict.fromkeys(row.device for row in stream.layers) for stream in plan.streams)
    return ", ".join(" + ".join(mine) for mine in devices)


def _origins(plan: Plan) -> Mapping[Origin, int]:
    return Counter(layer.origin for layer in plan.layers)


def _measured(plan: Plan) -> int | None:
    return None if plan.measured is None else plan.measured.end_to_end.median


def _only_in(plan: Plan, other: Plan) -> tuple[PlannedTransfer, ...]:
    there = {(row.tensor, row.source, row.target) for row in other.transfers}
    return tuple(row for row in plan.transfers if (row.tensor, row.source, row.target) not in there)


def _memory(first: Plan, second: Plan) -> Iterable[SpaceUse]:
    one, other = ({row.space: row for row in plan.memory} for plan in (first, second))
    for space in {**one, **other}:
        yield SpaceUse(space, one.get(space), other.get(space))
