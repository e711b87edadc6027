"""Runs an assignment: uploads what a caller hands over, runs segments, moves tensors between."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import numpy as np

from bnnplan.backends.interface import Kernel
from bnnplan.models import feeds as feeding
from bnnplan.models.graph import Network, Node
from bnnplan.models.tensors import decode, encode
from bnnplan.planner.board import USER
from bnnplan.planner.execution.arenas import room_for_tensors
from bnnplan.planner.execution.buffers import allocate
from bnnplan.planner.execution.lifetimes import Lifetimes
from bnnplan.planner.execution.ready import End, Stage, make_end, make_ready, transfer_label
from bnnplan.planner.execution.staging import Place, Staging
from bnnplan.planner.execution.trace import Event, EventKind, Trace
from bnnplan.planner.execution.workbench import Assignment, Workbench


class Runner:
    """An assignment made ready to run, with all its buffers.

    Parameters
    ----------
    bench : Workbench
    assignment : mapping of str to (str, Configuration)
    order : sequence of str, optional
        Names of nodes in the order of the plan's schedule.
    concurrent : bool
        Whether the plan runs devices at the same time.
    capacities : mapping of str to int or None, optional
        Bytes that memory spaces may hold; by default those of the board.

    Attributes
    ----------
    stages : list of Stage
    buffers : dict of Place to Buffer
        They share memory where they are not alive at the same time.
    held : dict of str to Held
        Memory for tensors, by memory space.
    """

    def __init__(
        self,
        bench: Workbench,
        assignment: Assignment,
        order: Sequence[str] | None = None,
        *,
        concurrent: bool = False,
        capacities: Mapping[str, int | None] | None = None,
    ) -> None:
        self.bench = bench
        self.assignment = dict(assignment)
        self.concurrent = concurrent
        staging = Staging(
            bench.network, bench.board, assignment, self._formats, order, concurrent=concurrent
        )
        if capacities is None:
            capacities = {space.name: space.capacity for space in bench.board.spaces}
        room = room_for_tensors(staging, capacities, self._kernel)
        buffers = allocate(bench, staging.owners, Lifetimes(staging).blocks, room)
        self.buffers = buffers.at
        self.owners = {place: bench.backends[name] for place, name in staging.owners.items()}
        self._outputs = staging.outputs
        self._entries = [
            make_end(place, self.buffers[place], self.owners[place]) for place in staging.uploads
        ]
        self._exits = [
            make_end(place, self.buffers[place], self.owners[place])
            for _, place in staging.outputs
            if place
        ]
        self.held = buffers.held
        self.stages = [
            make_ready(stage, bench, self._kernel, self.buffers, self.owners)
            for stage in staging.stages
        ]

    @property
    def network(self) -> Network:
        """The network that runs."""
        return self.bench.network

    def _kernel(self, node: Node) -> Kernel:
        return self.bench.kernel(node, *self.assignment[node.name])

    def _end(self, place: Place) -> End:
        return make_end(place, self.buffers[place], self.owners[place])

    def _formats(self, node: Node) -> tuple[tuple[str, ...], tuple[str, ...]]:
        kernel = self._kernel(node)
        return kernel.input_formats, kernel.output_formats

    def run(self, feeds: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Compute the network's outputs.

        Parameters
        ----------
        feeds : mapping of str to ndarray, shape (batch, *shape)
            Plain elements of every network input, in its own element type (bits: ±1).

        Returns
        -------
        dict of str to ndarray
            Plain elements of every network output.

        Raises
        ------
        InputError
            If an input is missing, or of another shape or type.
        DeviceError
            If a device fails.
        """
        arrays = check_feeds(self.network, feeds, self.bench.batch)
        return self.finish(self.run_encoded(arrays), arrays)

    def run_encoded(self, arrays: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """`run` on arrays in the shared formats, as :func:`check_feeds` gives them."""
        for end in self._entries:
            end.put(arrays[end.tensor])
        if self.concurrent:
            from bnnplan.planner.execution.concurrent import run_stages

            run_stages(self.stages)
        else:
            for stage in self.stages:
                for copy in stage.copies:
                    copy.run()
                stage.program.run()
        return [*map(End.take, self._exits)]

    def finish(
        self, made: Sequence[np.ndarray], arrays: Mapping[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        """Plain elements of the outputs, from what `run_encoded` gave."""
        found = iter(made)
        return {
            name: decode(next(found) if place else arrays[name], self.network.types[name])
            for name, place in self._outputs
        }

    def run_timed(self, arrays: Mapping[str, np.ndarray]) -> Trace:
        """Run once on arrays in the shared formats, and tell what took how long.

        Stages run one after the other, also those that a plan runs at the same time.
        """
        clock = time.perf_counter_ns
        # Events are made afterwards: that takes longer than a small layer.
        moves: list[tuple[str, str, str, str, int, int]] = []
        runs: list[tuple[Stage, int, int, list[int]]] = []
        begin = clock()
        for entry in self._entries:
            start = clock()
            entry.put(arrays[entry.tensor])
            moves.append((entry.tensor, USER, entry.space, entry.space, start, clock()))
        for stage in self.stages:
            for copy in stage.copies:
                start = clock()
                copy.run()
                end = clock()
                places = copy.source.space.name, copy.target.space.name
                moves.append((copy.tensor, *places, stage.segment.device, start, end))
            start = clock()
            times = stage.program.run_timed()
            runs.append((stage, start, clock(), times))
        for way_out in self._exits:
            start = clock()
            way_out.take()
            moves.append((way_out.tensor, way_out.space, USER, way_out.space, start, clock()))
        total = clock() - begin
        events = [
            Event(
                EventKind.TRANSFER,
                transfer_label(tensor, source, target),
                device,
                start - begin,
                end - start,
            )
            for tensor, source, target, device, start, end in moves
        ]
        for stage, start, end, times in runs:
            events += _stage_events(stage, start - begin, end - begin, times)
        return Trace(tuple(sorted(events, key=lambda event: event.start)), total)


def _stage_events(stage: Stage, start: int, end: int, times: list[int]) -> list[Event]:
    """The launch of a stage's program, and its layers one after the other."""
    device = stage.segment.device
    launch = max(0, end - start - sum(times))
    events = [Event(EventKind.LAUNCH, device, device, start, launch)]
    moment = start + launch
    for node, duration in zip(stage.segment.nodes, times, strict=True):
        events.append(Event(EventKind.LAYER, node.name, device, moment, duration))
        moment += duration
    return events


def check_feeds(
    network: Network, feeds: Mapping[str, np.ndarray], batch: int
) -> dict[str, np.ndarray]:
    """Check what a caller hands over, and bring it into the shared formats.

    Raises
    ------
    InputError
        See :func:`bnnplan.models.feeds.check_feeds`.
    """
    plain = {name: np.asarray(array) for name, array in feeds.items()}
    feeding.check_feeds(network, plain, batch)
    return {name: encode(plain[name], kind) for name, kind in network.inputs.items()}


def run_arrays(runner: Runner, feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Run a runner on plain arrays of any number of images, in batches, the last one padded.

    Raises
    ------
    InputError
        If an input is missing, or of another shape or type, or if inputs hold different numbers
        of images.
    """
    batch = runner.bench.batch
    count = feeding.check_feeds(runner.network, feeds)
    parts: list[dict[str, np.ndarray]] = []
    for start in range(0, count, batch):
        chunk = {name: array[start : start + batch] for name, array in feeds.items()}
        missing = batch - len(next(iter(chunk.values())))
        if missing:
            chunk = {
                name: np.concatenate([array, np.repeat(array[-1:], missing, axis=0)])
                for name, array in chunk.items()
            }
        parts.append(runner.run(chunk))
    return {name: np.concatenate([part[name] for part in parts])[:count] for name in parts[0]}
