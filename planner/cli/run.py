"""``bnnplan run``: runs a plan on real input."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import attrs
import numpy as np
import typer

from bnnplan.models.describe import answer
from bnnplan.models.files import write_atomically
from bnnplan.models.graph import Network
from bnnplan.models.load import DEFAULT
from bnnplan.planner.cli.common import (
    Batch,
    BoardFile,
    DeviceNames,
    Json,
    Seed,
    complete_plan,
    console,
    notes,
    print_json,
    refuse_overwriting,
    require_writable,
)
from bnnplan.planner.cli.planned import open_plan, open_runner
from bnnplan.planner.cli.run_answers import TOP, print_outputs, top_document
from bnnplan.planner.cli.run_frames import Wanted, check_streamed, is_streamed, run_frames
from bnnplan.planner.cli.untrained import warn_of_random_weights
from bnnplan.planner.execution.measure import Measurement, Runnable, measure
from bnnplan.planner.execution.memory import footprint
from bnnplan.planner.execution.runner import check_feeds, run_arrays
from bnnplan.planner.execution.trace import EventKind, Trace, perfetto
from bnnplan.planner.frames.inputs import RANDOM, read_feeds
from bnnplan.planner.plan import MemoryUse, Plan
from bnnplan.planner.report.pipeline_text import alone_note
from bnnplan.planner.report.plan_text import memory_line
from bnnplan.planner.report.units import duration

TRACED = 7
"""Runs of which one is traced: the first ones are slower than those that follow."""


def run(
    plan: Annotated[
        str,
        typer.Argument(
            metavar="PLAN",
            help="Plan file (.json), or a network to plan for.",
            autocompletion=complete_plan,
        ),
    ] = DEFAULT,
    input: Annotated[
        list[str] | None,
        typer.Option(
            "--input",
            "-i",
            metavar="FILE",
            help=".npy (images, height, width, channels), .npz or image file, a folder of images, "
            "'-' (frames from standard input), or 'random'.",
            show_default=RANDOM,
        ),
    ] = None,
    network: Annotated[
        str | None, typer.Option(metavar="NET", help="Open the plan's network from here.")
    ] = None,
    board: BoardFile = None,
    devices: DeviceNames = None,
    batch: Batch = 1,
    frames: Annotated[
        int | None,
        typer.Option(min=1, help="Run as a pipeline, over so many images; prints frames/s."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Run as a pipeline; write results to a .npy (.npz) file.",
        ),
    ] = None,
    window: Annotated[
        int | None,
        typer.Option(min=1, help="Run as a pipeline that holds so many batches at most."),
    ] = None,
    top: Annotated[
        int | None,
        typer.Option(
            min=1, help="Classes to print; of a pipeline, of every frame.", show_default=str(TOP)
        ),
    ] = None,
    repeat: Annotated[
        int, typer.Option(min=0, help="Run so many times more and print percentiles.")
    ] = 0,
    trace: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write a Perfetto trace of one run; of a pipeline, of the last batches.",
        ),
    ] = None,
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Run a plan; prints the top classes of each image, and latency with --repeat.

    With --frames it runs as a pipeline, and prints its rate, and what every stage does.
    """
    if input and len(input) > 1:
        raise typer.BadParameter("--input: only one is run; put several images into one .npy file")
    (source,) = input or [RANDOM]
    wanted = Wanted(frames, output, top, window, json, trace)
    streamed = is_streamed(source, wanted)
    if streamed:
        check_streamed(source, wanted, repeat=bool(repeat))
    refuse_overwriting(trace, plan, network, board, *(input or ()))
    refuse_overwriting(output, plan, network, board, *(input or ()))
    require_writable(trace, output)
    opened, net = open_plan(
        plan, network=network, board=board, devices=devices, batch=batch, seed=seed, quiet=json
    )
    if streamed:
        run_frames(opened, net, source, seed, wanted)
        return
    feeds = read_feeds(net, source, batch=opened.batch, seed=seed, tell=notes.print)
    warn_of_random_weights(net)
    runner = open_runner(opened, net)
    outputs = run_arrays(runner, feeds)
    memory = footprint(runner, {row.space: row.predicted_bytes for row in opened.memory})
    first = {name: np.resize(a, (opened.batch, *a.shape[1:])) for name, a in feeds.items()}
    arrays = check_feeds(net, first, opened.batch)
    timing = None
    if repeat:
        timing = measure({"plan": runner}, arrays, seconds=0.0, min_runs=repeat)["plan"]
    if trace is not None:
        write_atomically(trace, perfetto([_warm_trace(runner, arrays)]).encode())
    if json:
        print_json("bnnplan.run", _document(opened, net, outputs, timing, memory, top or TOP))
        return
    print_outputs(net, outputs, top or TOP)
    if (note := alone_note(opened)) is not None:
        console.print(f"{note}, and the memory is its own; '--frames N' runs all streams")
    for row in memory:
        console.print(memory_line(row))
    if timing is not None:
        _print_timing(timing, opened.batch)
    if trace is not None:
        console.print(f"trace written to {trace}; open it in ui.perfetto.dev")


def _warm_trace(runner: Runnable, arrays: dict[str, np.ndarray]) -> Trace:
    """The later run that took the middle time; the earlier half only warms up."""
    traces = [runner.run_timed(arrays) for _ in range(2 * TRACED)][TRACED:]
    return sorted(traces, key=lambda trace: trace.total)[TRACED // 2]


def _document(
    plan: Plan,
    network: Network,
    outputs: dict[str, np.ndarray],
    timing: Measurement | None,
    memory: Sequence[MemoryUse],
    top: int,
) -> dict[str, object]:
    document: dict[str, object] = {
        "network": network.name,
        "outputs": {name: _plain(array) for name, array in outputs.items()},
        "scores": {name: answer(network, name).value for name in outputs},
        "top": {
            name: [top_document(network, scores, top) for scores in array]
            for name, array in outputs.items()
            if array.ndim == 2
        },
        "memory": [attrs.asdict(row) for row in memory],
        "streams": len(plan.streams),
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
        f"unattributed {duration(summary.unattributed_ns)}, timing the parts "
        f"{duration(-summary.timing_ns)}"
    )
    slowest = sorted(timing.mean_of(EventKind.LAYER).items(), key=lambda item: -item[1])[:TOP]
    listed = ", ".join(f"{name} {duration(ns)}" for name, ns in slowest)
    console.print(f"slowest layers: {listed}")
