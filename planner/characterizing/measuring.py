"""Measures designed layers in chains, in every configuration that is worth it."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator

import attrs
import numpy as np

from bnnplan.backends.interface import Kernel, Program
from bnnplan.models.errors import BnnplanError
from bnnplan.models.graph import BoundLayer, Node
from bnnplan.models.layers import BinaryConv2d
from bnnplan.models.tensors import ElementType, TensorType
from bnnplan.planner.board import Board
from bnnplan.planner.characterizing.chains import MEASURED, WRITER, Material, chain_of
from bnnplan.planner.characterizing.pace import NEAR, Pace
from bnnplan.planner.characterizing.samples import FEWEST_RUNS, Measurements, Sample, Trial
from bnnplan.planner.descriptors import reuse_distances, touched_bytes
from bnnplan.planner.execution.workbench import Workbench
from bnnplan.planner.profiling.programs import Programs

LENGTHS = (8, 2, 8, 1, 4)
"""Layers of one program after the other: of few layers all that they touch stays near."""
SMALL, LARGE = 1 << 14, 1 << 18
"""Bytes of layers that are small, and of large ones: either are measured among others like them, so
that programs touch from hardly anything to more than caches hold."""
ROUNDS = 3
"""Of a chain: in each every configuration is timed."""
BURST, MOST_BURSTS = 6, 4
"""Of a program: it is run in bursts until enough runs were of the usual pace; so many at most."""
LAUNCHES, LAUNCH_SECONDS = 200, 1.0
"""Of a small program: so many at most, and for so long."""
PROBE = BoundLayer(
    BinaryConv2d(weight=np.ones((128, 3, 3, 128), np.int8), pads=(1, 1, 1, 1)),
    (TensorType((14, 14, 128), ElementType.BIT),),
)
"""The first two and the last two layers of every chain tell the pace of the machine meanwhile."""
SMALL_LAYER = BoundLayer(
    BinaryConv2d(weight=np.ones((64, 1, 1, 64), np.int8)),
    (TensorType((4, 4, 64), ElementType.BIT),),
)
"""A layer that can be shared out over threads, and takes hardly any time."""


def chains(layers: Iterator[BoundLayer]) -> Iterator[list[BoundLayer]]:
    """Layers in chains of various lengths, those of each chain of one batch size and alike large.

    Of images that are computed together there are fewer layers, large and small in one chain.
    """
    waiting: dict[tuple[int, ...], list[BoundLayer]] = {}
    lengths = itertools.cycle(LENGTHS)
    wanted: dict[tuple[int, ...], int] = {}
    for bound in layers:
        nbytes = _nbytes(bound)
        size = (nbytes > SMALL) + (nbytes > LARGE) if bound.batch == 1 else 0
        key = bound.batch, size
        mine = waiting.setdefault(key, [])
        mine.append(bound)
        if key not in wanted:
            wanted[key] = next(lengths)
        if len(mine) == wanted[key]:
            del wanted[key]
            yield waiting.pop(key)


def _nbytes(bound: BoundLayer) -> int:
    kinds = (*bound.inputs, *bound.outputs)
    return bound.layer.weight_bits() // 8 + sum(kind.nbytes(bound.batch) for kind in kinds)


class OpenChain:
    """A chain of designed layers that is timed in rounds, some time apart.

    Parameters
    ----------
    layers : list of BoundLayer
        Of one batch size.
    board : Board
    device : str
    seed : int
        Of what inputs hold.
    """

    def __init__(self, layers: list[BoundLayer], board: Board, device: str, seed: int) -> None:
        self.device = device
        self.batch = layers[0].batch
        probe = attrs.evolve(PROBE, batch=self.batch)
        self.bench = Workbench(chain_of([probe, probe, *layers, probe, probe]), board, self.batch)
        self.programs = Programs(Material(self.bench, seed))
        self.trials = _trials(self.bench, device)
        self.touched = touched_bytes(self.bench.network, self.batch)
        self.rounds = 0

    @property
    def is_done(self) -> bool:
        """Whether it was timed often enough."""
        return self.rounds >= ROUNDS

    def time_round(self, found: Measurements) -> None:
        """Time programs in which every configuration has had a turn."""
        configurations = [t.kernel.configuration for mine in self.trials for t in mine]
        for threads in sorted({how.threads for how in configurations}):
            self._time(threads, found.pace(self.device, threads))
        self.rounds += 1

    def samples(self, found: Measurements) -> list[Sample]:
        """What was timed so far, probes left out."""
        distances = reuse_distances(self.bench.network, self.batch)
        return [
            trial.sample(
                self.device,
                distances[trial.node.name],
                found.pace(self.device, trial.kernel.configuration.threads),
            )
            for mine in self.trials[2:-2]
            for trial in mine
            if trial.runs
        ]

    def _time(self, threads: int, pace: Pace) -> None:
        mine = [
            [t for t in trials if t.kernel.configuration.threads == threads]
            for trials in self.trials
        ]
        turns = [trials for trials in mine if trials]
        ends = {trials[0].node.name for trials in (*self.trials[:2], *self.trials[-2:])}
        for turn in range(max(map(len, turns))):
            # The probe is always the same, or it would tell of itself.
            taken = [
                trials[0 if trials[0].node.name in ends else turn % len(trials)] for trials in turns
            ]
            self._run({trial.node.name: trial for trial in taken}, threads, pace)

    def _run(self, chosen: dict[str, Trial], threads: int, pace: Pace) -> None:
        """Run a program of one configuration of each layer until enough runs are of use."""
        layers = []
        for node in self.bench.network.nodes:
            if node.name in chosen:
                layers.append((node, chosen[node.name].kernel))
            elif node.name.startswith(WRITER):
                kernel = _writer(self.bench, node, self.device, threads)
                layers += [(node, kernel)] if kernel is not None else []
        program = self.programs.link(self.device, layers)
        names = [node.name for node, _ in layers]
        # The second of either two: what it reads was read before, whatever else is in the caches.
        first, last = self.trials[1][0].node.name, self.trials[-1][0].node.name
        near = 0
        for _ in range(MOST_BURSTS):
            for times in _burst(program):
                known = dict(zip(names, times, strict=True))
                pair = known[first] / self.batch, known[last] / self.batch
                for probe in pair:
                    pace.add(probe)
                for name, trial in chosen.items():
                    trial.runs.append((known[name], *pair))
                near += pace.distance(max(pair)) <= NEAR
            # What disturbs a machine lasts for seconds: then another chain may go on.
            if near == 0 or near >= FEWEST_RUNS:
                break


def measure_launches(board: Board, device: str, found: Measurements) -> dict[int, int]:
    """What starting and finishing a program takes, by the threads that its layers use.

    It is what runs of a small program take beyond its layers, as the runs after them tell these.
    """
    bench = Workbench(chain_of([PROBE, SMALL_LAYER]), board)
    programs = Programs(Material(bench, 0))
    launches = {}
    for probe, small in zip(*_trials(bench, device), strict=True):
        threads = small.kernel.configuration.threads
        told = programs.link(device, [(probe.node, probe.kernel)])
        program = programs.link(device, [(small.node, small.kernel)])
        pace = found.pace(device, threads)
        taken: list[float] = []
        end = time.monotonic() + LAUNCH_SECONDS
        while len(taken) < LAUNCHES and (len(taken) < FEWEST_RUNS or time.monotonic() < end):
            (now,) = told.run_timed()
            pace.add(now)
            program.run()
            start = time.perf_counter_ns()
            program.run()
            whole = time.perf_counter_ns() - start
            taken.append(max(0, whole - sum(program.run_timed())) / now)
        launches[threads] = round(float(np.median(taken)) * pace.usual)
    return launches


def _trials(bench: Workbench, device: str) -> list[list[Trial]]:
    """The configurations of each measured layer that can be prepared."""
    backend, where = bench.backends[device], bench.device(device)
    found = []
    for node in bench.network.nodes:
        if not node.name.startswith(MEASURED):
            continue
        bound = bench.network.bind(node, bench.batch)
        if backend.supports(bound, where) is not None:
            continue
        mine = []
        for configuration in backend.configurations(bound, where):
            try:
                mine.append(Trial(node, bench.kernel(node, device, configuration)))
            except BnnplanError:
                continue  # such as one that has no room: profiles say so, models need not
        if mine:
            found.append(mine)
    return found


def _burst(program: Program) -> list[list[int]]:
    """What the layers took in runs after each other; nothing but the program is in the caches."""
    program.run()
    return [program.run_timed() for _ in range(BURST)]


def _writer(bench: Workbench, node: Node, device: str, threads: int) -> Kernel | None:
    """A writer that shares its work out as the layer behind it does."""
    backend, where = bench.backends[device], bench.device(device)
    bound = bench.network.bind(node, bench.batch)
    if backend.supports(bound, where) is not None:
        return None
    fitting = [c for c in backend.configurations(bound, where) if c.threads <= threads]
    return bench.kernel(node, device, max(fitting, key=lambda c: c.threads)) if fitting else None
