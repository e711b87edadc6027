"""Runs several plans as pipelines, in turns, so that drifts of the machine hit all alike."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping, Sequence

import attrs

from bnnplan.models.graph import Network
from bnnplan.planner.execution.measure import Measurement
from bnnplan.planner.execution.pipelines import Pipeline
from bnnplan.planner.plan import MeasuredPipeline, MeasuredStage, Plan
from bnnplan.planner.solvers.interruption import is_asked
from bnnplan.planner.statistics import summarize
from bnnplan.planner.trials.exactness import Reference

TURNS = 12
LEAST_TURNS = 3
LEAST_BATCHES = 8
"""In a turn: fewer would measure filling and emptying the pipeline."""


def run_in_turns(
    plans: Mapping[str, Plan], network: Network, test: Reference, *, seconds: float
) -> dict[str, list[MeasuredPipeline]]:
    """Check that plans compute what is right, then run each in every turn.

    Parameters
    ----------
    plans : mapping of str to Plan
        For throughput.
    network : Network
    test : Reference
        Of the plans' batch.
    seconds : float
        For all turns, about; Ctrl-C ends them earlier.

    Returns
    -------
    dict of str to list of MeasuredPipeline
        One a turn.

    Raises
    ------
    PlanError
        If a plan computes something else than the reference backend.
    DeviceError
        If a device fails.
    """
    for one in plans.values():
        with Pipeline(one, network) as pipeline:
            test.compare_frames(pipeline)
    share = 1e9 * seconds / TURNS / len(plans)
    counts = dict.fromkeys(plans, LEAST_BATCHES)
    measured: dict[str, list[MeasuredPipeline]] = {name: [] for name in plans}
    begin = time.monotonic()
    with contextlib.ExitStack() as stack:
        running = {name: stack.enter_context(Pipeline(one, network)) for name, one in plans.items()}
        for turn in range(TURNS + 1):
            for name in list(running)[:: 1 if turn % 2 else -1]:
                found = running[name].run_batches(test.arrays, counts[name])
                # The first turn wakes threads, fills caches, and tells how long the others take.
                counts[name] = max(LEAST_BATCHES, round(share / max(found.period.median, 1)))
                if turn:
                    measured[name].append(found)
            late = time.monotonic() - begin > 2 * seconds
            if turn >= LEAST_TURNS and (late or is_asked()):
                break
    return measured


def periods(turns: Sequence[MeasuredPipeline]) -> Measurement:
    """The periods of turns as samples."""
    return Measurement([turn.period.median for turn in turns], [])


def together(turns: Sequence[MeasuredPipeline]) -> MeasuredPipeline:
    """What several turns of one pipeline say together: the middle of each figure."""
    middle = sorted(turns, key=lambda turn: turn.period.median)[len(turns) // 2]
    return attrs.evolve(
        middle,
        period=summarize([turn.period.median for turn in turns], tolerance=0.03),
        batches=sum(turn.batches for turn in turns),
        stages=tuple(_stage([turn.stages[i] for turn in turns]) for i in range(len(middle.stages))),
    )


def _stage(rows: Sequence[MeasuredStage]) -> MeasuredStage:
    by_time = sorted(rows, key=lambda row: row.busy_ns)
    return by_time[len(by_time) // 2]
