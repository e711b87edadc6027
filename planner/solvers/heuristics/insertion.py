"""Earliest finish with insertion: how HEFT assigns and schedules tasks.

Tasks are taken by their upward rank, the longest way to the end with mean durations and mean costs
between devices, longest first. Each takes the option that ends first, where it may be inserted
before what has been placed already; its transfers and exports are inserted too.

Source: Topcuoglu, Hariri, Wu, "Performance-effective and low-complexity task scheduling for
heterogeneous computing", IEEE TPDS 13(3), 2002.
"""

from __future__ import annotations

import bisect
from collections import Counter
from collections.abc import Sequence

from attrs import define, field

from bnnplan.planner.problem import Option
from bnnplan.planner.solvers.bounds import Kept
from bnnplan.planner.solvers.structure import Graph, Link


@define
class _Busy:
    """When a resource is busy: intervals that neither overlap nor touch, in ascending order."""

    starts: list[int] = field(factory=list)
    ends: list[int] = field(factory=list)

    def free(self, at: int, span: int) -> int:
        """Give the first time from `at` on when it is free for `span`."""
        place = bisect.bisect_right(self.starts, at)
        if place:
            at = max(at, self.ends[place - 1])
        while place < len(self.starts) and self.starts[place] < at + span:
            at = self.ends[place]
            place += 1
        return at

    def add(self, start: int, end: int) -> None:
        """Make it busy where it is free."""
        place = bisect.bisect_left(self.starts, start)
        if place < len(self.starts) and self.starts[place] == end:
            del self.starts[place]
            end = self.ends.pop(place)
        if place and self.ends[place - 1] == start:
            self.ends[place - 1] = end
        else:
            self.starts.insert(place, start)
            self.ends.insert(place, end)


@define
class _Arrival:
    """What has to happen before a task may start on a device, with its inputs at their ports.

    Attributes
    ----------
    ready, entry : int
        When everything has arrived, and the ns that the task takes more there.
    possible : bool
        Whether all transfers are.
    busy : list of (frozenset of str, int, int)
        Resources, start and end of the transfers and exports that are to be made.
    exported, moved : dict
        Their ends, by tensor, and by tensor and port.
    """

    ready: int = 0
    entry: int = 0
    possible: bool = True
    busy: list[tuple[frozenset[str], int, int]] = field(factory=list)
    exported: dict[int, int] = field(factory=dict)
    moved: dict[tuple[int, str], int] = field(factory=dict)


