"""The measuring itself: survey, rounds of whole-network programs, transfers, profile."""

from __future__ import annotations

import datetime
import os
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from attrs import frozen

from bnnplan.models.graph import Network, Node
from bnnplan.planner.board import Board
from bnnplan.planner.execution.workbench import Workbench
from bnnplan.planner.profile import (
    Conditions,
    Eliminated,
    LaunchCost,
    LayerCosts,
    Origin,
    PlacementCost,
    Profile,
    ProfileError,
    shape_fingerprint,
)
from bnnplan.planner.profiling.candidates import Candidate, Choice, survey
from bnnplan.planner.profiling.elimination import Elimination, is_timed
from bnnplan.planner.profiling.oracle import Oracle
from bnnplan.planner.profiling.programs import Programs
from bnnplan.planner.profiling.savings import RUNS_A_ROUND
from bnnplan.planner.profiling.transfers import measure_transfers
from bnnplan.planner.statistics import within
from bnnplan.planner.version import bnnplan_version

Progress = Callable[[float, str], None]
"""Told the share that is done, from 0 to 1, and what is being done."""


@frozen
class Options:
    """How long and how precisely to measure.

    Parameters
    ----------
    tolerance : float
        Wanted half width of the median's 95 % confidence interval, relative.
    budget : float
        Seconds after which measuring ends, whatever is stable by then. It ends earlier once all is
        stable, or timed so often (:data:`~.candidates.MAX_SAMPLES`) that it will hardly become so.
    seed : int
        Of the input images.
    eliminate : bool
        Measure only placements that could still win.
    """

    tolerance: float = 0.03
    budget: float = 60.0
    seed: int = 0
    eliminate: bool = False


def profile_network(
    network: Network,
    board: Board,
    *,
    batch: int = 1,
    options: Options | None = None,
    earlier: Profile | None = None,
    progress: Progress | None = None,
    bench: Workbench | None = None,
    expected: Profile | None = None,
) -> Profile:
    """Measure a network on a board.

    Ctrl-C while layers are timed ends measuring early: the profile then says that it is not
    complete, and can be given as `earlier` to go on from there. Before that nothing is timed yet
    that could be kept, and KeyboardInterrupt is raised.

    Parameters
    ----------
    network : Network
    board : Board
    batch : int
        Images computed at once.
    options : Options, optional
    earlier : Profile, optional
        An incomplete profile of the same network and board: what is stable there is kept.
    progress : callable, optional
    bench : Workbench, optional
        Kernels that are prepared already.
    expected : Profile, optional
        Predicted costs, from which elimination begins.

    Raises
    ------
    ProfileError
        If some layer has no placement at all (the reasons are listed), or `earlier` or `expected`
        is of another network or batch size.
    """
    for known in (earlier, expected):
        if known is not None:
            known.require(network, batch)
    session = _Profiler(
        bench or Workbench(network, board, batch),
        options or Options(),
        earlier,
        progress or (lambda share, text: None),
        expected,
    )
    return session.run()


