"""Checks that a plan computes what the reference backend computes."""

from __future__ import annotations

import numpy as np

from bnnplan.models.tensors import encode
from bnnplan.planner.execution.runner import Runner, check_feeds
from bnnplan.planner.execution.workbench import Workbench
from bnnplan.planner.plan import Plan, PlanError
from bnnplan.planner.profiling.oracle import difference, reference_values


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
        network = runner.network
        got = runner.run(self._feeds)
        for name in network.outputs:
            kind = network.types[name]
            fault = difference(encode(got[name], kind), encode(self._wanted[name], kind), kind)
            if fault:
                raise PlanError(
                    f"the plan of {network.name!r} gives other values than the reference backend "
                    f"in output {name!r}: {fault}; please report this with the plan file"
                )
