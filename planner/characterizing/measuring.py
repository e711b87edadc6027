"""Times chains of designed layers, each in all its configurations, between probes."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from bnnplan.backends.interface import Kernel, Program
from bnnplan.models.errors import BnnplanError
from bnnplan.models.graph import BoundLayer, Node
from bnnplan.planner.board import Board, BoardError
from bnnplan.planner.characterizing.chains import MEASURED, WRITER, Material, chain_of
from bnnplan.planner.characterizing.pace import NEAR, Pace
from bnnplan.planner.characterizing.probes import probes_of
from bnnplan.planner.characterizing.samples import FEWEST_RUNS, Measurements, Sample, Trial
from bnnplan.planner.descriptors import reuse_distances
from bnnplan.planner.execution.workbench import Workbench
from bnnplan.planner.profiling.programs import Programs

ROUNDS = 3
"""Of a chain: in each every configuration is timed."""
BURST, MOST_BURSTS = 6, 4
"""Of a program: it is run in bursts until enough runs were of the usual pace; so many at most."""


class OpenChain:
    """A chain of designed layers that is timed in rounds, some time apart.

    The first two and the last two layers of its program are the probe. The second of either two
    tells the pace: what it reads was read before, whatever else is in the caches.

    Parameters
    ----------
    layers : list of BoundLayer
        Of one batch size.
    board : Board
    device : str
    seed : int
        Of what inputs hold.

    Raises
    ------
    BoardError
        If the device cannot run the probe.
    """

    def __init__(self, layers: list[BoundLayer], board: Board, device: str, seed: int) -> None:
        self.device = device
        self.batch = layers[0].batch
        probe = attrs.evolve(probes_of(board, device).probe, batch=self.batch)
        self.bench = Workbench(chain_of([probe, probe, *layers, probe, probe]), board, self.batch)
        self.programs = Programs(Material(self.bench, seed))
        self.trials = trials_of(self.bench, device)
        last = len(layers) + 3
        names = [f"{MEASURED}{number}" for number in (0, 1, last - 1, last)]
        self.probes = {name: self.trials.pop(name) for name in names if name in self.trials}
        if len(self.probes) < len(names):
            raise BoardError(
                f"device {device} cannot prepare the layer that tells the pace of a machine, so "
                "it cannot be characterized; leave it out with --devices"
            )
        self.first, self.last = names[1], names[-1]
        self.held_bytes = self._held_bytes()
        """About what it takes of the memory."""
        self.rounds = 0

    @property
    def is_done(self) -> bool:
        """Whether it was timed often enough."""
        return self.rounds >= ROUNDS

    def time_round(self, found: Measurements) -> None:
        """Time programs in which every configuration has had a turn."""
        counts = {t.kernel.configuration.threads for mine in self.trials.values() for t in mine}
        for threads in sorted(counts):
            self._time(threads, found.pace(self.device, threads))
        self.rounds += 1

    def samples(self, found: Measurements) -> list[Sample]:
        """What was timed so far, probes left out."""
        distances = reuse_distances(self.bench.network, self.batch)
        return [
            trial.sample(
                self.device,
                distances[name],
                found.pace(self.device, trial.kernel.configuration.threads),
            )
            for name, mine in self.trials.items()
            for trial in mine
            if trial.runs
        ]

    def _held_bytes(self) -> int:
        """Bytes of layers, of their packed weights, and of activations."""
        network = self.bench.network
        arrays = [array for node in network.nodes for array in node.layer.arrays().values()]
        # Every configuration has packed weights of its own.
        packed = sum(trial.kernel.weight_bytes for mine in self.trials.values() for trial in mine)
        tensors = sum(kind.nbytes(self.batch) for kind in network.types.values())
        return sum(array.nbytes for array in arrays) + packed + tensors

    def _time(self, threads: int, pace: Pace) -> None:
        # The probe is always the same, or it would tell of itself.
        ends = {name: probe_on(threads, mine) for name, mine in self.probes.items()}
        turns = {
            name: [trial for trial in mine if trial.kernel.configuration.threads == threads]
            for name, mine in self.trials.items()
        }
        for turn in range(max(map(len, turns.values()))):
            taken = {name: mine[turn % len(mine)] for name, mine in turns.items() if mine}
            self._run(taken | ends, threads, pace)

    def _run(self, chosen: Mapping[str, Trial], threads: int, pace: Pace) -> None:
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
        near = 0
        for _ in range(MOST_BURSTS):
            for times in _burst(program):
                known = dict(zip(names, times, strict=True))
                first, last = (max(known[n], 1) / self.batch for n in (self.first, self.last))
                pair = first, last
                for probe in pair:
                    pace.add(probe)
                for name, trial in chosen.items():
                    trial.runs.append((known[name], *pair))
                near += pace.distance(max(pair)) <= NEAR
            # What disturbs a machine lasts for seconds: then another chain may go on.
            if near == 0 or near >= FEWEST_RUNS:
                break


def trials_of(bench: Workbench, device: str) -> dict[str, list[Trial]]:
    """The configurations of each measured layer that can be prepared, by name; none left out."""
    backend, where = bench.backends[device], bench.device(device)
    found: dict[str, list[Trial]] = {}
    for node in bench.network.nodes:
        if not node.name.startswith(MEASURED):
            continue
        bound = bench.network.bind(node, bench.batch)
        if backend.supports(bound, where) is not None:
            continue
        for configuration in backend.configurations(bound, where):
            try:
                trial = Trial(node, bench.kernel(node, device, configuration))
            except BnnplanError:
                continue  # such as one that has no room: profiles say so, models need not
            found.setdefault(node.name, []).append(trial)
    return found


def probe_on(threads: int, trials: list[Trial]) -> Trial:
    """The first configuration of the probe on so many threads, or on as many as it can use."""
    counts = {trial.kernel.configuration.threads for trial in trials}
    most = max((count for count in counts if count <= threads), default=min(counts))
    return next(trial for trial in trials if trial.kernel.configuration.threads == most)


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