class _Insertion:
    """What has been placed so far."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.choice = [0] * len(graph.tasks)
        self.starts = [0] * len(graph.tasks)
        self.ends = [0] * len(graph.tasks)
        self.busy: dict[str, _Busy] = {}
        self.exported: dict[int, int] = {}
        self.moved: dict[tuple[int, str], int] = {}
        self.left = dict(graph.capacity)

    def place(self, task: int, indices: Sequence[int]) -> None:
        """Place a task where it ends first; weights that do not fit come last."""
        options = self.graph.tasks[task].options
        arrivals: dict[tuple[str, tuple[str, ...]], _Arrival] = {}
        best: tuple[tuple[bool, int, int], int] | None = None
        for index in indices:
            option = options[index]
            look = option.device, option.input_ports
            if look not in arrivals:
                arrivals[look] = self._arrival(task, option)
            arrival = arrivals[look]
            span = arrival.entry + option.duration
            start = self._free(arrival, arrival.ready, span, self.graph.resources[option.device])
            fits = option.weight_bytes <= self.left.get(option.space, option.weight_bytes)
            found = (not (fits and arrival.possible), start + span, index), start
            best = found if best is None else min(best, found)
        assert best is not None
        (_, self.ends[task], index), self.starts[task] = best
        self.choice[task] = index
        option = options[index]
        self._keep(arrivals[option.device, option.input_ports])
        self._occupy(self.graph.resources[option.device], self.starts[task], self.ends[task])
        if option.space in self.left:
            self.left[option.space] -= option.weight_bytes

    def _arrival(self, task: int, option: Option) -> _Arrival:
        """Bring the inputs of a task, by input number, to where an option reads them."""
        graph = self.graph
        arrival = _Arrival()
        for link in graph.inputs[task]:
            source = graph.tasks[link.source].options[self.choice[link.source]]
            arrival.entry = max(arrival.entry, graph.entry_time(source, option))
            given = source.output_ports[link.output]
            arrival.ready = max(
                arrival.ready,
                self.ends[link.source],
                self._move(arrival, link, given, option.input_ports[link.input]),
            )
        return arrival

    def _move(self, arrival: _Arrival, link: Link, given: str, wanted: str) -> int:
        """Give when a tensor is at a port, by a transfer made before or now."""
        made = self.ends[link.source]
        if given == wanted:
            return made
        key = link.tensor, wanted
        known = self.moved.get(key, arrival.moved.get(key))
        if known is not None:
            return known
        move = self.graph.transfers[link.tensor].get((given, wanted))
        if move is None:
            arrival.possible = False
            return made
        export = self.graph.exports[link.tensor].get(given)
        if export is not None:
            done = self.exported.get(link.tensor, arrival.exported.get(link.tensor))
            if done is None:
                done = self._insert(arrival, made, export.duration, export.resources)
            arrival.exported[link.tensor] = made = done
        end = self._insert(arrival, made, move.duration, move.resources)
        arrival.moved[key] = end
        return end

    def _insert(self, arrival: _Arrival, ready: int, span: int, resources: frozenset[str]) -> int:
        start = self._free(arrival, ready, span, resources)
        if span:
            arrival.busy.append((resources, start, start + span))
        return start + span

    def _free(self, arrival: _Arrival, at: int, span: int, resources: frozenset[str]) -> int:
        """Give the first time from `at` on when all resources are free, also of the arrival."""
        before = -1
        while span and at != before:
            before = at
            for one in resources & self.busy.keys():
                at = self.busy[one].free(at, span)
            for others, start, end in arrival.busy:
                if start < at + span and at < end and resources & others:
                    at = end
        return at

    def _keep(self, arrival: _Arrival) -> None:
        self.exported.update(arrival.exported)
        self.moved.update(arrival.moved)
        for resources, start, end in arrival.busy:
            self._occupy(resources, start, end)

    def _occupy(self, resources: frozenset[str], start: int, end: int) -> None:
        if start < end:
            for one in resources:
                self.busy.setdefault(one, _Busy()).add(start, end)


def earliest_finish(graph: Graph, kept: Kept) -> tuple[list[int], list[int]]:
    """Choose for each task the option that ends first, and order tasks by their starts.

    Weights that no longer fit their space are passed over where another option fits.

    Returns
    -------
    choice, order : list of int
        All tasks of the order come after what they read.
    """
    placed = _Insertion(graph)
    urgent = _urgent_first(graph, kept)
    for task in urgent:
        placed.place(task, kept[task])
    # Sorting is stable: what takes no time stays before what reads it.
    return placed.choice, sorted(urgent, key=placed.starts.__getitem__)


def _urgent_first(graph: Graph, kept: Kept) -> list[int]:
    """Order tasks by upward rank."""
    rest = [0.0] * len(graph.tasks)
    place = {task: position for position, task in enumerate(graph.order)}
    for task in reversed(graph.order):
        durations = [graph.tasks[task].options[index].duration for index in kept[task]]
        rest[task] += sum(durations) / len(durations)
        for link in graph.inputs[task]:
            rest[link.source] = max(rest[link.source], rest[task] + _mean_cost(graph, kept, link))
    return sorted(range(len(rest)), key=lambda task: (-rest[task], place[task]))


def _mean_cost(graph: Graph, kept: Kept, link: Link) -> float:
    """Give the mean ns between the ends of an edge over all pairs on different devices."""
    given = Counter(
        (option.device, option.output_ports[link.output])
        for option in (graph.tasks[link.source].options[index] for index in kept[link.source])
    )
    wanted = Counter(
        (option.device, option.input_ports[link.input])
        for option in (graph.tasks[link.target].options[index] for index in kept[link.target])
    )
    total = pairs = 0
    for (source, port), many in given.items():
        export = graph.exports[link.tensor].get(port)
        for (target, other), more in wanted.items():
            cost = graph.transfer_time(link.tensor, port, other)
            if source == target or cost is None:
                continue
            cost += graph.entries.get((source, target), 0)
            if export is not None and port != other:
                cost += export.duration
            total += many * more * cost
            pairs += many * more
    return total / pairs if pairs else 0.0
