"""What a user wants of a plan: objectives, limits, and what may run where."""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

from attrs import field, frozen

from bnnplan.models.converters import as_dict, as_tuple
from bnnplan.models.errors import BnnplanError
from bnnplan.models.graph import Network
from bnnplan.planner.board import Board
from bnnplan.planner.cores import cluster_of, covers, named_part
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
        The device that a layer must run on. A cluster stands for all its parts, ``cpu0:2`` for
        that part alone.
    forbidden : tuple of (str, str)
        Layer and device that do not go together; devices as for pins.
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
            if layer in self.pins and covers(device, self.pins[layer]):
                raise RequestError(
                    f"{layer!r} is pinned to {self.pins[layer]!r} and forbidden there"
                )
        for group in self.colocated:
            pinned = {self.pins[layer]: layer for layer in group if layer in self.pins}
            if len(pinned) > 1:
                (one, first), (other, second) = list(pinned.items())[:2]
                raise RequestError(
                    f"{first!r} and {second!r} are to run on one device, but are pinned to "
                    f"{one!r} and {other!r}"
                )

    @property
    def is_pipeline(self) -> bool:
        """Whether frames overlap: the period is minimised or limited."""
        return self.concerns(Measure.PERIOD)

    @property
    def is_stream(self) -> bool:
        """Whether throughput comes first: then plans are sets of streams on parts of the board."""
        return self.objectives[0] is Measure.PERIOD

    @property
    def is_measurable(self) -> bool:
        """Whether running a plan measures the first objective: the latency of one batch alone."""
        return self.objectives[0] is Measure.LATENCY and not self.is_pipeline

    def concerns(self, *measures: Measure) -> bool:
        """Whether one of some measures is minimised or limited."""
        asked = (*self.objectives, *(limit.measure for limit in self.limits))
        return any(measure in measures for measure in asked)

    def require(self, network: Network, board: Board) -> None:
        """Raise RequestError where a layer, device or memory space is unknown."""
        devices = dict.fromkeys(device.name for device in board.devices)
        # A board of parts stands for the cluster that they are of.
        devices |= dict.fromkeys(cluster_of(name) for name in [*devices])
        parts = [name for name in self.devices if self._names_part(board, name)]
        self.require_names(
            Names([node.name for node in network.nodes]),
            [*devices, *parts],
            [space.name for space in board.spaces],
        )

    @property
    def devices(self) -> tuple[str, ...]:
        """What pins and forbidden placements name."""
        named = (*self.pins.values(), *(device for _, device in self.forbidden))
        return tuple(dict.fromkeys(named))

    def _names_part(self, board: Board, name: str) -> bool:
        """Whether a name is that of a part of a cluster; RequestError where parts are no use."""
        if name in {device.name for device in board.devices} or named_part(board, name) is None:
            return False
        if not self.is_stream:
            raise RequestError(
                f"{name!r} is a part of {cluster_of(name)!r}: only plans for throughput use "
                f"parts; name {cluster_of(name)!r}"
            )
        return True

    def require_names(self, layers: Names, devices: Sequence[str], spaces: Sequence[str]) -> None:
        """Raise RequestError where what is named is none of these."""
        for layer, device in (*self.pins.items(), *self.forbidden):
            require_known(layers.what, layer, layers.names)
            require_known("device", device, devices)
        for group in self.colocated:
            for layer in group:
                require_known(layers.what, layer, layers.names)
        for space in self.memory:
            require_known("memory space", space, spaces)

    def allows(self, layer: str, device: str) -> bool:
        """Whether a layer may run on a device."""
        if not covers(self.pins.get(layer, device), device):
            return False
        if not self.forbidden:
            return True
        names = {device, cluster_of(device)}
        return not any((layer, name) in self._forbidden for name in names)

    @cached_property
    def _forbidden(self) -> frozenset[tuple[str, str]]:
        return frozenset(self.forbidden)

    def capacity(self, space: str, known: int | None) -> int | None:
        """What a memory space of a known capacity holds at most, bytes; None without a limit."""
        sizes = (known, self.memory.get(space))
        return min((size for size in sizes if size is not None), default=None)

    def capacities(self, board: Board) -> dict[str, int | None]:
        """What each memory space of a board holds at most, bytes; None without a limit."""
        return {space.name: self.capacity(space.name, space.capacity) for space in board.spaces}


@frozen
class Names:
    """What can be pinned, forbidden and colocated.

    Parameters
    ----------
    names : sequence of str
        In their order.
    what : str
        What messages call one of them: ``layer``, or ``task`` of a problem.
    """

    names: Sequence[str]
    what: str = "layer"

    def matching(self, pattern: str) -> list[str]:
        """What a name or a pattern such as ``conv*`` stands for, in the order of the names.

        Raises
        ------
        RequestError
            If there is none.
        """
        if pattern in self.names:
            return [pattern]
        found = [name for name in self.names if fnmatch.fnmatchcase(name, pattern)]
        if not found:
            require_known(self.what, pattern, self.names)
        return found


def require_known(what: str, name: str, known: Iterable[str]) -> None:
    """Raise RequestError where a name is none of those known, with those that are near."""
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
