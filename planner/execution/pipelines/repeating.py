"""Runs one batch again and again, so that what is measured is the pipeline and not its caller."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from bnnplan.models.errors import InputError
from bnnplan.planner.execution.pipelines.flow import Flow
from bnnplan.planner.plan_parts import MeasuredPipeline

PATIENCE = 0.05
ROUNDS = 2
"""Batches that fill every stage before any is measured."""
LEAST_ROUNDS = 4
"""Batches that are measured, for every stage."""


def repeat(
    flow: Flow, arrays: Mapping[str, np.ndarray], count: int, stages: int
) -> MeasuredPipeline:
    """Compute `count` batches that are measured, and as many around them as there are stages.

    Parameters
    ----------
    flow : Flow
    arrays : mapping of str to ndarray
        Inputs in the shared formats.
    count : int
        At least; enough to measure anything are run in any case.
    stages : int
        Of all streams.

    Raises
    ------
    InputError
        If the arrays are not those of the inputs, or the count is below 1.
    StageError
        If a stage fails.
    """
    if count < 1:
        raise InputError(f"at least 1 batch is measured, not {count}")
    started = flow.started
    while started.inside:
        started.leave(started.ready(1, PATIENCE))
    _fill(flow, arrays)
    first = started.put + ROUNDS * stages
    last = first + max(count, LEAST_ROUNDS * stages)
    end = last + stages
    part = max(1, started.window // 2)
    while started.taken < end:
        started.enter(min(started.room, end - started.put))
        ready = flow.ready(min(part, started.inside), PATIENCE)
        flow.tally.note(started.taken, ready)
        started.leave(ready)
    flow.delivered = (end - flow.first) * flow.framing.batch
    measured = flow.tally.measured(first, last)
    assert measured is not None  # At least one in so many of them was looked at.
    return measured


def _fill(flow: Flow, arrays: Mapping[str, np.ndarray]) -> None:
    window = flow.framing.window
    for name in flow.framing.network.inputs:
        target = window[name].arrays
        if name not in arrays or arrays[name].shape != target.shape[1:]:
            raise InputError(
                f"input {name!r} takes an encoded batch of shape {target.shape[1:]}; "
                "see check_feeds"
            )
        target[:] = arrays[name]
