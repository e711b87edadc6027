"""What an assignment runs, stage by stage, and where every tensor lies, before memory is taken.

This needs no device: only the formats in which kernels exchange tensors. So a plan's memory can be
told without running it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import field, frozen

from bnnplan.models.graph import Network, Node
from bnnplan.planner.board import Board
from bnnplan.planner.execution.segments import Segment, cut
from bnnplan.planner.execution.workbench import Assignment

Place = tuple[str, str, str]
"""Tensor, memory space, format: where a copy of a tensor lies."""
Formats = Callable[[Node], tuple[tuple[str, ...], tuple[str, ...]]]
"""The input and output formats of a node's kernel."""


@frozen
class StagedLayer:
    """A node, and the places that it reads and writes."""

    node: Node
    inputs: tuple[Place, ...]
    outputs: tuple[Place, ...]


@frozen
class StagedSegment:
    """A segment, what is copied before it runs, and what it waits for.

    Parameters
    ----------
    segment : Segment
    copies : tuple of (Place, Place)
        From where to where, in order.
    layers : tuple of StagedLayer
    waits : tuple of int
        Indices of the stages that make what this one reads, or that use the same cores. Besides
        them it waits for the stage before it on its own device.
    """

    segment: Segment
    copies: tuple[tuple[Place, Place], ...]
    layers: tuple[StagedLayer, ...]
    waits: tuple[int, ...] = field(default=())


class Staging:
    """All stages of an assignment.

    Parameters
    ----------
    network : Network
    board : Board
    assignment : mapping of str to (str, Configuration)
    formats : callable
        Input and output formats of the kernel that the assignment gives a node.
    order : sequence of str, optional
        Names of nodes in the order of the plan's schedule.
    concurrent : bool
        Whether the plan runs devices at the same time.
    segments : sequence of Segment, optional
        In an order in which they can run; by default the maximal ones.

    Attributes
    ----------
    stages : list of StagedSegment
        In an order in which they can run.
    uploads : list of Place
        Of the network inputs, all before the first stage.
    outputs : list of (str, Place or None)
        Where each network output is read after the last stage; None if it is a network input.
    owners : dict of Place to str
        The device that each place is allocated for.
    """

    def __init__(
        self,
        network: Network,
        board: Board,
        assignment: Assignment,
        formats: Formats,
        order: Sequence[str] | None = None,
        *,
        concurrent: bool = False,
        segments: Sequence[Segment] | None = None,
    ) -> None:
        self.network = network
        self.board = board
        self.concurrent = concurrent
        self.stages: list[StagedSegment] = []
        self.uploads: list[Place] = []
        self.owners: dict[Place, str] = {}
        self._homes: dict[str, Place] = {}
        self._makers: dict[Place, int] = {}
        for segment in segments or cut(network, assignment, order, concurrent=concurrent):
            self.stages.append(self._stage(segment, formats))
        self.outputs = [(name, self._homes.get(name)) for name in network.outputs]

    def _stage(self, segment: Segment, formats: Formats) -> StagedSegment:
        index = len(self.stages)
        layers: list[StagedLayer] = []
        copies: list[tuple[Place, Place]] = []
        waits = self._rivals(segment.device)
        for node in segment.nodes:
            wanted, made = formats(node)
            inputs = []
            for tensor, format in zip(node.inputs, wanted, strict=True):
                place = self._find(tensor, segment.device, format, copies)
                waits.add(self._makers.get(place, index))
                inputs.append(place)
            outputs = []
            for tensor, format in zip(node.outputs, made, strict=True):
                place = self._own(tensor, segment.device, format)
                self._homes[tensor] = place
                self._makers[place] = index
                outputs.append(place)
            layers.append(StagedLayer(node, tuple(inputs), tuple(outputs)))
        waits |= {self._makers[source] for source, _ in copies}
        return StagedSegment(segment, tuple(copies), tuple(layers), tuple(sorted(waits - {index})))

    def _rivals(self, device: str) -> set[int]:
        """The last stage of every other device that shares cores or queues with one.

        They never run at the same time in a plan, so neither do they here.
        """
        busy = self.board.device(device).resources
        last = {stage.segment.device: index for index, stage in enumerate(self.stages)}
        return {
            index
            for other, index in last.items()
            if other != device and not busy.isdisjoint(self.board.device(other).resources)
        }

    def _find(
        self, tensor: str, device: str, format: str, copies: list[tuple[Place, Place]]
    ) -> Place:
        """Where a device finds a tensor, with an upload or a copy added if it is not there yet."""
        place = (tensor, self.board.device(device).space.name, format)
        if place in self.owners:
            return place
        self._own(tensor, device, format)
        if tensor in self.network.inputs:
            self.uploads.append(place)
        else:
            copies.append((self._homes[tensor], place))
            self._makers[place] = len(self.stages)
        return place

    def _own(self, tensor: str, device: str, format: str) -> Place:
        place = (tensor, self.board.device(device).space.name, format)
        self.owners[place] = device
        return place
