"""The stages of a pipeline in CP-SAT: of every task, transfer and export.

Everything that can happen is a node with a stage, and every wait between two nodes an arc. A stage
is at least what its arcs ask for, and the parts of contiguous devices have one stage each. Where
more stages than needed would be an advantage (they can hold fewer tensors), a stage is also at
most what one of its arcs asks for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from attrs import frozen
from ortools.sat.python import cp_model

from bnnplan.planner.solvers.cpsat.engine import Expression
from bnnplan.planner.solvers.cpsat.placement import Placement
from bnnplan.planner.solvers.schedules.parts import belongs
from bnnplan.planner.solvers.structure import Link

Literal = cp_model.IntVar
Node = tuple[int, str | None] | int
"""A task; or a tensor with the port it is transferred to, or with None for its export."""


@frozen
class _Way:
    """One way in which a node can happen.

    Attributes
    ----------
    literal : IntVar
    separate : bool
        Whether it is a stage apart from what it waits for on other resources.
    resources : frozenset of str
        What it occupies.
    """

    literal: Literal
    separate: bool
    resources: frozenset[str]


@frozen
class _Arc:
    """`target` waits for `source` if `given` is true, a stage later if `apart` is true."""

    source: Node
    target: Node
    apart: Expression
    given: Literal | None


class Stages:
    """Variables of the stages.

    Parameters
    ----------
    placement : Placement
        By device.
    most : int
        The largest stage to consider.
    exact : bool
        Whether stages must be the least ones.

    Attributes
    ----------
    stage : dict of Node to IntVar
        What never happens has a stage without meaning.
    part : dict of str to IntVar
        The stage of the part of each contiguous device.
    reads : dict of (int, str) to list of (Link, IntVar)
        For each tensor and port where it may be transferred to: the edges that read it there, and
        the literal that they do.
    """

    def __init__(self, placement: Placement, most: int, *, exact: bool) -> None:
        self.placement = placement
        self.model = placement.model
        self.graph = placement.graph
        self.most = most
        self.stage: dict[Node, cp_model.IntVar] = {}
        self.reads: dict[tuple[int, str], list[tuple[Link, Literal]]] = {}
        self.part: dict[str, cp_model.IntVar] = {}
        self._ways: dict[Node, list[_Way]] = {}
        self._arcs: list[_Arc] = []
        self._exact = exact
        self._add_nodes()
        self._add_arcs()
        parts = self._add_parts()
        if exact:
            self._support(parts)

    def any_of(self, literals: Iterable[Literal], name: str) -> Literal:
        """Give a literal that tells whether any of `literals` is true."""
        some = list(literals)
        if len(some) == 1:
            return some[0]
        literal = self.model.new_bool_var(name)
        self.model.add_bool_or(*some, ~literal)
        for one in some:
            self.model.add_implication(one, literal)
        return literal

    def _add_nodes(self) -> None:
        graph, placement = self.graph, self.placement
        for task in range(len(graph.tasks)):
            self._add_node(task, self._task_ways(task))
        for tensor in range(len(graph.tensors)):
            moves: dict[str, list[_Way]] = {}
            for (source, target), literal in placement.moved[tensor].items():
                move = placement.move(tensor, (source, target))
                way = _Way(literal, move.duration > 0, move.resources)
                moves.setdefault(target, []).append(way)
            for target, ways in moves.items():
                self._add_node((tensor, target), ways)
                self.reads[tensor, target] = self._readers(tensor, target)
            exports = [
                _Way(literal, export.duration > 0, export.resources)
                for port, literal in placement.exported[tensor].items()
                for export in [placement.export(tensor, port)]
            ]
            if exports:
                self._add_node((tensor, None), exports)

    def _add_node(self, node: Node, ways: list[_Way]) -> None:
        # What never happens may lie a stage behind its maker all the same.
        most = self.most + (not isinstance(node, int))
        self.stage[node] = self.model.new_int_var(0, most, f"stage_{node}")
        self._ways[node] = ways

    def _task_ways(self, task: int) -> list[_Way]:
        return [
            _Way(literal, bool(self.graph.resources[device]), self.graph.resources[device])
            for device, literal in self.placement.on_device(task).items()
        ]

    def _readers(self, tensor: int, target: str) -> list[tuple[Link, Literal]]:
        found = []
        for link in self.graph.readers[tensor]:
            literals = [
                literal
                for ((_, a), (_, b)), literal in self.placement.pair[link.number].items()
                if b == target != a
            ]
            if literals:
                name = f"reads_{link.number}_{target}"
                found.append((link, self.any_of(literals, name)))
        return found

    def _add_arcs(self) -> None:
        for link in self.graph.links:
            self._add_arc(link.source, link.target, None)
        for tensor, maker in enumerate(self.graph.source):
            export: Node = (tensor, None)
            exported = self.placement.exported[tensor]
            if export in self.stage:
                self._add_arc(maker, export, None)
            for target in dict.fromkeys(b for _, b in self.placement.moved[tensor]):
                moves = {
                    a: literal for (a, b), literal in self.placement.moved[tensor].items()
                    if b == target
                }  # fmt: skip
                self._add_arc(maker, (tensor, target), None)
                for source, literal in moves.items():
                    if source in exported:
                        self._add_arc(export, (tensor, target), literal)
                for link, literal in self.reads[tensor, target]:
                    self._add_arc((tensor, target), link.target, literal)
                    if export in self.stage:
                        self._add_arc(export, link.target, self._exported(link, target))

    def _exported(self, link: Link, target: str) -> Literal | None:
        """Tell whether an edge reads at `target` what was exported from elsewhere."""
        literals = [
            literal
            for ((_, a), (_, b)), literal in self.placement.pair[link.number].items()
            if b == target != a and a in self.placement.exported[link.tensor]
        ]
        return self.any_of(literals, f"exported_{link.number}_{target}")

    def _add_arc(self, source: Node, target: Node, given: Literal | None) -> None:
        """Add a wait, a stage apart if both separate stages and share no resource."""
        apart: Expression = 0
        model = self.model
        pairs = [(a, b) for a in self._ways[source] for b in self._ways[target]]
        far = [
            (a, b)
            for a, b in pairs
            if a.separate and b.separate and a.resources.isdisjoint(b.resources)
        ]
        if len(far) == len(pairs):
            apart = 1
        elif far:
            variable = model.new_bool_var(f"apart_{source}_{target}")
            for a, b in far:
                model.add_bool_or(variable, ~a.literal, ~b.literal)
            for a, b in pairs:
                if self._exact and (a, b) not in far:
                    model.add_bool_or(~variable, ~a.literal, ~b.literal)
            apart = variable
        wait = model.add(self.stage[target] >= self.stage[source] + apart)
        if given is not None:
            wait.only_enforce_if(given)
        self._arcs.append(_Arc(source, target, apart, given))

    def _add_parts(self) -> dict[str, dict[Node, Literal]]:
        """Give each contiguous device one stage; give what may belong to its part, and when."""
        parts: dict[str, dict[Node, Literal]] = {}
        for device in sorted(self.graph.contiguous):
            members: dict[Node, list[Literal]] = {}
            for node, literal in self._members(device):
                members.setdefault(node, []).append(literal)
            if members:
                self.part[device] = self.model.new_int_var(0, self.most, f"part_{device}")
                parts[device] = {
                    node: self.any_of(literals, f"member_{node}_{device}")
                    for node, literals in members.items()
                }
            for node, literal in parts.get(device, {}).items():
                its = self.model.add(self.stage[node] == self.part[device])
                its.only_enforce_if(literal)
        return parts

    def _members(self, device: str) -> Iterator[tuple[Node, Literal]]:
        """Give the tasks of a part, their exports, and the transfers that belong to it."""
        graph, placement = self.graph, self.placement
        for task in range(len(graph.tasks)):
            there = placement.on_device(task).get(device)
            if there is not None:
                yield task, there
        for link in graph.links:
            for ((maker, a), (reader, b)), literal in placement.pair[link.number].items():
                if a == b:
                    continue
                if maker == device and a in placement.exported[link.tensor]:
                    yield (link.tensor, None), literal
                move = placement.move(link.tensor, (a, b))
                if reader == device and belongs(graph, move, maker, device):
                    yield (link.tensor, b), literal

    def _support(self, parts: dict[str, dict[Node, Literal]]) -> None:
        """Let every stage be 0 or what one of its arcs asks for, that of a part from outside."""
        entering: dict[Node, list[_Arc]] = {node: [] for node in self.stage}
        for arc in self._arcs:
            entering[arc.target].append(arc)
        for node, stage in self.stage.items():
            reasons = [members[node] for members in parts.values() if node in members]
            reasons += [self._reason(arc, stage) for arc in entering[node]]
            self._need(stage, reasons)
        for device, members in parts.items():
            reasons = []
            for node, member in members.items():
                for arc in entering[node]:
                    reason = self._reason(arc, self.part[device])
                    self.model.add_implication(reason, member)
                    if arc.source in members:
                        self.model.add_implication(reason, ~members[arc.source])
                    reasons.append(reason)
            self._need(self.part[device], reasons)

    def _reason(self, arc: _Arc, stage: cp_model.IntVar) -> Literal:
        """Give a literal that says: the stage is no later than this arc asks for."""
        reason = self.model.new_bool_var(f"reason_{stage.index}_{arc.source}")
        asked = self.model.add(stage <= self.stage[arc.source] + arc.apart)
        asked.only_enforce_if(reason)
        if arc.given is not None:
            self.model.add_implication(reason, arc.given)
        return reason

    def _need(self, stage: cp_model.IntVar, reasons: list[Literal]) -> None:
        first = self.model.new_bool_var(f"first_{stage.index}")
        self.model.add(stage == 0).only_enforce_if(first)
        self.model.add_bool_or(first, *reasons)
