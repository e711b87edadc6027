"""Equal devices in CP-SAT models: they are used in their order, which loses no solution.

Source of the idea: value precedence, Law and Lee, "Global constraints for integer and set value
precedence", CP 2004.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from ortools.sat.python import cp_model

from bnnplan.planner.solvers.cpsat.engine import Expression
from bnnplan.planner.solvers.cpsat.placement import Placement
from bnnplan.planner.solvers.interchangeable import Family


def use_in_order(placement: Placement, families: Sequence[Family]) -> None:
    """Use an equal device only after the one before it, in the order of the tasks.

    `Family.relabelled` makes any choice one that is left.
    """
    there = [placement.on_device(task) for task in range(len(placement.graph.tasks))]
    for family in families:
        for first, second in itertools.pairwise(family.devices):
            before: Expression = 0
            for on in there:
                if second in on:
                    placement.model.add_linear_expression_in_domain(
                        before - on[second], cp_model.Domain(0, cp_model.INT_MAX)
                    )
                before += on.get(first, 0)
