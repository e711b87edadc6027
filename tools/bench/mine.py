"""Our side of a comparison: a network in its fastest configurations on the first cores."""

from __future__ import annotations

import functools
from collections.abc import Mapping

import attrs
import numpy as np
from attrs import frozen

from bnnplan.backends.interface import Buffer, Configuration, Program, Step, Unavailable, Work
from bnnplan.backends.registry import load_backends
from bnnplan.models.graph import Network, Node
from bnnplan.planner.board import Board, detect_board
from bnnplan.planner.execution.runner import Runner, check_feeds
from bnnplan.planner.execution.workbench import Workbench

TRIALS = 9


@functools.cache
def board_of(threads: int) -> Board:
    """The first cluster of cores, with so many of them."""
    board = detect_board().board.only(["cpu0"])
    (device,) = board.devices
    ordered = sorted(device.resources, key=lambda core: int(core.partition(":")[2]))
    cores = frozenset(ordered[:threads])
    return attrs.evolve(board, devices=(attrs.evolve(device, resources=cores, threads=threads),))


@frozen
class Speed:
    """What one core can do at most, all of the board's at work.

    Parameters
    ----------
    cycles : float
        A second.
    bit_products : float
        A second, by the better of the ways that there are.
    name : str
        Of that way.
    """

    cycles: float
    bit_products: float
    name: str


@functools.cache
def speed_of(board: Board) -> Speed | None:
    """Measured; None where the backend cannot."""
    (device,) = board.devices
    found = load_backends().usable[device.backend].ceilings(device)
    if isinstance(found, Unavailable):
        return None
    threads = device.threads
    mine = [ceiling for ceiling in found if ceiling.threads == threads]
    (clock,) = (ceiling.rate for ceiling in mine if ceiling.work is Work.CYCLES)
    best = max((c for c in mine if c.work is Work.BIT_PRODUCTS), key=lambda c: c.rate)
    return Speed(clock / threads, best.rate / threads, best.name)


class Mine:
    """A network made ready to run as one program.

    Like layers get the same configuration, the fastest of those that the backend offers, each
    timed alone.

    Parameters
    ----------
    network : Network
    board : Board
        With one device.
    batch : int
    chosen : dict of str to Configuration
        By signature of layer, as found before; filled in.
    """

    def __init__(
        self, network: Network, board: Board, batch: int, chosen: dict[str, Configuration]
    ) -> None:
        self.network = network
        self.bench = Workbench(network, board, batch)
        (device,) = board.devices
        assignment = {}
        for node in network.nodes:
            signature = network.bind(node, batch).signature
            if signature not in chosen:
                chosen[signature] = self._fastest(node)
            assignment[node.name] = (device.name, chosen[signature])
        self.runner = Runner(self.bench, assignment)

    def results(self, feeds: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Plain outputs for plain inputs."""
        return self.runner.run(feeds)

    def program(self, feeds: Mapping[str, np.ndarray]) -> Program:
        """All layers, computing again and again on the same plain inputs.

        Those have buffers of their own: in the runner's memory, later tensors take their place,
        and uploading them again would charge us for what peers are not charged.
        """
        (stage,) = self.runner.stages
        (device,) = self.bench.board.devices
        backend, kinds = self.bench.backends[device.name], self.network.inputs
        arrays = check_feeds(self.network, feeds, self.bench.batch)
        own: dict[int, Buffer] = {}
        for (tensor, _, format), shared in self.runner.buffers.items():
            if tensor not in kinds:
                continue
            kind = kinds[tensor]
            buffer = backend.allocate(device, kind, self.bench.batch, format)
            backend.upload(backend.convert(arrays[tensor], kind, kind.format, format), buffer)
            own[id(shared)] = buffer
        steps = [
            Step(step.kernel, [own.get(id(buffer), buffer) for buffer in step.inputs], step.outputs)
            for step in stage.program.steps
        ]
        return backend.link(steps)

    def _fastest(self, node: Node) -> Configuration:
        bench, (device,) = self.bench, self.bench.board.devices
        backend, types = bench.backends[device.name], self.network.types
        times = {}
        for configuration in backend.configurations(self.network.bind(node, bench.batch), device):
            kernel = bench.kernel(node, device.name, configuration)
            inputs, outputs = (
                [
                    backend.allocate(device, types[tensor], bench.batch, format)
                    for tensor, format in zip(tensors, formats, strict=True)
                ]
                for tensors, formats in (
                    (node.inputs, kernel.input_formats),
                    (node.outputs, kernel.output_formats),
                )
            )
            program = backend.link([Step(kernel, inputs, outputs)])
            times[configuration] = min(program.run_timed()[0] for _ in range(TRIALS))
        return min(times, key=times.__getitem__)
