"""What memory forbids whatever the schedule is: necessary conditions on a placement.

While a task runs, its inputs, outputs and workspace lie in memory, all weights do, and every tensor
made before it and read after it lies somewhere: where it was produced or where it is read. While a
tensor is transferred, both ends of the transfer do. For chains this is the whole truth. Elsewhere
a solution still has to be checked, since it depends on the order what else is alive.

Where all memory together is minimised or limited, the most that each space holds is a variable, and
the conditions hold for it too: so their least sum is a bound.

For a given order there are conditions that are enough instead, where one thing runs at a time:
every tensor lies where it is made from its maker to its last reader, and where it is transferred to
from the first to the last task that may read it there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from attrs import define
from ortools.sat.python import cp_model

from bnnplan.planner.problem import Measure
from bnnplan.planner.problem_sums import most_bytes
from bnnplan.planner.solution import Solution
from bnnplan.planner.solvers.checking.checker import memory_peaks
from bnnplan.planner.solvers.cpsat.engine import Expression
from bnnplan.planner.solvers.cpsat.placement import Placement
from bnnplan.planner.solvers.structure import Graph, Link

Room = cp_model.IntVar | int
"""Bytes that a space may hold at most."""


def weighs(graph: Graph) -> bool:
    """Tell whether the memory of all spaces together matters."""
    memory = Measure.MEMORY
    return graph.problem.objectives[0] is memory or graph.problem.limit(memory) is not None


def weights(placement: Placement, space: str) -> Expression:
    """Give the bytes of all weights in a space."""
    return sum(
        option.weight_bytes * literal
        for task, literals in enumerate(placement.option)
        for index, literal in literals.items()
        for option in [placement.graph.tasks[task].options[index]]
        if option.space == space and option.weight_bytes
    )


@define
class Held:
    """Bytes in a space: terms of which each is one of several numbers of bytes.

    Nothing has to be held where `waived` is 1.
    """

    bytes: Expression = 0
    most: int = 0
    waived: Expression = 0

    def add(self, ways: Iterable[tuple[int, cp_model.IntVar]]) -> None:
        """Add the bytes of the one of `ways` whose literal is true, if any is."""
        sizes = [(size, literal) for size, literal in ways if size]
        self.bytes += sum(size * literal for size, literal in sizes)
        self.most += max((size for size, _ in sizes), default=0)


class MemoryConstraints:
    """Adds the conditions of every limited space, and of all together, to a placement.

    Parameters
    ----------
    placement : Placement
    ordered : bool
        Adds what is enough for the order of the graph, instead of what is necessary for any.

    Attributes
    ----------
    peak : dict of str to variable
        The most that each space holds, where the memory of all spaces matters.
    rooms : mapping
        The peaks, or else the capacities of limited spaces.
    total : linear expression
        The sum of the peaks.
    """

    def __init__(self, placement: Placement, *, ordered: bool = False) -> None:
        self.placement = placement
        self.graph: Graph = placement.graph
        self.ordered = ordered
        self.peak: dict[str, cp_model.IntVar] = {}
        if weighs(self.graph) and not self.graph.problem.is_pipeline:
            self._add_peaks()
        self.total: Expression = sum(self.peak.values())
        self.rooms: Mapping[str, Room] = self.peak or self.graph.capacity
        if not self.rooms:
            return
        self.after = self.graph.descendants()
        self.lasting = self._lasting()
        for space, room in self.rooms.items():
            self._add_space(space, room)

    def _add_peaks(self) -> None:
        model, problem = self.placement.model, self.graph.problem
        most = most_bytes(problem)
        for space in problem.spaces:
            capacity = self.graph.capacity.get(space.name, most)
            self.peak[space.name] = model.new_int_var(0, capacity, f"peak_{space.name}")
        limit = problem.limit(Measure.MEMORY)
        if limit is not None:
            model.add(sum(self.peak.values()) <= limit)

    def _add_space(self, space: str, room: Expression) -> None:
        """All weights, and what is held beside them at any time, fit into a space."""
        model = self.placement.model
        # From so many bytes on a condition may bind.
        binding = 0 if self.peak else self.graph.capacity[space]
        heaviest = sum(
            max(
                (
                    self.graph.tasks[task].options[index].weight_bytes
                    for index in literals
                    if self.graph.tasks[task].options[index].space == space
                ),
                default=0,
            )
            for task, literals in enumerate(self.placement.option)
        )
        # One variable for the long sum, so that the rows that it is part of stay short.
        taken = model.new_int_var(0, heaviest, f"taken_{space}")
        model.add(taken == weights(self.placement, space))
        self.placement.derived[taken.index] = lambda choice: self._weight(space, choice)
        model.add(taken <= room)
        for held in self._moments(space):
            if held.most and heaviest + held.most > binding:
                model.add(taken + held.bytes - held.most * held.waived <= room)

    def hint(self, hints: dict[int, int], solution: Solution) -> None:
        """Add the peaks of a solution to `hints`."""
        peaks = memory_peaks(self.graph.problem, solution)
        hints.update({variable.index: peaks[space] for space, variable in self.peak.items()})

    def _weight(self, space: str, choice: Sequence[int]) -> int:
        options = (t.options[index] for t, index in zip(self.graph.tasks, choice, strict=True))
        return sum(option.weight_bytes for option in options if option.space == space)

    def _moments(self, space: str) -> Iterator[Held]:
        """Give what is held beside the weights while each task runs and each edge is transferred.

        What takes no time holds no memory. While a tensor is exported no more is held than while
        its maker runs, if that takes time.
        """
        if self.ordered:
            yield from self._steps(space)
            return
        for task, literals in enumerate(self.placement.option):
            options = self.graph.tasks[task].options
            brief = [literal for index, literal in literals.items() if not options[index].duration]
            if len(brief) < len(literals):
                running = self._running(space, task)
                running.waived = sum(brief)
                yield running
            for link in self.graph.inputs[task]:
                moving = self._transferring(space, link)
                if brief:
                    moving.waived = 1 - sum(literal for _, literal in self._lengthy(link))
                yield moving
            if brief:
                yield from (self._exporting(space, tensor) for tensor in self.graph.outputs[task])

    def _lengthy(self, link: Link) -> Iterator[tuple[tuple[str, str], cp_model.IntVar]]:
        """Give the ports between which an edge is transferred for a time, with the literal."""
        for ((_, source), (_, target)), literal in self.placement.pair[link.number].items():
            if self.graph.transfer_time(link.tensor, source, target):
                yield (source, target), literal

    def _steps(self, space: str) -> Iterator[Held]:
        """Give all that may be held beside the weights at each step of the order of the graph."""
        graph, placement = self.graph, self.placement
        place = {task: position for position, task in enumerate(graph.order)}
        held = [Held() for _ in graph.order]
        for task, literals in enumerate(placement.option):
            options = graph.tasks[task].options
            held[place[task]].add(
                (options[index].workspace_bytes, literal)
                for index, literal in literals.items()
                if options[index].space == space
            )
        for tensor, links in enumerate(graph.readers):
            made = place[graph.source[tensor]]
            last = max((place[link.target] for link in links), default=made)
            ways = [
                (self._bytes(space, tensor, port), literal)
                for port, literal in placement.produced(tensor).items()
            ]
            for step in range(made, last + 1):
                held[step].add(ways)
            for port in dict.fromkeys(target for _, target in placement.moved[tensor]):
                steps = [
                    place[link.target]
                    for link in links
                    if any(name == port for _, name in placement.classes(link, source=False))
                ]
                copies = [
                    (self._bytes(space, tensor, port), literal)
                    for (_, target), literal in placement.moved[tensor].items()
                    if target == port
                ]
                for step in range(min(steps), max(steps) + 1):
                    held[step].add(copies)
        yield from held

    def _lasting(self) -> list[int]:
        """List the tensors that something may pass between their source and last reader."""
        place = {task: position for position, task in enumerate(self.graph.order)}
        return [
            tensor
            for tensor, links in enumerate(self.graph.readers)
            if any(place[link.target] > place[link.source] + 1 for link in links)
        ]

    def _running(self, space: str, task: int) -> Held:
        """Give the bytes that must lie in a space while a task runs."""
        graph, placement = self.graph, self.placement
        options = graph.tasks[task].options
        held = Held()
        held.add(
            (options[index].workspace_bytes, literal)
            for index, literal in placement.option[task].items()
            if options[index].space == space
        )
        read: dict[int, Link] = {}
        for link in graph.inputs[task]:
            read.setdefault(link.tensor, link)
        for tensor, link in read.items():
            ways = placement.classes(link, source=False).items()
            held.add((self._bytes(space, tensor, port), literal) for (_, port), literal in ways)
        for tensor in graph.outputs[task]:
            ways_out = placement.produced(tensor).items()
            held.add((self._bytes(space, tensor, port), literal) for port, literal in ways_out)
        for tensor in self.lasting:
            if tensor in read or not self.after[graph.source[tensor]] >> task & 1:
                continue
            later = [x for x in graph.readers[tensor] if self.after[task] >> x.target & 1]
            if later:
                held.add(self._somewhere(space, later[-1]))
        return held

    def _transferring(self, space: str, moving: Link) -> Held:
        """Give the bytes that must lie in a space while an edge is transferred, if it is."""
        graph = self.graph
        held = Held()
        held.add(
            (sum(self._bytes(space, moving.tensor, one) for one in ports), literal)
            for ports, literal in self._lengthy(moving)
        )
        for tensor in self.lasting:
            maker = graph.source[tensor]
            made = maker == moving.source or self.after[maker] >> moving.source & 1
            if tensor == moving.tensor or not made:
                continue
            later = [
                link
                for link in graph.readers[tensor]
                if link.target == moving.target or self.after[moving.target] >> link.target & 1
            ]
            if later:
                held.add(self._somewhere(space, later[-1]))
        return held

    def _exporting(self, space: str, tensor: int) -> Held:
        """Give the bytes of a tensor in a space while it is exported, if it is."""
        held = Held()
        held.add(
            (self._bytes(space, tensor, port), literal)
            for port, literal in self.placement.exported[tensor].items()
            if self.placement.export(tensor, port).duration
        )
        return held

    def _somewhere(self, space: str, link: Link) -> Iterator[tuple[int, cp_model.IntVar]]:
        """Give the least bytes in a space of a tensor on its way along an edge."""
        for ((_, source), (_, target)), literal in self.placement.pair[link.number].items():
            yield min(self._bytes(space, link.tensor, one) for one in (source, target)), literal

    def _bytes(self, space: str, tensor: int, port: str) -> int:
        return self.graph.bytes[tensor][port] if self.graph.space[port] == space else 0
