"""What a runner holds in memory: weights, activations and workspace, each by memory space."""

from __future__ import annotations

from collections.abc import Mapping

from bnnplan.planner.execution.runner import Runner
from bnnplan.planner.plan import MemoryUse


def footprint(
    runner: Runner, predicted: Mapping[str, int | None] | None = None
) -> tuple[MemoryUse, ...]:
    """What a runner has allocated.

    Weights are those that its kernels hold, packed; a kernel that two runners of one workbench
    use is held once.

    Parameters
    ----------
    runner : Runner
    predicted : mapping of str to int, optional
        What the solver counted in each space.
    """
    weights = dict.fromkeys(runner.held, 0)
    workspace = dict.fromkeys(runner.held, 0)
    for stage in runner.stages:
        space = runner.bench.device(stage.segment.device).space.name
        weights[space] += sum(step.kernel.weight_bytes for step in stage.program.steps)
        workspace[space] += stage.program.workspace_bytes
    return tuple(
        MemoryUse(
            space,
            weights[space],
            held.nbytes,
            held.bound,
            workspace[space],
            (predicted or {}).get(space),
        )
        for space, held in runner.held.items()
    )
