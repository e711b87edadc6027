"""Parts of an assignment made ready to run: copies, ends, and programs on their buffers."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from attrs import field, frozen

from bnnplan.backends.host import HostBuffer
from bnnplan.backends.interface import Backend, Buffer, Kernel, Program, Step
from bnnplan.models.graph import Node
from bnnplan.planner.execution.segments import Segment
from bnnplan.planner.execution.staging import Place, StagedSegment
from bnnplan.planner.execution.workbench import Workbench


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
class End:
    """Where arrays of the caller enter or leave: what small networks need, looked up once."""

    tensor: str
    space: str
    owner: Backend
    buffer: Buffer
    shared: bool
    """Whether the buffer has the shared format, which callers' arrays have."""

    def put(self, array: np.ndarray) -> None:
        """Upload an array in the shared format."""
        if not self.shared:
            kind = self.buffer.type
            array = self.owner.convert(array, kind, kind.format, self.buffer.format)
        self.owner.upload(array, self.buffer)

    def take(self) -> np.ndarray:
        """Download an array in the shared format."""
        array = self.owner.download(self.buffer)
        if self.shared:
            return array
        kind = self.buffer.type
        return self.owner.convert(array, kind, self.buffer.format, kind.format)


@frozen(eq=False)
class Stage:
    """A segment made ready: what must be copied first, and the program that runs it."""

    segment: Segment
    copies: tuple[Copy, ...]
    program: Program
    waits: tuple[int, ...] = field(default=())
    """Indices of the stages that make what this one reads, or that use the same cores."""


def make_end(place: Place, buffer: Buffer, owner: Backend) -> End:
    """Where arrays of the caller enter or leave a place."""
    return End(place[0], place[1], owner, buffer, buffer.format == buffer.type.format)


def make_copy(
    source: Place, target: Place, at: Mapping[Place, Buffer], owners: Mapping[Place, Backend]
) -> Copy:
    """The copy from one place to another."""
    return Copy(source[0], at[source], at[target], owners[source], owners[target])


def make_ready(
    staged: StagedSegment,
    bench: Workbench,
    kernel: Callable[[Node], Kernel],
    at: Mapping[Place, Buffer],
    owners: Mapping[Place, Backend],
) -> Stage:
    """Link a segment's program, on the buffers of its places.

    Parameters
    ----------
    staged : StagedSegment
    bench : Workbench
    kernel : callable
        The kernel that the assignment gives a node.
    at : mapping of Place to Buffer
    owners : mapping of Place to Backend
    """
    copies = [make_copy(source, target, at, owners) for source, target in staged.copies]
    steps = [
        Step(
            kernel(layer.node),
            [at[place] for place in layer.inputs],
            [at[place] for place in layer.outputs],
        )
        for layer in staged.layers
    ]
    program = bench.backends[staged.segment.device].link(steps)
    return Stage(staged.segment, tuple(copies), program, staged.waits)
