"""``bnnplan run``: runs a plan on real input."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from bnnplan.models.feeds import check_feeds
from bnnplan.models.files import write_atomically
from bnnplan.models.graph import Network
from bnnplan.models.load import DEFAULT
from bnnplan.planner.cli.common import (
    Batch,
    BoardFile,
    DeviceNames,
    Json,
    Seed,
    console,
    print_json,
)
from bnnplan.planner.cli.inputs import RANDOM, read_feeds
from bnnplan.planner.cli.planned import open_plan, open_runner
from bnnplan.planner.execution.measure import Measurement, measure
from bnnplan.planner.execution.runner import check_feeds as encode_feeds
from bnnplan.planner.execution.runner import run_arrays
from bnnplan.planner.execution.trace import EventKind, perfetto
from bnnplan.planner.report.units import duration

TOP = 5


def run(
    plan: Annotated[
        str, typer.Argument(metavar="PLAN", help="Plan file (.json), or a network to plan for.")
    ] = DEFAULT,
    input: Annotated[
        str, typer.Option("--input", "-i", help=".npy, .npz or image file, or 'random'.")
    ] = RANDOM,
    network: Annotated[
        str | None, typer.Option(metavar="NET", help="Open the plan's network from here.")
    ] = None,
    board: BoardFile = None,
    devices: DeviceNames = None,
    batch: Batch = 1,
    repeat: Annotated[
        int, typer.Option(min=0, help="Run so many times more and print percentiles.")
    ] = 0,
    trace: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a Perfetto trace of one run.")
    ] = None,
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Run a plan; prints the top classes of each image, and latency with --repeat."""
    opened, net = open_plan(
        plan, network=network, board=board, devices=devices, batch=batch, seed=seed, quiet=json
    )
    feeds = read_feeds(net, input, batch=opened.batch, seed=seed)
    check_feeds(net, feeds)
    runner = open_runner(opened, net)
    outputs = run_arrays(runner, feeds)
    first = {name: np.resize(a, (opened.batch, *a.shape[1:])) for name, a in feeds.items()}
    arrays = encode_feeds(net, first, opened.batch)
    timing = None
    if repeat:
        timing = measure({"plan": runner}, arrays, seconds=0.0, min_runs=repeat)["plan"]
    if trace is not None:
        write_atomically(trace, perfetto([runner.run_timed(arrays)]).encode())
    if json:
        print_json("bnnplan.run", _document(net, outputs, timing))
        return
    _print_outputs(net, outputs)
    if timing is not None:
        _print_timing(timing, opened.batch)
    if trace is not None:
        console.print(f"trace written to {trace}; open it in ui.perfetto.dev")


def _top(network: Network, scores: np.ndarray) -> list[tuple[str, float]]:
    best = np.argsort(-scores, kind="stable")[:TOP]
    names = network.classes
    return [(names[i] if i < len(names) else str(i), float(scores[i])) for i in best]


def _document(
    network: Network, outputs: dict[str, np.ndarray], timing: Measurement | None
) -> dict[str, object]:
    document: dict[str, object] = {
        "network": network.name,
        "outputs": {name: _plain(array) for name, array in outputs.items()},
    }
    if timing is not None:
        document["latency_ns"] = {
            "median": timing.percentile(50),
            "p95": timing.percentile(95),
            "p99": timing.percentile(99),
            "runs": len(timing.samples),
        }
    return document


def _plain(array: np.ndarray) -> object:
    """Nested lists; JSON has no infinity and no NaN, so those are null."""
    finite = np.isfinite(array)
    if finite.all():
        return array.tolist()
    plain = array.astype(object)
    plain[~finite] = None
    return plain.tolist()


def _print_outputs(network: Network, outputs: dict[str, np.ndarray]) -> None:
    for name, array in outputs.items():
        if array.ndim != 2:
            console.print(f"{name}: shape {array.shape}, {array.dtype}")
            continue
        for index, scores in enumerate(array):
            listed = ", ".join(f"{label} {score:.4g}" for label, score in _top(network, scores))
            console.print(f"image {index}: {listed}")


def _print_timing(timing: Measurement, batch: int) -> None:
    console.print(
        f"latency of a batch of {batch}: median {duration(timing.percentile(50))}, "
        f"p95 {duration(timing.percentile(95))}, p99 {duration(timing.percentile(99))} "
        f"({len(timing.samples)} runs)"
    )
    summary = timing.summary()
    console.print(
        f"of which layers {duration(summary.layers_ns)}, transfers "
        f"{duration(summary.transfers_ns)}, launches {duration(summary.launches_ns)}, "
        f"unattributed {duration(summary.unattributed_ns)}"
    )
    slowest = sorted(timing.median_of(EventKind.LAYER).items(), key=lambda item: -item[1])[:TOP]
    listed = ", ".join(f"{name} {duration(ns)}" for name, ns in slowest)
    console.print(f"slowest layers: {listed}")
