"""``bnnplan run --frames``: runs a plan as a pipeline, over frames from anywhere."""

from __future__ import annotations

from pathlib import Path

import attrs
import typer
from attrs import frozen

from bnnplan.models.files import write_atomically
from bnnplan.models.graph import Network
from bnnplan.planner.cli.common import console, notes, print_json, progress_bar
from bnnplan.planner.cli.planned import InterruptedByUserError
from bnnplan.planner.cli.run_answers import FrameAnswers
from bnnplan.planner.cli.untrained import warn_of_random_weights
from bnnplan.planner.execution.pipelines import Pipeline, Result
from bnnplan.planner.execution.trace import perfetto
from bnnplan.planner.frames.inputs import RANDOM
from bnnplan.planner.frames.sources import STANDARD_INPUT, Source, open_source
from bnnplan.planner.plan import Plan
from bnnplan.planner.report.running_text import running_lines
from bnnplan.planner.running.record import Running
from bnnplan.planner.running.results_file import require_results_name, results_file
from bnnplan.planner.running.streaming import Progress, run_all, run_rate

TRACED = 1_000
"""Batches of every stage that a trace shows: the last ones."""


@frozen
class Wanted:
    """What was asked for.

    Parameters
    ----------
    frames : int or None
        None: as many as there are.
    output : Path or None
        Where results go.
    top : int or None
        Classes to print of every frame; None: only those of the first frames, at the end.
    window : int or None
    json : bool
    trace : Path or None
        Where a trace of the stages goes.
    """

    frames: int | None
    output: Path | None
    top: int | None
    window: int | None
    json: bool
    trace: Path | None = None

    @property
    def results(self) -> bool:
        """Whether every result is wanted, and not the rate alone."""
        return self.output is not None or self.top is not None


def is_streamed(text: str, wanted: Wanted) -> bool:
    """Whether a plan is to run as a pipeline: where frames, or what only it does, are asked for."""
    asked = any(option is not None for option in (wanted.frames, wanted.output, wanted.window))
    return asked or text == STANDARD_INPUT or (bool(text) and Path(text).is_dir())


def check_streamed(text: str, wanted: Wanted, *, repeat: bool) -> None:
    """Raise typer.BadParameter for options that go with no pipeline."""
    if repeat:
        raise typer.BadParameter(
            "--repeat is of runs one after the other, and the plan is to run as a pipeline; "
            "leave out one of the two"
        )
    if text == RANDOM and wanted.frames is None:
        raise typer.BadParameter("random frames have no end; say how many with --frames")


def run_frames(plan: Plan, network: Network, text: str, seed: int, wanted: Wanted) -> None:
    """Run a plan as a pipeline; print what was asked for.

    Raises
    ------
    InputError, FileError
        If a frame cannot be read, or does not fit.
    DeviceError
        If a device is missing, or a stage fails.
    InterruptedByUserError
        After Ctrl-C, when what was measured is printed.
    """
    if wanted.output is not None:
        require_results_name(wanted.output, network)
    source = open_source(network, text, seed=seed, tell=notes.print)
    warn_of_random_weights(network)
    answers = FrameAnswers(network, wanted.top, quiet=wanted.json)
    title = f"running {network.name}"
    # A bar and the answers on one terminal would write over each other.
    shows = not wanted.json and wanted.top is None
    with (
        Pipeline(
            plan, network, window=wanted.window, kept=TRACED if wanted.trace else 0
        ) as pipeline,
        progress_bar(title, enabled=shows) as progress,
    ):
        if wanted.frames is None or wanted.results or source.once:
            running = _run_all(pipeline, source, wanted, answers, progress)
        else:
            running = run_rate(pipeline, source, wanted.frames, answers.take, progress)
    running = attrs.evolve(
        running,
        window=pipeline.window,
        window_bytes=pipeline.window_bytes,
        memory=pipeline.memory,
    )
    _print(running, answers, wanted)
    if wanted.trace is not None:
        write_atomically(wanted.trace, perfetto([pipeline.trace()]).encode())
        if not wanted.json:
            console.print(f"trace written to {wanted.trace}; open it in ui.perfetto.dev")
            if running.only_rate:
                console.print(
                    "its batches are more than the frames: some fill the pipeline before those "
                    "that count, and some keep it full after them"
                )
    if running.interrupted:
        raise InterruptedByUserError(f"interrupted after {running.frames:,} frames")


def _run_all(
    pipeline: Pipeline, source: Source, wanted: Wanted, answers: FrameAnswers, progress: Progress
) -> Running:
    """Run all frames, into a file if there is to be one."""
    if wanted.output is None:
        return run_all(pipeline, source, wanted.frames, answers.take, progress)
    with results_file(wanted.output, pipeline.network) as file:

        def take(result: Result) -> None:
            file.add(result)
            answers.take(result)

        return run_all(pipeline, source, wanted.frames, take, progress)


def _print(running: Running, answers: FrameAnswers, wanted: Wanted) -> None:
    if wanted.json:
        document = {**running.document(), "top": answers.document()}
        print_json("bnnplan.running", document)
        return
    answers.print_kept()
    for line in running_lines(running):
        console.print(line)
    if wanted.output is not None:
        console.print(f"{answers.count:,} results written to {wanted.output}")
