"""Streams made ready to run: memory taken, programs linked, and who runs each stage."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping

from attrs import frozen

from bnnplan.backends.host import HostBuffer
from bnnplan.backends.interface import Backend, Buffer, Kernel, NativeProgram, Program
from bnnplan.models.graph import Node
from bnnplan.planner.board import CORE
from bnnplan.planner.execution.buffers import Buffers, allocate
from bnnplan.planner.execution.lifetimes import Lifetimes
from bnnplan.planner.execution.pipelines.layout import LaidStage, StreamLayout
from bnnplan.planner.execution.pipelines.slots import HostSlots, Slots, Window, take_ring
from bnnplan.planner.execution.pipelines.turns import (
    Carry,
    Copies,
    Held,
    Locks,
    Turn,
    Turns,
    guarded,
    using,
)
from bnnplan.planner.execution.pipelines.units import resources
from bnnplan.planner.execution.ready import Stage, make_copy, make_end, make_ready
from bnnplan.planner.execution.staging import Place, StagedSegment
from bnnplan.planner.execution.workbench import Workbench


@frozen
class Bound:
    """A pointer of a native program that follows the slots of a tensor."""

    pointer: int
    slots: HostSlots
    in_window: bool


@frozen(eq=False)
class PreparedStage:
    """A stage that can run.

    Parameters
    ----------
    laid : LaidStage
    programs : tuple of Program
        All that are linked for it.
    work : tuple of NativeProgram
        What a native thread runs; empty where `turns` are run by the interpreter.
    bounds : tuple of Bound
    turns : Turns or None
    cores : frozenset of int
        That its devices occupy.
    carried_bytes : int
        Of buffers that stand for the window.
    """

    laid: LaidStage
    programs: tuple[Program, ...]
    work: tuple[NativeProgram, ...]
    bounds: tuple[Bound, ...]
    turns: Turns | None
    cores: frozenset[int]
    carried_bytes: int = 0


class PreparedStream:
    """A stream that can run.

    Parameters
    ----------
    bench : Workbench
    layout : StreamLayout
    kernel : callable
        The kernel that the stream gives a node.
    window : mapping of str to HostSlots
    locks : mapping of str to Lock

    Attributes
    ----------
    stages : list of PreparedStage
    """

    def __init__(
        self,
        bench: Workbench,
        layout: StreamLayout,
        kernel: Callable[[Node], Kernel],
        window: Window,
        locks: Locks,
    ) -> None:
        self.bench = bench
        self.layout = layout
        self._kernel = kernel
        self._window = window
        self._locks = locks
        self._owners = layout.staging.owners
        self._backends: dict[Place, Backend] = {
            place: bench.backends[device] for place, device in self._owners.items()
        }
        self.rings = {
            place: take_ring(bench, place, self._owners[place], count)
            for place, count in layout.rings.items()
        }
        lives = Lifetimes(layout.staging).blocks
        self.locals: list[Buffers] = [
            allocate(bench, self._local(stage), lives) for stage in layout.stages
        ]
        self.stages = [
            self._prepare(stage, own.at)
            for stage, own in zip(layout.stages, self.locals, strict=True)
        ]

    def _local(self, stage: LaidStage) -> dict[Place, str]:
        """The places that only one stage uses, with their devices."""
        return {
            place: self._owners[place]
            for place in _places(stage)
            if place not in self.layout.rings and place not in self.layout.windows
        }

    def _prepare(self, stage: LaidStage, own: Mapping[Place, Buffer]) -> PreparedStage:
        return self._native(stage, own) or self._interpreted(stage, own)

    def _native(self, stage: LaidStage, own: Mapping[Place, Buffer]) -> PreparedStage | None:
        """For a native thread, if all its programs can be and it has nothing to carry."""
        slots = self._slots(stage)
        shared = all(isinstance(ring, HostSlots) for ring in slots.values())
        carries = stage.uploads or stage.downloads or stage.exports or any(stage.copies)
        if not stage.segments or not shared or carries:
            return None
        at = {**own, **{place: ring.buffers[0] for place, ring in slots.items()}}
        ready = self._ready(stage, at)
        native = [part.program.native for part in ready]
        work = tuple(program for program in native if program is not None)
        if len(work) < len(native):
            return None
        bounds = []
        for layers, program in zip(stage.layers, work, strict=True):
            for step, layer in enumerate(layers):
                for is_output, places in ((False, layer.inputs), (True, layer.outputs)):
                    for position, place in enumerate(places):
                        ring = slots.get(place)
                        if isinstance(ring, HostSlots):
                            pointer = program.pointers[step, position, is_output]
                            bounds.append(Bound(pointer, ring, place in self.layout.windows))
        programs = tuple(part.program for part in ready)
        return PreparedStage(stage, programs, work, tuple(bounds), None, self._cores(stage))

    def _interpreted(self, stage: LaidStage, own: Mapping[Place, Buffer]) -> PreparedStage:
        """For a thread of the interpreter: programs of their own for every position of the rings.

        Network inputs and outputs are carried, since such programs cannot follow the window.
        """
        types, batch = self.bench.network.types, self.bench.batch
        carried = [place for place in _places(stage) if place in self.layout.windows]
        spaces = {place: self.bench.device(self._owners[place]).space for place in carried}
        held = {place: HostBuffer(types[place[0]], batch, spaces[place]) for place in carried}
        rings = {
            place: self.rings[place].buffers for place in _places(stage) if place in self.rings
        }
        made = {place for layers in stage.layers for layer in layers for place in layer.outputs}
        sources = {
            source[0]: self._owners[source] for copies in stage.copies for source, _ in copies
        }
        turns: list[Turn] = []
        programs: list[Program] = []
        for number in range(math.lcm(*map(len, rings.values()))):
            now = {place: ring[number % len(ring)] for place, ring in rings.items()}
            at = {**own, **held, **now}
            ready = self._ready(stage, at)
            programs += [part.program for part in ready]
            turns.append(
                Turn(
                    self._carries([*stage.uploads, *(p for p in carried if p not in made)], at),
                    tuple(guarded(part, self._locks, sources) for part in ready),
                    self._exports(stage, at),
                    self._carries([*(p for p in carried if p in made), *stage.downloads], at),
                )
            )
        cores = self._cores(stage)
        nbytes = sum(buffer.nbytes for buffer in held.values())
        return PreparedStage(stage, tuple(programs), (), (), Turns(turns, cores), cores, nbytes)

    def _carries(self, places: Iterable[Place], at: Mapping[Place, Buffer]) -> tuple[Carry, ...]:
        return tuple(
            Carry(
                self._window[place[0]],
                make_end(place, at[place], self._backends[place]),
                Held(self._locks, using(at[place], self._owners[place])),
            )
            for place in places
        )

    def _exports(self, stage: LaidStage, at: Mapping[Place, Buffer]) -> Copies:
        return tuple(
            (
                make_copy(source, target, at, self._backends),
                Held(
                    self._locks,
                    [
                        device
                        for place in (source, target)
                        for device in using(at[place], self._owners[place])
                    ],
                ),
            )
            for source, target in stage.exports
        )

    def _ready(self, stage: LaidStage, at: Mapping[Place, Buffer]) -> list[Stage]:
        return [
            make_ready(
                StagedSegment(segment, copies, layers), self.bench, self._kernel, at, self._backends
            )
            for segment, copies, layers in zip(
                stage.segments, stage.copies, stage.layers, strict=True
            )
        ]

    def _slots(self, stage: LaidStage) -> dict[Place, Slots]:
        """What a stage uses of the rings and of the window."""
        found: dict[Place, Slots] = {}
        for place in _places(stage):
            if place in self.layout.windows:
                found[place] = self._window[place[0]]
            elif place in self.rings:
                found[place] = self.rings[place]
        return found

    def _cores(self, stage: LaidStage) -> frozenset[int]:
        named = (resources(self.bench.board, device) for device in stage.devices)
        return frozenset(
            int(name.removeprefix(CORE))
            for names in named
            for name in names
            if name.startswith(CORE)
        )


def _places(stage: LaidStage) -> list[Place]:
    """Everything that a stage reads or writes."""
    found: dict[Place, None] = dict.fromkeys((*stage.uploads, *stage.downloads))
    for copies, layers in zip(stage.copies, stage.layers, strict=True):
        found.update(dict.fromkeys(place for copy in copies for place in copy))
        for layer in layers:
            found.update(dict.fromkeys((*layer.inputs, *layer.outputs)))
    found.update(dict.fromkeys(place for copy in stage.exports for place in copy))
    return list(found)
