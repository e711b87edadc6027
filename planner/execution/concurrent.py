"""Runs stages of different devices at the same time, each device on a thread of its own."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bnnplan.planner.execution.ready import Stage


@cache
def _lane(device: str) -> ThreadPoolExecutor:
    """The one thread that drives a device; kept, since starting it takes longer than a layer."""
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"bnnplan-{device}")


def run_stages(stages: Sequence[Stage]) -> None:
    """Run all stages, each when those that it waits for are done; in order on each device.

    Raises
    ------
    Exception
        The first error of a stage, after all others have ended. Stages that wait for a failed
        one do not run.
    """
    done: list[Future[None]] = []

    def run(stage: Stage, waits: tuple[Future[None], ...]) -> None:
        for before in waits:
            before.result()
        for copy in stage.copies:
            copy.run()
        stage.program.run()

    for stage in stages:
        # A stage waits only for earlier ones, and every lane runs in order: no lane can block
        # on a stage that is queued behind it.
        waits = tuple(done[index] for index in stage.waits)
        done.append(_lane(stage.segment.device).submit(run, stage, waits))
    errors = [error for future in done if (error := future.exception())]
    if errors:
        raise errors[0]
