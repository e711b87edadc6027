"""What a user wants of a plan: objectives, limits, and what may run where."""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Iterable, Mapping

from attrs import field, frozen

from bnnplan.models.converters import as_dict, as_tuple
from bnnplan.models.errors import BnnplanError
from bnnplan.models.graph import Network
from bnnplan.planner.board import Board
from bnnplan.planner.problem import Limit, Measure
from bnnplan.planner.problem_rules import LIMIT, listed


class RequestError(BnnplanError):
    """A request that contradicts itself, or that names what is not there."""

    exit_code = 2


def _as_tuples(groups: Iterable[Iterable[str]]) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(group) for group in groups)


@frozen
class Request:
    """A request is kept in the plan, so that the same problem can be made again.

    Parameters
    ----------
    objectives : tuple of Measure
        What to minimise, the first first; `Measure.PERIOD` is what throughput means.
    limits : tuple of Limit
        In nanoseconds, nanojoules and bytes: of one batch.
    memory : mapping of str to int
        Capacity, bytes, of memory spaces that have less than the board states.
    pins : mapping of str to str
        The device that a layer must run on.
    forbidden : tuple of (str, str)
        Layer and device that do not go together.
    colocated : tuple of tuple of str
        Groups of layers that run on one device each.
    switches : int or None
        The most edges between layers that may change device.
    contiguous : bool
        Whether each device runs one part of the network, as a whole.
    confidence : float or None
        Plan with the upper bound of every cost's confidence interval at this level, such as 0.9;
        None plans with medians.

    Raises
    ------
    RequestError
        If it contradicts itself, or a number cannot be. What it names is looked up by `require`.
    """

    objectives: tuple[Measure, ...] = field(default=(Measure.LATENCY,), converter=as_tuple)
    limits: tuple[Limit, ...] = field(default=(), converter=as_tuple)
    memory: Mapping[str, int] = field(factory=dict, converter=as_dict)
    pins: Mapping[str, str] = field(factory=dict, converter=as_dict)
    forbidden: tuple[tuple[str, str], ...] = field(default=(), converter=_as_tuples)
    colocated: tuple[tuple[str, ...], ...] = field(default=(), converter=_as_tuples)
    switches: int | None = None
    contiguous: bool = False
    confidence: float | None = None

    def __attrs_post_init__(self) -> None:
        if not self.objectives:
            raise RequestError("a plan needs an objective: say what to minimise")
        _refuse_repeated("objective", self.objectives)
        _refuse_repeated("limit of", (limit.measure for limit in self.limits))
        for limit in self.limits:
            _check_number(f"the limit of {limit.measure}", limit.most)
        for space, capacity in self.memory.items():
            _check_number(f"the memory of {space!r}", capacity)
        if self.switches is not None:
            _check_number("the number of switches", self.switches)
        if self.confidence is not None and not 0 < self.confidence < 1:
            raise RequestError(
                f"the confidence must be above 0 and below 1, such as 0.9, not {self.confidence:g}"
            )
        for layer, device in self.forbidden:
            if self.pins.get(layer) == device:
                raise RequestError(f"layer {layer!r} is pinned to {device!r} and forbidden there")
        for group in self.colocated:
            pinned = {self.pins[layer]: layer for layer in group if layer in self.pins}
            if len(pinned) > 1:
                (one, first), (other, second) = list(pinned.items())[:2]
                raise RequestError(
                    f"layers {first!r} and {second!r} are to run on one device, but are pinned to "
                    f"{one!r} and {other!r}"
                )

    @property
    def is_pipeline(self) -> bool:
        """Whether frames overlap: the period is minimised or limited."""
        return self.concerns(Measure.PERIOD)

    def concerns(self, *measures: Measure) -> bool:
        """Whether one of some measures is minimised or limited."""
        asked = (*self.objectives, *(limit.measure for limit in self.limits))
        return any(measure in measures for measure in asked)

    def require(self, network: Network, board: Board) -> None:
        """Raise RequestError where a layer, device or memory space is unknown."""
        layers = [node.name for node in network.nodes]
        devices = [device.name for device in board.devices]
        named = [*self.pins.items(), *self.forbidden]
        for layer, device in named:
            _require_known("layer", layer, layers)
            _require_known("device", device, devices)
        for group in self.colocated:
            for layer in group:
                _require_known("layer", layer, layers)
        for space in self.memory:
            _require_known("memory space", space, [space.name for space in board.spaces])

    def capacities(self, board: Board) -> dict[str, int | None]:
        """What each memory space of a board holds at most, bytes; None without a limit."""
        found: dict[str, int | None] = {}
        for space in board.spaces:
            known = (space.capacity, self.memory.get(space.name))
            found[space.name] = min((size for size in known if size is not None), default=None)
        return found


def layers_matching(pattern: str, network: Network) -> list[str]:
    """The layers that a name or a pattern such as ``conv*`` stands for, in the network's order.

    Raises
    ------
    RequestError
        If there is none.
    """
    names = [node.name for node in network.nodes]
    if pattern in names:
        return [pattern]
    found = [name for name in names if fnmatch.fnmatchcase(name, pattern)]
    if not found:
        _require_known("layer", pattern, names)
    return found


def _require_known(what: str, name: str, known: Iterable[str]) -> None:
    names = list(known)
    if name in names:
        return
    near = difflib.get_close_matches(name, names, n=3)
    hint = f"did you mean {' or '.join(map(repr, near))}?" if near else f"there are {listed(names)}"
    raise RequestError(f"there is no {what} {name!r}; {hint}")


def _refuse_repeated(what: str, measures: Iterable[Measure]) -> None:
    seen = set()
    for measure in measures:
        if measure in seen:
            raise RequestError(f"{what} {measure} is given twice")
        seen.add(measure)


def _check_number(what: str, number: int) -> None:
    if not 0 <= number <= LIMIT:
        raise RequestError(f"{what} must be from 0 to {LIMIT}, not {number}")
