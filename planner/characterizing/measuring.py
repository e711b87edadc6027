"""Measures designed layers in chains, in every configuration that is worth it."""

from __future__ import annotations

import bisect
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
from bnnplan.planner.descriptors import Distances, family_of, reuse_distances
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
"""Of a program: it is run in bursts until so many runs were steady, in so many bursts at most."""
STEADY = 1.1
"""How much slower than at its best the probe may be where the machine counts as calm."""
FEWEST_CALM, CALM_SHARE = 10, 0.1
"""Samples of a family that count in any case, and their share: the calmest."""
LAUNCHES, LAUNCH_SECONDS = 200, 1.0
"""Of a program of the probe alone: so many at most, and for so long."""
BEST = 5
"""The pace of a device is what the probe took in its so many best runs: a clock may err."""
PROBE = BoundLayer(
    BinaryConv2d(weight=np.ones((128, 3, 3, 128), np.int8), pads=(1, 1, 1, 1)),
    (TensorType((14, 14, 128), ElementType.BIT),),
)
"""The first two and the last two layers of every chain: how slow they are tells how much others
took of the machine meanwhile. Times are told by those of the probe in the same runs, and become
those of an undisturbed machine where the probe is given its best time."""


@frozen
class Sample:
    """What a layer took on a device in a configuration.

    Parameters
    ----------
    bound : BoundLayer
    device : str
    configuration : Configuration
    ns : float
        The median of the runs, at the pace that the machine had then.
    probe_ns : float
        What the probe took in the same runs.
    weight_bytes, workspace_bytes : int
    distances : Distances
        In the programs that it was timed in.
    """

    bound: BoundLayer
    device: str
    configuration: Configuration
    ns: float
    probe_ns: float
    weight_bytes: int
    workspace_bytes: int
    distances: Distances


@define
class Trial:
    """A configuration of a layer of a chain, and what it took so far between two probes."""

    node: Node
    kernel: Kernel
    runs: list[tuple[int, int, int]] = field(factory=list)

    def sample(self, device: str, distances: Distances) -> Sample:
        """What the runs say in which the machine was calm, before as after."""
        times, first, last = np.array(self.runs, float).T
        slow, pace = np.maximum(first, last), (first + last) / 2
        calm = slow <= max(STEADY * slow.min(), float(np.sort(slow)[:FEWEST_RUNS][-1]))
        probe, kernel = float(np.median(pace[calm])), self.kernel
        return Sample(
            kernel.bound,
            device,
            kernel.configuration,
            max(1.0, float(np.median(times[calm] / pace[calm])) * probe),
            probe,
            kernel.weight_bytes,
            kernel.workspace_bytes,
            distances,
        )


@define
class Measurements:
    """All that was measured: layers, and the shortest times of the probe by device and threads."""

    samples: list[Sample] = field(factory=list)
    probes: dict[tuple[str, int], list[float]] = field(factory=dict)

    def probed(self, device: str, threads: int, ns: float) -> None:
        """Take in what the probe took an image."""
        shortest = self.probes.setdefault((device, threads), [])
        bisect.insort(shortest, ns)
        del shortest[BEST:]

    def best_probe(self, device: str, threads: int) -> float:
        """What the probe takes an image when nobody disturbs it, in nanoseconds."""
        return self.probes[device, threads][-1]

    def undisturbed(self) -> list[Sample]:
        """The samples of the calmest moments, at the pace of a machine that nobody else uses.

        Where a neighbour slows a core down by three quarters, layers are slower by about as much as
        the probe, but not quite: samples of moments that were disturbed only count where others
        are too few.
        """
        best = {key: self.best_probe(*key) for key in self.probes}
        kinds: dict[tuple[str, str, str, int], list[tuple[float, Sample]]] = {}
        for sample in self.samples:
            how = sample.configuration
            probe = best[sample.device, how.threads] * sample.bound.batch
            slow = sample.probe_ns / probe
            told = attrs.evolve(sample, ns=sample.ns / slow, probe_ns=probe)
            key = sample.device, family_of(sample.bound), how.variant, how.threads
            kinds.setdefault(key, []).append((slow, told))
        found = []
        for mine in kinds.values():
            mine.sort(key=lambda pair: pair[0])
            fewest = max(FEWEST_CALM, round(CALM_SHARE * len(mine)))
            limit = max(STEADY, *(slow for slow, _ in mine[:fewest]))
            found += [told for slow, told in mine if slow <= limit]
        return found


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
    bench = Workbench(chain_of([probe, probe, *layers, probe, probe]), board, batch)
    programs = Programs(Material(bench, seed))
    trials = _trials(bench, device)
    distances = reuse_distances(bench.network, batch)
    writers = [node for node in bench.network.nodes if node.name.startswith(WRITER)]
    threads = sorted({t.kernel.configuration.threads for ts in trials for t in ts})
    for _ in range(ROUNDS):
        # What disturbs a machine lasts for seconds: better go on with other layers then.
        threads = [
            count
            for count in threads
            if not ends() and _round(programs, bench, device, trials, writers, count, found)
        ]
    for mine in trials[2:-2]:
        found.samples += [
            trial.sample(device, distances[trial.node.name]) for trial in mine if trial.runs
        ]


def measure_launches(board: Board, device: str, found: Measurements) -> dict[int, int]:
    """What starting and finishing a program takes, by the threads that its layers use.

    It is what a run takes beyond its layers, as the run after it tells them.
    """
    bench = Workbench(chain_of([PROBE]), board)
    programs = Programs(Material(bench, 0))
    launches = {}
    for mine in _trials(bench, device):
        for trial in mine:
            threads = trial.kernel.configuration.threads
            program = programs.link(device, [(trial.node, trial.kernel)])
            program.run()
            taken: list[float] = []
            end = time.monotonic() + LAUNCH_SECONDS
            while len(taken) < LAUNCHES and (len(taken) < FEWEST_RUNS or time.monotonic() < end):
                start = time.perf_counter_ns()
                program.run()
                whole = time.perf_counter_ns() - start
                (probe,) = program.run_timed()
                found.probed(device, threads, probe)
                taken.append(max(0.0, whole / probe - 1))
            best = found.best_probe(device, threads)
            launches[threads] = round(float(np.median(taken)) * best)
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


def _round(
    programs: Programs,
    bench: Workbench,
    device: str,
    trials: list[list[Trial]],
    writers: list[Node],
    threads: int,
    found: Measurements,
) -> bool:
    """Time programs in which every configuration of so many threads has had a turn.

    Returns
    -------
    bool
        Whether the machine was calm in any of them.
    """
    batch = bench.batch
    turns = [[t for t in mine if t.kernel.configuration.threads == threads] for mine in trials]
    ends = {mine[0].node.name for mine in (*trials[:2], *trials[-2:])}
    turns = [mine for mine in turns if mine]
    order = {node.name: place for place, node in enumerate(bench.network.nodes)}
    # The second of either two: what it reads has been read before, whatever else is in the caches.
    first, last = trials[1][0].node.name, trials[-1][0].node.name
    was_calm = False
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
                pair = known[first], known[last]
                for probe in pair:
                    found.probed(device, threads, probe / batch)
                for name, trial in chosen.items():
                    trial.runs.append((known[name], *pair))
                calm += max(pair) <= STEADY * batch * found.best_probe(device, threads)
            if calm == 0 or calm >= FEWEST_RUNS:
                break
        was_calm = was_calm or calm > 0
    return was_calm


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
