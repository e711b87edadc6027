"""Programs to be timed: layers of one device on buffers that take turns in memory, as in a plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from bnnplan.backends.interface import Buffer, Kernel, Program, Step
from bnnplan.models.graph import Node
from bnnplan.planner.arena import Blocks, Life, blocks_of
from bnnplan.planner.execution.buffers import allocate
from bnnplan.planner.execution.staging import Place
from bnnplan.planner.execution.workbench import Workbench

Layers = Sequence[tuple[Node, Kernel]]
"""In a topological order."""


class Contents(Protocol):
    """What tensors hold: the right values, or whatever will do."""

    bench: Workbench

    def restore(self, tensor: str, device: str, buffer: Buffer) -> None:
        """Upload what a tensor holds."""


class Programs:
    """Links programs of layers of one network, and keeps their buffers.

    What no layer of a program makes holds what it is given, and keeps it.

    Parameters
    ----------
    contents : Contents
        Such as an oracle.
    """

    def __init__(self, contents: Contents) -> None:
        self.contents = contents
        self._buffers: dict[tuple[str, tuple[Place, ...]], dict[Place, Buffer]] = {}

    def link(self, device: str, layers: Layers) -> Program:
        """A program of layers on a device."""
        bench = self.contents.bench
        space = bench.device(device).space.name
        wires = []
        for node, kernel in layers:
            read = zip(node.inputs, kernel.input_formats, strict=True)
            made = zip(node.outputs, kernel.output_formats, strict=True)
            wires.append(
                tuple([(tensor, space, format) for tensor, format in end] for end in (read, made))
            )
        at = self._at(device, wires)
        steps = [
            Step(kernel, [at[place] for place in read], [at[place] for place in made])
            for (_, kernel), (read, made) in zip(layers, wires, strict=True)
        ]
        return bench.backends[device].link(steps)

    def _at(self, device: str, wires: Sequence[tuple[list[Place], ...]]) -> Mapping[Place, Buffer]:
        """The buffers of the places that layers read and make."""
        everywhere = [place for ends in wires for end in ends for place in end]
        key = device, tuple(everywhere)
        if key not in self._buffers:
            first: dict[Place, int] = {}
            last: dict[Place, int] = {}
            for step, (read, made) in enumerate(wires):
                for place in read:
                    last[place] = step if place in first else len(wires)
                for place in made:
                    first[place] = last[place] = step

            def lives(sizes: Mapping[Place, int]) -> Blocks:
                return blocks_of([Life(sizes[p], first.get(p, 0), last[p]) for p in sizes])

            buffers = allocate(self.contents.bench, dict.fromkeys(everywhere, device), lives).at
            for place, buffer in buffers.items():
                if place not in first:
                    self.contents.restore(place[0], device, buffer)
            self._buffers[key] = buffers
        return self._buffers[key]
