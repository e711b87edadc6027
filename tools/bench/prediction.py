"""How far predicted times are from measured ones: of layers by family, and of whole networks.

The board is characterized first, then predicted: layers with products above 20 µs by fits to the
other nine tenths of all layers, networks by the whole model, which has seen none of them. Ours is
the mean error of a family, or the predicted time of a network, whose peer is the measured one.
Networks are measured as layers are when a board is characterized: by what a probe takes right
before and after each run, so that what others take of the machine at the time does not count, and
by the lower quartile of what that leaves.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from bench import Result, arguments, report, spread

from bnnplan.backends.interface import Configuration, Program
from bnnplan.models.graph import Network
from bnnplan.models.load import open_network
from bnnplan.models.lowering import lower
from bnnplan.models.zoo import ZOO
from bnnplan.planner.board import Board, detect_board
from bnnplan.planner.board_model import BoardModel
from bnnplan.planner.characterizing.chains import Material, chain_of
from bnnplan.planner.characterizing.fitted import by_family, fitted_families, fitted_times
from bnnplan.planner.characterizing.launches import launches_of
from bnnplan.planner.characterizing.measuring import probe_on, trials_of
from bnnplan.planner.characterizing.pace import NEAR, Pace
from bnnplan.planner.characterizing.probes import probes_of
from bnnplan.planner.characterizing.samples import QUIET, Measurements
from bnnplan.planner.characterizing.session import Options, measure_board
from bnnplan.planner.descriptors.families import COMPUTE
from bnnplan.planner.execution.workbench import Workbench
from bnnplan.planner.fitting import error_of
from bnnplan.planner.predicting import predict_profile
from bnnplan.planner.profile import Origin, Profile
from bnnplan.planner.profiling.programs import Programs

DATA = Path(os.environ.get("BNNPLAN_DATA", Path(__file__).parents[3] / "shared" / "data"))
QUICK_NETWORKS = ("fashion", "hep-cifar", "btc-resnet14-cifar")
LONG = 20_000
"""Nanoseconds: shorter layers are not judged."""
FEWEST, MOST, SECONDS = 15, 1000, 2.0
"""Runs of a network at least and at most, and how long to go on between."""


def main() -> None:
    options = arguments(__doc__)
    board = detect_board().board.only(["cpu0"])
    found = Measurements()
    budget = 15.0 if options.quick else 180.0
    measure_board(board, Options(budget=budget), found, lambda share, text: None)
    report(results(board, found, quick=options.quick), options.json)


def results(board: Board, found: Measurements, *, quick: bool) -> Iterator[list[Result]]:
    """Families, then networks, then what is typical of them."""
    samples = found.usual()
    yield list(family_errors(board, samples))
    families = fitted_families(board, samples)
    model = BoardModel(board, Origin.PREDICTED, families, (), launches_of(board, found))
    errors: dict[int, list[float]] = {}
    files = () if quick else sorted((DATA / "models").glob("*/*.onnx*"))
    for name in QUICK_NETWORKS if quick else (*ZOO, *map(str, files)):
        network = lower(open_network(name))
        title = name if name in ZOO else "/".join(Path(name).parts[-2:])
        for threads in sorted({launch.threads for launch in model.launches}):
            row = network_error(title, network, model, threads, found)
            errors.setdefault(threads, []).append(abs(row.ratio - 1))
            yield [row]
    for threads, mine in errors.items():
        for what, of in (("median", statistics.median), ("largest", max)):
            value = 100 * of(mine)
            yield [Result(f"error of networks, {what}", threads, value, "%", runs=len(mine))]


def family_errors(board: Board, samples: list) -> Iterator[Result]:
    """Of every family with products: the mean error on layers that were left out of the fit."""
    for (_, family, variant), mine in by_family(samples).items():
        if family not in COMPUTE:
            continue
        alone, team = fitted_times(board, mine)
        for threads in sorted({s.configuration.threads for s in mine}):
            if team is None:
                fit, fitted = alone, mine
            else:
                fit = alone if threads == 1 else team
                fitted = [s for s in mine if (s.configuration.threads > 1) == (threads > 1)]
            chosen = [s.ns >= LONG and s.configuration.threads == threads for s in fitted]
            error = error_of(fit.ratios[np.array(chosen)])
            if error.samples:
                name = f"{family} {variant}: mean error"
                yield Result(name, threads, 100 * error.mean, "%", runs=error.samples)


def network_error(
    name: str, network: Network, model: BoardModel, threads: int, found: Measurements
) -> Result:
    """A network as it is predicted to be fastest with so many threads, predicted and measured."""
    (device,) = model.board.devices
    profile = predict_profile(network, model)
    chosen = {node.name: fastest(profile, node.name, threads) for node in network.nodes}
    widest = max(configuration.threads for configuration, _ in chosen.values())
    predicted = sum(ns for _, ns in chosen.values()) + profile.launch(device.name, widest)
    bench = Workbench(network, model.board)
    programs = Programs(Material(bench, 0))
    layers = [
        (node, bench.kernel(node, device.name, chosen[node.name][0])) for node in network.nodes
    ]
    probe = probe_beside(bench, device.name, threads)
    times = told_times(programs.link(device.name, layers), probe, found.pace(device.name, threads))
    measured = float(np.quantile(times, QUIET))
    return Result(
        name,
        threads,
        predicted / 1e3,
        "µs",
        "measured",
        measured / 1e3,
        predicted / measured,
        spread(times),
        len(times),
    )


def fastest(profile: Profile, node: str, threads: int) -> tuple[Configuration, int]:
    """The configuration of up to so many threads that is predicted to be the fastest."""
    costs = [
        (cost.time.median, cost.configuration)
        for cost in profile.layers[node].placements
        if cost.configuration.threads <= threads
    ]
    ns, configuration = min(costs, key=lambda cost: cost[0])
    return configuration, ns


def probe_beside(bench: Workbench, device: str, threads: int) -> Program:
    """The probe on the threads of another program."""
    own = Workbench(chain_of([probes_of(bench.board, device).probe]), bench.board)
    # Another backend would have another team, which waits on the same cores.
    own.backends = bench.backends
    (trials,) = trials_of(own, device).values()
    probe = probe_on(threads, trials)
    return Programs(Material(own, 0)).link(device, [(probe.node, probe.kernel)])


def told_times(program: Program, probe: Program, pace: Pace) -> list[float]:
    """What runs of a program take at the usual pace: those of which are nearest to it."""
    runs: list[tuple[float, float]] = []
    program.run()
    end = time.monotonic() + SECONDS
    before = probed(probe)
    while len(runs) < FEWEST or (time.monotonic() < end and len(runs) < MOST):
        start = time.perf_counter_ns()
        program.run()
        taken = time.perf_counter_ns() - start
        after = probed(probe)
        off = max(pace.distance(before), pace.distance(after))
        runs.append((off, taken * pace.usual / statistics.mean((before, after))))
        before = after
    runs.sort()
    return [taken for place, (off, taken) in enumerate(runs) if off <= NEAR or place < FEWEST]


def probed(probe: Program) -> int:
    """Nanoseconds of the probe: of its second run, for which what it reads is near."""
    probe.run()
    (taken,) = probe.run_timed()
    return taken


if __name__ == "__main__":
    main()
