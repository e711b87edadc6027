"""Measures designed layers in chains, in every configuration that is worth it."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator

import attrs
import numpy as np

from bnnplan.backends.interface import Kernel, Program
from bnnplan.models.errors import BnnplanError
from bnnplan.models.graph import BoundLayer, Node
from bnnplan.models.layers import BinaryConv2d
from bnnplan.models.tensors import ElementType, TensorType
from bnnplan.planner.board import Board
from bnnplan.planner.characterizing.chains import MEASURED, WRITER, Material, chain_of
from bnnplan.planner.characterizing.pace import NEAR
from bnnplan.planner.characterizing.samples import FEWEST_RUNS, Measurements, Trial
from bnnplan.planner.descriptors import reuse_distances
from bnnplan.planner.execution.workbench import Workbench
from bnnplan.planner.profiling.programs import Programs

LENGTHS = (8, 2, 8, 1, 4)
"""Layers of one program after the other: of few layers all that they touch stays near."""
SMALL, LARGE = 1 << 14, 1 << 18
"""Bytes of layers that are small, and of large ones: either are measured among others like them, so
that programs touch from hardly anything to more than caches hold."""
ROUNDS = 3
"""Programs of every configuration, among those of the others."""
BURST, MOST_BURSTS = 6, 4
"""Of a program: it is run in bursts until enough runs were of the usual pace; so many at most."""
LAUNCHES, LAUNCH_SECONDS = 200, 1.0
"""Of a program of the probe alone: so many at most, and for so long."""
PROBE = BoundLayer(
    BinaryConv2d(weight=np.ones((128, 3, 3, 128), np.int8), pads=(1, 1, 1, 1)),
    (TensorType((14, 14, 128), ElementType.BIT),),
)
"""The first two and the last two layers of every chain tell the pace of the machine meanwhile."""


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
            pace = found.pace(device, threads)
            taken: list[float] = []
            end = time.monotonic() + LAUNCH_SECONDS
            while len(taken) < LAUNCHES and (len(taken) < FEWEST_RUNS or time.monotonic() < end):
                start = time.perf_counter_ns()
                program.run()
                whole = time.perf_counter_ns() - start
                (probe,) = program.run_timed()
                pace.add(probe)
                taken.append(max(0.0, whole / probe - 1))
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
        Whether the pace was about the usual one in any of them.
    """
    batch = bench.batch
    turns = [[t for t in mine if t.kernel.configuration.threads == threads] for mine in trials]
    ends = {mine[0].node.name for mine in (*trials[:2], *trials[-2:])}
    turns = [mine for mine in turns if mine]
    order = {node.name: place for place, node in enumerate(bench.network.nodes)}
    # The second of either two: what it reads has been read before, whatever else is in the caches.
    first, last = trials[1][0].node.name, trials[-1][0].node.name
    pace, was_near = found.pace(device, threads), False
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
        near = 0
        for _ in range(MOST_BURSTS):
            for times in _burst(program):
                known = dict(zip(names, times, strict=True))
                pair = known[first], known[last]
                for probe in pair:
                    pace.add(probe / batch)
                for name, trial in chosen.items():
                    trial.runs.append((known[name], *pair))
                near += pace.distance(max(pair) / batch) <= NEAR
            if near == 0 or near >= FEWEST_RUNS:
                break
        was_near = was_near or near > 0
    return was_near


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
