"""What memory forbids whatever the schedule is: necessary conditions on a placement.

While a task runs, its inputs, outputs and workspace lie in memory, all weights do, and every tensor
made before it and read after it lies somewhere: where it was produced or where it is read. While a
tensor is transferred, both ends of the transfer do. For chains this is the whole truth. Elsewhere
a solution still has to be checked, since it depends on the order what else is alive.
"""

from __future__ import annotations

from collections.abc import Mapping

from ortools.sat.python import cp_model

from bnnplan.planner.solvers.cpsat_engine import Expression
from bnnplan.planner.solvers.cpsat_placement import Placement
from bnnplan.planner.solvers.structure import Graph, Link

Slack = Mapping[str, cp_model.IntVar]
"""Bytes that a space is granted above its capacity, where infeasibility is to be explained."""


def weights(placement: Placement, space: str) -> Expression:
    """Give the bytes of all weights in a space."""
    return sum(
        option.weight_bytes * literal
        for task, literals in enumerate(placement.option)
        for index, literal in literals.items()
        for option in [placement.graph.tasks[task].options[index]]
        if option.space == space and option.weight_bytes
    )


class MemoryConstraints:
    """Adds the necessary conditions of every limited space to a placement."""

    def __init__(self, placement: Placement, slack: Slack | None = None) -> None:
        self.placement = placement
        self.graph: Graph = placement.graph
        self.slack = slack or {}
        if not self.graph.capacity:
            return
        self.after = self.graph.descendants()
        self.lasting = self._lasting()
        for space in self.graph.capacity:
            self.weights = weights(placement, space)
            self._limit(space, 0)
            for task in range(len(self.graph.tasks)):
                if self._takes_time(task):
                    self._limit(space, self._running(space, task))
                    for link in self.graph.inputs[task]:
                        self._limit(space, self._transferring(space, link))

    def _limit(self, space: str, held: Expression) -> None:
        """Hold no more than the capacity, and what is granted above it."""
        granted = self.graph.capacity[space] + self.slack.get(space, 0)
        # A domain instead of a comparison: both sides may be plain numbers.
        self.placement.model.add_linear_expression_in_domain(
            self.weights + held - granted, cp_model.Domain(cp_model.INT_MIN, 0)
        )

    def _lasting(self) -> list[int]:
        """List the tensors that something may pass between their source and last reader."""
        place = {task: position for position, task in enumerate(self.graph.order)}
        return [
            tensor
            for tensor, links in enumerate(self.graph.readers)
            if any(place[link.target] > place[link.source] + 1 for link in links)
        ]

    def _takes_time(self, task: int) -> bool:
        """Tell whether every option of a task takes time: what takes none holds no memory."""
        options = self.graph.tasks[task].options
        return all(options[index].duration for index in self.placement.option[task])

    def _running(self, space: str, task: int) -> Expression:
        """Give the bytes that must lie in a space while a task runs."""
        graph, placement = self.graph, self.placement
        options = graph.tasks[task].options
        held: Expression = sum(
            options[index].workspace_bytes * literal
            for index, literal in placement.option[task].items()
            if options[index].space == space
        )
        read: dict[int, Link] = {}
        for link in graph.inputs[task]:
            read.setdefault(link.tensor, link)
        for tensor, link in read.items():
            for (_, port), literal in placement.classes(link, source=False).items():
                held += self._bytes(space, tensor, port) * literal
        for tensor in graph.outputs[task]:
            for port, literal in placement.produced(tensor).items():
                held += self._bytes(space, tensor, port) * literal
        for tensor in self.lasting:
            if tensor in read or not self.after[graph.source[tensor]] >> task & 1:
                continue
            later = [x for x in graph.readers[tensor] if self.after[task] >> x.target & 1]
            if later:
                held += self._somewhere(space, later[-1])
        return held

    def _transferring(self, space: str, moving: Link) -> Expression:
        """Give the bytes that must lie in a space while an edge is transferred, if it is."""
        graph, placement = self.graph, self.placement
        held: Expression = 0
        for ((_, source), (_, target)), literal in placement.pair[moving.number].items():
            if graph.transfer_time(moving.tensor, source, target):
                both = (source, target)
                held += sum(self._bytes(space, moving.tensor, one) for one in both) * literal
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
                held += self._somewhere(space, later[-1])
        return held

    def _somewhere(self, space: str, link: Link) -> Expression:
        """Give the least bytes in a space of a tensor on its way along an edge."""
        return sum(
            min(self._bytes(space, link.tensor, one) for one in (source, target)) * literal
            for ((_, source), (_, target)), literal in self.placement.pair[link.number].items()
        )

    def _bytes(self, space: str, tensor: int, port: str) -> int:
        return self.graph.bytes[tensor][port] if self.graph.space[port] == space else 0