class _Profiler:
    def __init__(
        self,
        bench: Workbench,
        options: Options,
        earlier: Profile | None,
        progress: Progress,
        expected: Profile | None,
    ) -> None:
        self.bench = bench
        self.options = options
        self.progress = progress
        self.begin = time.monotonic()
        self.load = os.getloadavg()[0]
        self.earlier = earlier
        self.choices: dict[tuple[str, str], Choice] = {}
        self.launch_samples: dict[tuple[str, int], list[int]] = {}
        self.signatures = {
            node.name: bench.network.bind(node, bench.batch).signature
            for node in bench.network.nodes
        }
        self.elimination: Elimination | None = None
        if options.eliminate:
            about = bench.network, bench.board, bench.batch
            self.elimination = Elimination(*about, self.signatures, expected)
        self.nodes = bench.network.nodes
        self.rounds: dict[str, list[float]] = {}
        """Seconds of timing each program, by device."""
        self.surveyed = 0.0
        """Seconds of preparing and checking."""

    def run(self) -> Profile:
        self.progress(0.0, "reference values")
        self.oracle = Oracle(self.bench, self.options.seed)
        self.programs = Programs(self.oracle)
        self._survey()
        self.progress(0.2, "transfers")
        self.transfers = measure_transfers(self.bench)
        interrupted = False
        try:
            self._rounds()
        except KeyboardInterrupt:
            interrupted = True
        return self._profile(interrupted=interrupted)

    def _survey(self) -> None:
        """Prepare and check what is not yet, and is not given up before."""
        begin = time.monotonic()
        pairs = [(n, d.name) for n in self.nodes for d in self.bench.board.devices]
        fresh: dict[tuple[str, str], Choice] = {}
        for index, (node, device) in enumerate(pairs):
            key = (self.signatures[node.name], device)
            before = self.choices.get(key)
            skipped = [c.configuration for c in before.candidates] if before else []
            if self.elimination is not None:
                skipped += self.elimination.skipped(node, device)
            choice = survey(self.bench, node, device, self.oracle, skipped)
            if key not in fresh:
                fresh[key] = choice
            else:
                fresh[key].keep_common(choice)
            self.progress(0.2 * index / len(pairs), f"checking {node.name} on {device}")
        for key, choice in fresh.items():
            self.choices.setdefault(key, Choice(choice.device, [], [])).take_in(choice)
        self._settle()
        self.surveyed += time.monotonic() - begin
        for node in self.nodes:
            chances = [self._choice(node, d.name) for d in self.bench.board.devices]
            if not any(c.candidates for c in chances) and not self._is_left(node):
                reasons = "; ".join(
                    f"{r.device}: {r.reason}" for choice in chances for r in choice.rejections
                )
                raise ProfileError(f"no device can run layer {node.name!r}: {reasons}")

    def _settle(self) -> None:
        """Leave out what an earlier run has measured well enough."""
        tolerance = self.options.tolerance
        for name, costs in self.earlier.layers.items() if self.earlier else ():
            for before in costs.placements:
                for candidate in self.choices[self.signatures[name], before.device].candidates:
                    if candidate.configuration == before.configuration:
                        is_measured = before.origin is Origin.MEASURED and before.time.stable
                        candidate.settled = is_measured and within(before.time, tolerance)

    def _is_left(self, node: Node) -> bool:
        """Whether there is something to prepare still where all that was prepared has failed."""
        devices = (device.name for device in self.bench.board.devices)
        return self.elimination is not None and any(
            self.elimination.skipped(node, device) for device in devices
        )

    def _choice(self, node: Node, device: str) -> Choice:
        return self.choices[self.signatures[node.name], device]

    def _rounds(self) -> None:
        tolerance = self.options.tolerance
        self._eliminate()
        while waiting := self._waiting():
            spent = time.monotonic() - self.begin
            # However small the budget: without one round there is no launch and no warm time.
            if spent >= self.options.budget and self.launch_samples:
                break
            done = max(self._share_done(), min(1.0, spent / max(self.options.budget, 1e-9)))
            self.progress(0.2 + 0.8 * done, "timing whole-network programs")
            for device in dict.fromkeys(choice.device for choice in waiting):
                for threads in self._thread_counts(device):
                    self._round(device, threads)
            if self.elimination is None:
                for choice in waiting:
                    choice.drop_hopeless(tolerance)
            self._eliminate()

    def _eliminate(self) -> None:
        """Give up what can no longer win, and prepare what can after all."""
        if self.elimination is None:
            return
        known = self.choices, self.transfers, self._measured_launches()
        self.elimination.drop(*known, self.options.tolerance)
        chances = [[self._choice(n, d.name) for d in self.bench.board.devices] for n in self.nodes]
        is_lacking = any(not any(c.candidates for c in mine) for mine in chances)
        timed = all(is_timed(c) for mine in chances for choice in mine for c in choice.candidates)
        if (is_lacking or timed) and self.elimination.reopened(*known):
            self._survey()
            self.elimination.drop(*known, self.options.tolerance)

    def _waiting(self) -> list[Choice]:
        return [c for c in self.choices.values() if c.active(self.options.tolerance)]

    def _share_done(self) -> float:
        tolerance = self.options.tolerance
        total = sum(len(c.candidates) for c in self.choices.values())
        active = sum(len(c.active(tolerance)) for c in self.choices.values())
        return (total - active) / max(total, 1)

    def _thread_counts(self, device: str) -> list[int]:
        counts = {
            candidate.configuration.threads
            for choice in self.choices.values()
            for candidate in choice.candidates
            if choice.device == device
            and (self.elimination is None or candidate.waits(self.options.tolerance))
        }
        return sorted(counts)

    def _round(self, device: str, threads: int) -> None:
        """Time one program of all layers that the device supports, each in its next turn.

        Programs of few and of many threads are timed apart, since a program wakes as many
        threads as its layers want at most.
        """
        tolerance, begin = self.options.tolerance, time.monotonic()
        turns: dict[str, int] = {}
        nodes: list[Node] = []
        chosen: list[Candidate] = []
        for node in self.nodes:
            choice = self._choice(node, device)
            if not choice.candidates or (self.elimination and choice.is_hopeless):
                continue
            active = choice.active(tolerance, threads) or [choice.best(threads)]
            key = self.signatures[node.name]
            turn = turns.get(key, 0)
            turns[key] = turn + 1
            nodes.append(node)
            chosen.append(active[turn % len(active)])
        widest = max(candidate.configuration.threads for candidate in chosen)
        launches = self.launch_samples.setdefault((device, widest), [])
        program = self.programs.link(
            device,
            [
                (node, self.bench.kernel(node, device, candidate.configuration))
                for node, candidate in zip(nodes, chosen, strict=True)
            ],
        )
        program.run()
        for _ in range(RUNS_A_ROUND):
            start = time.perf_counter_ns()
            times = program.run_timed()
            whole = time.perf_counter_ns() - start
            launches.append(max(0, whole - sum(times)))
            for candidate, duration in zip(chosen, times, strict=True):
                candidate.samples.append(duration)
        self.rounds.setdefault(device, []).append(time.monotonic() - begin)

    def _profile(self, *, interrupted: bool) -> Profile:
        tolerance = self.options.tolerance
        layers = {}
        for node in self.nodes:
            choices = [self._choice(node, d.name) for d in self.bench.board.devices]
            costs = [
                c.cost(choice.device, tolerance) for choice in choices for c in choice.candidates
            ]
            if self.elimination is not None:
                for device in self.bench.board.devices:
                    costs += self.elimination.predicted(node, device.name)
            placements = [self._kept(node.name, cost) for cost in costs]
            rejections = [r for choice in choices for r in choice.rejections]
            layers[node.name] = LayerCosts(placements, rejections)
        earlier = self.earlier.conditions.seconds if self.earlier else 0.0
        return Profile(
            network=self.bench.network.name,
            network_fingerprint=shape_fingerprint(self.bench.network),
            board=self.bench.board,
            batch=self.bench.batch,
            layers=layers,
            transfers=self.transfers,
            launches=self._launches(),
            conditions=Conditions(
                date=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
                bnnplan=bnnplan_version(),
                governor=governor(),
                load=self.load,
                seconds=round(time.monotonic() - self.begin + earlier, 3),
                tolerance=tolerance,
                complete=not interrupted,
                exhausted=bool(self._waiting()),
                elimination=self._eliminated(layers),
                model=self._model(layers),
            ),
        )

    def _model(self, layers: Mapping[str, LayerCosts]) -> str:
        costs = (cost for mine in layers.values() for cost in mine.placements)
        if all(cost.origin is Origin.MEASURED for cost in costs):
            return ""
        expected = self.elimination.expected if self.elimination is not None else None
        return expected.conditions.model if expected is not None else ""

    def _eliminated(self, layers: Mapping[str, LayerCosts]) -> Eliminated | None:
        if self.elimination is None:
            return None
        return self.elimination.summary(
            self.choices,
            layers,
            spent=time.monotonic() - self.begin,
            surveyed=self.surveyed,
            rounds={device: statistics.mean(taken) for device, taken in self.rounds.items()},
            tolerance=self.options.tolerance,
        )

    def _launches(self) -> list[LaunchCost]:
        """What was measured, and what is predicted of devices that were not started."""
        measured = self._measured_launches()
        devices = {cost.device for cost in measured}
        expected = self.elimination.expected if self.elimination is not None else None
        more = expected.launches if expected is not None else ()
        return measured + [cost for cost in more if cost.device not in devices]

    def _measured_launches(self) -> list[LaunchCost]:
        """What this run measured, and of an earlier one what this run had no need to measure."""
        earlier = self.earlier.launches if self.earlier else ()
        found = {(cost.device, cost.threads): cost.ns for cost in earlier}
        for key, samples in self.launch_samples.items():
            if samples:
                found[key] = round(statistics.median(samples))
        return [LaunchCost(device, threads, ns) for (device, threads), ns in sorted(found.items())]

    def _kept(self, node: str, cost: PlacementCost) -> PlacementCost:
        """What an earlier run measured with more samples, if there is one."""
        for before in self.earlier.layers[node].placements if self.earlier else ():
            same = (before.device, before.configuration) == (cost.device, cost.configuration)
            if same and before.time.runs > cost.time.runs:
                return before
        return cost


def governor() -> str:
    """How the clock of the first core is governed, or that it is unknown."""
    path = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
    try:
        return path.read_text().strip()
    except OSError:
        return "unknown"
