"""Measures designed layers in chains, in every configuration that is worth it."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator

import attrs
import numpy as np
from attrs import define, field, frozen

from bnnplan.backends.interface import Configuration, Kernel, Program
from bnnplan.models.errors import BnnplanError
from bnnplan.models.graph import BoundLayer, Node
from bnnplan.models.layers import BinaryConv2d
from bnnplan.models.tensors import ElementType, TensorType
from bnnplan.planner.board import Board
from bnnplan.planner.characterizing.chains import MEASURED, WRITER, Material, chain_of
from bnnplan.planner.descriptors import touched_bytes
from bnnplan.planner.execution.workbench import Workbench
from bnnplan.planner.profiling.programs import Programs

LENGTHS = (8, 2, 8, 1, 4)
"""Layers of one program after the other: of few layers all that they touch stays near."""
NEAR, FAR = 1 << 14, 1 << 18
"""Bytes of layers that are small, and of large ones: either are measured among others like them, so
that programs touch from hardly anything to more than caches hold."""
ROUNDS = 3
"""Programs of every configuration, among those of the others."""
FEWEST_RUNS, BURST, MOST_BURSTS = 5, 6, 4
"""Of a program: it is run in bursts until so many runs were calm, in so many bursts at most."""
CALM = 1.05
"""How much slower than at its best the probe may be where a run counts."""
QUIET = 0.25
"""Share of the calm runs that are the quickest: what the slowest of them takes is the time."""
LEAST = 0.25
"""Share of the samples that count however much the machine was disturbed."""
LAUNCHES = 100
"""Of a program of the probe alone."""
BEST = 2
"""Percent of the runs of the probe that are taken to be its best: a clock may err."""
PROBE = BoundLayer(
    BinaryConv2d(weight=np.ones((128, 3, 3, 128), np.int8), pads=(1, 1, 1, 1)),
    (TensorType((14, 14, 128), ElementType.BIT),),
)
"""The first and the last layer of every chain: how slow they are tells how much others took of the
machine meanwhile."""


@frozen
class Sample:
    """What a layer took on a device in a configuration.

    Parameters
    ----------
    bound : BoundLayer
    device : str
    configuration : Configuration
    ns : float
        The lower quartile of the runs: others that take a part of the machine only slow it down.
    weight_bytes, workspace_bytes : int
    probe_ns : float
        What the probe took in the same programs.
    touched : int
        Bytes that these programs touch.
    """

    bound: BoundLayer
    device: str
    configuration: Configuration
    ns: float
    weight_bytes: int
    workspace_bytes: int
    probe_ns: float
    touched: int


@define
class Trial:
    """A configuration of a layer of a chain, and what it took so far beside what the probe took."""

    node: Node
    kernel: Kernel
    runs: list[tuple[int, int]] = field(factory=list)

    def sample(self, device: str, touched: int) -> Sample:
        """What the calmest runs say."""
        times, probes = np.array(self.runs).T
        limit = max(CALM * probes.min(), float(np.sort(probes)[:FEWEST_RUNS][-1]))
        kernel = self.kernel
        return Sample(
            kernel.bound,
            device,
            kernel.configuration,
            max(1.0, float(np.quantile(times[probes <= limit], QUIET))),
            kernel.weight_bytes,
            kernel.workspace_bytes,
            float(np.median(probes[probes <= limit])),
            touched,
        )


@define
class Measurements:
    """All that was measured: layers, and what the probe took by device, batch and threads."""

    samples: list[Sample] = field(factory=list)
    probes: dict[tuple[str, int, int], list[int]] = field(factory=dict)

    def best_probe(self, device: str, batch: int, threads: int) -> float:
        """What the probe takes when nobody disturbs it."""
        return float(np.percentile(self.probes[device, batch, threads], BEST))

    def calm(self) -> list[Sample]:
        """Samples of moments when the machine was about as fast as at its best.

        At least a quarter of all: fewer would leave families out.
        """
        kinds: dict[tuple[str, int, int], list[Sample]] = {}
        for sample in self.samples:
            key = sample.device, sample.bound.batch, sample.configuration.threads
            kinds.setdefault(key, []).append(sample)
        kept = []
        for key, mine in kinds.items():
            probes = np.array([sample.probe_ns for sample in mine])
            limit = max(CALM * self.best_probe(*key), float(np.quantile(probes, LEAST)))
            kept += [sample for sample in mine if sample.probe_ns <= limit]
        return kept


def chains(layers: Iterator[BoundLayer]) -> Iterator[list[BoundLayer]]:
    """Layers in chains of various lengths, those of each chain of one batch size and alike large.

    Of images that are computed together there are fewer layers, large and small in one chain.
    """
    waiting: dict[tuple[int, ...], list[BoundLayer]] = {}
    lengths = itertools.cycle(LENGTHS)
    wanted: dict[tuple[int, ...], int] = {}
    for bound in layers:
        nbytes = _nbytes(bound)
        size = (nbytes > NEAR) + (nbytes > FAR) if bound.batch == 1 else 0
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


def measure_chain(
    layers: list[BoundLayer],
    board: Board,
    device: str,
    found: Measurements,
    *,
    seed: int,
    ends: Callable[[], bool],
) -> None:
    """Measure the layers of a chain on a device, and add what they took to what was found.

    Nothing is added of a configuration that was not timed before the time was over.
    """
    batch = layers[0].batch
    probe = attrs.evolve(PROBE, batch=batch)
    bench = Workbench(chain_of([probe, *layers, probe]), board, batch)
    programs = Programs(Material(bench, seed))
    trials = _trials(bench, device)
    touched = touched_bytes(bench.network, batch)
    writers = [node for node in bench.network.nodes if node.name.startswith(WRITER)]
    threads = sorted({t.kernel.configuration.threads for ts in trials for t in ts})
    for _ in range(ROUNDS):
        for count in threads:
            if ends():
                break
            _round(programs, bench, device, trials, writers, count, found)
    for mine in trials[1:-1]:
        found.samples += [trial.sample(device, touched) for trial in mine if trial.runs]


def measure_launches(board: Board, device: str) -> dict[int, int]:
    """What starting and finishing a program takes, by the threads that its layers use."""
    bench = Workbench(chain_of([PROBE]), board)
    programs = Programs(Material(bench, 0))
    found = {}
    for mine in _trials(bench, device):
        for trial in mine:
            program = programs.link(device, [(trial.node, trial.kernel)])
            program.run()
            taken = []
            for _ in range(LAUNCHES):
                start = time.perf_counter_ns()
                times = program.run_timed()
                taken.append(max(0, time.perf_counter_ns() - start - sum(times)))
            found[trial.kernel.configuration.threads] = round(_quiet(taken))
    return found


def _quiet(samples: list[int]) -> float:
    return float(np.quantile(samples, QUIET))


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


def _round(
    programs: Programs,
    bench: Workbench,
    device: str,
    trials: list[list[Trial]],
    writers: list[Node],
    threads: int,
    found: Measurements,
) -> None:
    """Time programs in which every configuration of so many threads has had a turn."""
    batch = bench.batch
    turns = [[t for t in mine if t.kernel.configuration.threads == threads] for mine in trials]
    ends = {mine[0].node.name for mine in (trials[0], trials[-1])}
    turns = [mine for mine in turns if mine]
    order = {node.name: place for place, node in enumerate(bench.network.nodes)}
    probes = found.probes.setdefault((device, batch, threads), [])
    for turn in range(max(len(mine) for mine in turns)):
        # The probe is always the same, or it would tell of itself.
        taken = [mine[0 if mine[0].node.name in ends else turn % len(mine)] for mine in turns]
        chosen = {trial.node.name: trial for trial in taken}
        layers = [(trial.node, trial.kernel) for trial in taken]
        for node in writers:
            kernel = _writer(bench, node, device, threads)
            if kernel is not None:
                layers.append((node, kernel))
        layers.sort(key=lambda layer: order[layer[0].name])
        program = programs.link(device, layers)
        names = [node.name for node, _ in layers]
        calm = 0
        for _ in range(MOST_BURSTS):
            for times in _burst(program):
                known = dict(zip(names, times, strict=True))
                probe = max(known[name] for name in ends)
                probes.append(probe)
                for name, trial in chosen.items():
                    trial.runs.append((known[name], probe))
                calm += probe <= CALM * found.best_probe(device, batch, threads)
            if calm >= FEWEST_RUNS:
                break


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
