"""Checks that a plan computes what the reference backend computes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from bnnplan.models.tensors import encode
from bnnplan.planner.execution.runner import Runner, check_feeds
from bnnplan.planner.execution.workbench import Workbench
from bnnplan.planner.plan import Plan, PlanError
from bnnplan.planner.profiling.oracle import difference, reference_values

if TYPE_CHECKING:
    from bnnplan.planner.execution.pipelines import Pipeline


def make_runner(bench: Workbench, plan: Plan) -> Runner:
    """A plan made ready to run on a workbench of its network and board."""
    return Runner(
        bench,
        plan.assignment,
        plan.order,
        concurrent=plan.concurrent,
        capacities=plan.request.capacities(plan.board),
    )


class Reference:
    """Kernels of one batch size, with inputs and the outputs that they must give.

    Parameters
    ----------
    bench : Workbench
    seed : int
        Of the random inputs.

    Attributes
    ----------
    arrays : dict of str to ndarray
        The inputs in the shared formats.
    """

    def __init__(self, bench: Workbench, seed: int) -> None:
        self.bench = bench
        self._feeds, self._wanted = reference_values(bench.network, bench.batch, seed)
        self.arrays: dict[str, np.ndarray] = check_feeds(bench.network, self._feeds, bench.batch)

    def compare(self, runner: Runner) -> None:
        """Compare a runner's outputs with those wanted.

        Raises
        ------
        PlanError
            If integers or bits differ at all, or floats beyond their tolerance.
        """
        self._compare(runner.run(self._feeds))

    def compare_frames(self, pipeline: Pipeline) -> None:
        """Compare the results of a pipeline that runs, image by image, with those wanted.

        Raises
        ------
        PlanError
            As for `compare`.
        """
        images = range(self.bench.batch)
        frames = ({name: array[i] for name, array in self._feeds.items()} for i in images)
        outputs = self.bench.network.outputs
        made = [
            result if isinstance(result, Mapping) else {outputs[0]: result}
            for result in pipeline.map(frames)
        ]
        self._compare({name: np.stack([result[name] for result in made]) for name in outputs})

    def _compare(self, got: Mapping[str, np.ndarray]) -> None:
        network = self.bench.network
        for name in network.outputs:
            kind = network.types[name]
            fault = difference(encode(got[name], kind), encode(self._wanted[name], kind), kind)
            if fault:
                raise PlanError(
                    f"the plan of {network.name!r} gives other values than the reference backend "
                    f"in output {name!r}: {fault}; please report this with the plan file"
                )
