"""The best of several results, and the bounds that hold for all of them."""

import pytest

from bnnplan.planner.choosing import Solved, best
from bnnplan.planner.encoding import Encoding
from bnnplan.planner.problem import Device, Measure, Option, Port, Problem, Space, Task
from bnnplan.planner.solution import Solution
from bnnplan.planner.solvers.base import Proven, SolverResult, Status

ALONE = Task("t", (Option("o", "d", 1, (), (), "s"),))


def encoding(*objectives):
    problem = Problem(
        name="p",
        tasks=(ALONE,),
        tensors=(),
        edges=(),
        devices=(Device("d", frozenset({"core"})),),
        spaces=(Space("s"),),
        ports=(Port("s", "s"),),
        objectives=objectives or (Measure.LATENCY,),
    )
    return Encoding(problem, {})


def found(*proofs, images=1):
    """A result of so many (value, bound) of latency, then energy."""
    measures = (Measure.LATENCY, Measure.ENERGY)[: len(proofs)]
    value, bound = proofs[0]
    proven = all(v == b for v, b in proofs)
    result = SolverResult(
        status=Status.OPTIMAL if proven else Status.FEASIBLE,
        solution=Solution((0,), (0,), (value,), (), value),
        objective=value,
        bound=bound,
        runtime_s=0.25,
        method="m",
        proofs=tuple(Proven(m, v, b) for m, (v, b) in zip(measures, proofs, strict=True)),
    )
    return Solved(encoding(*measures), result, images)


def lost(status, bound=None, images=1):
    return Solved(encoding(), SolverResult(status, None, None, bound, 0.25, "m"), images)


def summary(solved):
    chosen = best(solved)
    bounds = tuple(one.bound for one in chosen.proofs)
    return chosen.result.objective, bounds, chosen.result.status


@pytest.mark.parametrize(
    ("solved", "expected"),
    [
        ([found((10, 10)), found((12, 12))], (10, (10,), Status.OPTIMAL)),
        ([found((10, 10)), found((12, 8))], (10, (8,), Status.FEASIBLE)),
        ([found((10, 10)), found((12, 11))], (10, (10,), Status.OPTIMAL)),
        ([found((10, 10)), lost(Status.INFEASIBLE)], (10, (10,), Status.OPTIMAL)),
        ([found((10, 10)), lost(Status.UNKNOWN)], (10, (None,), Status.FEASIBLE)),
        ([found((10, 10)), lost(Status.UNKNOWN, 12)], (10, (10,), Status.OPTIMAL)),
        # Eight images in 40 are better than one in 10; proven if no one image is below 5.
        ([found((10, 10)), found((40, 40), images=8)], (40, (40,), Status.OPTIMAL)),
        ([found((10, 3)), found((40, 40), images=8)], (40, (24,), Status.FEASIBLE)),
        # 7/3 and 5/2: whole bounds are rounded down, values are compared exactly.
        ([found((7, 7), images=3), found((5, 5), images=2)], (7, (7,), Status.OPTIMAL)),
        # A second objective: only who can be as good in the first has a say.
        ([found((10, 10), (5, 5)), found((10, 10), (7, 7))], (10, (10, 5), Status.OPTIMAL)),
        ([found((10, 10), (5, 5)), found((12, 12), (1, 1))], (10, (10, 5), Status.OPTIMAL)),
        ([found((10, 10), (5, 5)), found((12, 9), (1, 1))], (10, (9, 1), Status.FEASIBLE)),
        ([found((10, 10), (5, 5)), found((10, 10), (6, 4))], (10, (10, 4), Status.FEASIBLE)),
    ],
)
def test_the_best_result_has_a_bound_over_all(solved, expected):
    assert summary(solved) == expected
    assert summary(solved[::-1]) == expected


def test_memory_is_not_by_image():
    small, large = (
        Solved(
            encoding(Measure.MEMORY),
            SolverResult(Status.OPTIMAL, found((b, b)).result.solution, b, b, 0.0, "m"),
            images,
        )
        for b, images in ((100, 1), (150, 8))
    )
    assert best([large, small]).images == 1


def test_times_are_added_up():
    assert best([found((10, 10)), lost(Status.INFEASIBLE)]).result.runtime_s == 0.5


def test_without_any_solution_unknown_counts_more_than_infeasible():
    kinds = [lost(Status.UNKNOWN), lost(Status.INFEASIBLE)]
    assert best(kinds).result.status is Status.UNKNOWN
    assert best(kinds[::-1]).result.status is Status.UNKNOWN
    assert best(kinds[1:]).result.status is Status.INFEASIBLE
