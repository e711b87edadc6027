"""Runs an assignment: uploads what a caller hands over, runs segments, moves tensors between."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import numpy as np
from attrs import field, frozen

from bnnplan.backends.host import HostBuffer
from bnnplan.backends.interface import Backend, Buffer, Program, Step
from bnnplan.models import feeds as feeding
from bnnplan.models.graph import Network
from bnnplan.models.tensors import decode, encode
from bnnplan.planner.board import USER
from bnnplan.planner.execution.segments import Segment, cut
from bnnplan.planner.execution.trace import Event, EventKind, Trace
from bnnplan.planner.execution.workbench import Assignment, Workbench

Place = tuple[str, str, str]
"""Tensor, memory space, format: where a copy of a tensor lies."""


@frozen(eq=False)
class Copy:
    """One tensor moved between two buffers."""

    tensor: str
    source: Buffer
    target: Buffer
    source_backend: Backend
    target_backend: Backend

    @property
    def label(self) -> str:
        """What traces call it."""
        return transfer_label(self.tensor, self.source.space.name, self.target.space.name)

    def run(self) -> None:
        """Copy, by way of the shared format if the formats differ."""
        source, target = self.source, self.target
        # A host buffer is read in place: its backend would only make a copy to copy from.
        direct = isinstance(source, HostBuffer)
        array = source.array if direct else self.source_backend.download(source)  # type: ignore[attr-defined]
        kind = source.type
        shared = self.source_backend.convert(array, kind, source.format, kind.format)
        self.target_backend.upload(
            self.target_backend.convert(shared, kind, kind.format, target.format), target
        )


def transfer_label(tensor: str, source: str, target: str) -> str:
    """Name of a transfer in traces and plans."""
    return f"{tensor}: {source} → {target}"


@frozen(eq=False)
class Stage:
    """A segment made ready: what must be copied first, and the program that runs it."""

    segment: Segment
    copies: tuple[Copy, ...]
    program: Program
    waits: tuple[int, ...] = field(default=())
    """Indices of the stages that make what this one reads, or that use the same cores."""


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
    """

    def __init__(
        self,
        bench: Workbench,
        assignment: Assignment,
        order: Sequence[str] | None = None,
        *,
        concurrent: bool = False,
    ) -> None:
        self.bench = bench
        self.assignment = dict(assignment)
        self.concurrent = concurrent
        self._buffers: dict[Place, Buffer] = {}
        self._owners: dict[Place, Backend] = {}
        self._homes: dict[str, Place] = {}
        self._makers: dict[Place, int] = {}
        self.stages: list[Stage] = []
        self._uploads: list[tuple[str, Place]] = []
        segments = cut(bench.network, assignment, order, concurrent=concurrent)
        for segment in segments:
            self.stages.append(self._prepare(segment))
        self._outputs = [(name, self._place_of_output(name)) for name in bench.network.outputs]

    @property
    def network(self) -> Network:
        """The network that runs."""
        return self.bench.network

    def _prepare(self, segment: Segment) -> Stage:
        backend = self.bench.backends[segment.device]
        index = len(self.stages)
        steps: list[Step] = []
        copies: list[Copy] = []
        waits: set[int] = set()
        for node in segment.nodes:
            kernel = self.bench.kernel(node, *self.assignment[node.name])
            inputs = []
            for tensor, format in zip(node.inputs, kernel.input_formats, strict=True):
                place = self._find(tensor, segment.device, format, copies)
                waits.add(self._makers.get(place, index))
                inputs.append(self._buffers[place])
            outputs = []
            for tensor, format in zip(node.outputs, kernel.output_formats, strict=True):
                place = self._allocate(tensor, segment.device, format)
                self._homes[tensor] = place
                self._makers[place] = index
                outputs.append(self._buffers[place])
            steps.append(Step(kernel, tuple(inputs), tuple(outputs)))
        for copy in copies:
            home = self._homes.get(copy.tensor)
            waits.add(self._makers.get(home, index) if home else index)
        waits |= self._rivals(segment.device)
        return Stage(segment, tuple(copies), backend.link(steps), tuple(sorted(waits - {index})))

    def _rivals(self, device: str) -> set[int]:
        """The last stage of every other device that shares cores or queues with one.

        They never run at the same time in a plan, so neither do they here.
        """
        busy = self.bench.device(device).resources
        last = {stage.segment.device: index for index, stage in enumerate(self.stages)}
        return {
            index
            for other, index in last.items()
            if other != device and not busy.isdisjoint(self.bench.device(other).resources)
        }

    def _find(self, tensor: str, device: str, format: str, copies: list[Copy]) -> Place:
        """Where a device finds a tensor, with an upload or a copy added if it is not there yet."""
        place = (tensor, self.bench.device(device).space.name, format)
        if place in self._buffers:
            return place
        target = self._allocate(tensor, device, format)
        if tensor in self.network.inputs:
            self._uploads.append((tensor, target))
            return target
        home = self._homes[tensor]
        copies.append(
            Copy(
                tensor,
                self._buffers[home],
                self._buffers[target],
                self._owners[home],
                self._owners[target],
            )
        )
        self._makers[target] = len(self.stages)
        return target

    def _allocate(self, tensor: str, device: str, format: str) -> Place:
        backend, where = self.bench.backends[device], self.bench.device(device)
        place = (tensor, where.space.name, format)
        self._buffers[place] = backend.allocate(
            where, self.network.types[tensor], self.bench.batch, format
        )
        self._owners[place] = backend
        return place

    def _place_of_output(self, tensor: str) -> Place | None:
        return self._homes.get(tensor)

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
        for tensor, place in self._uploads:
            self._upload(tensor, place, arrays)
        if self.concurrent:
            from bnnplan.planner.execution.concurrent import run_stages

            run_stages(self.stages)
        else:
            for stage in self.stages:
                for copy in stage.copies:
                    copy.run()
                stage.program.run()
        return [self._download(place) for _, place in self._outputs if place]

    def _upload(self, tensor: str, place: Place, arrays: Mapping[str, np.ndarray]) -> None:
        kind = self.network.types[tensor]
        owner = self._owners[place]
        owner.upload(
            owner.convert(arrays[tensor], kind, kind.format, place[2]), self._buffers[place]
        )

    def _download(self, place: Place) -> np.ndarray:
        buffer, owner = self._buffers[place], self._owners[place]
        array = owner.download(buffer)
        return owner.convert(array, buffer.type, buffer.format, buffer.type.format)

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
        for tensor, place in self._uploads:
            start = clock()
            self._upload(tensor, place, arrays)
            moves.append((tensor, USER, place[1], place[1], start, clock()))
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
        for tensor, where in self._outputs:
            if where:
                start = clock()
                self._download(where)
                moves.append((tensor, where[1], USER, where[1], start, clock()))
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
