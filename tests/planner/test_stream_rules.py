"""Throughput by rules of others: what they plan, not sets of streams that are named after them."""

import io

import pytest
from clusters import cluster, gpu, made_up, scaled
from enumerated import line

from bnnplan.backends.interface import MemorySpace
from bnnplan.planner.baselines import HEURISTICS
from bnnplan.planner.plan_errors import NoPlanError
from bnnplan.planner.planning import find_plan
from bnnplan.planner.problem import Measure
from bnnplan.planner.report.plan_text import print_plan
from bnnplan.planner.report.terminal import PlainConsole
from bnnplan.planner.request import Request
from bnnplan.planner.solving import SolveOptions
from bnnplan.planner.streams.baselines import REPLICAS

PERIOD = Request(objectives=[Measure.PERIOD])
NETWORK = line(4)
PROFILE = scaled(
    NETWORK, [cluster("big", 0, 2), cluster("little", 2, 2), gpu()], launch=5000, transfer=2000
)


def planned(method, profile=PROFILE, network=NETWORK, request=PERIOD):
    return find_plan(
        network, profile, request=request, source="here", options=SolveOptions(method=method)
    )


@pytest.mark.parametrize("method", sorted(HEURISTICS))
def test_a_rule_plans_what_its_baseline_is(method):
    plan = planned(method)
    row = plan.baseline(HEURISTICS[method])
    assert plan.proof.method == method
    assert plan.replicas == ()
    assert plan.predicted.period_ns == plan.proof.value == row.predicted.period_ns
    assert plan.proof.bound <= plan.baseline(REPLICAS).predicted.period_ns
    stream = io.StringIO()
    print_plan(plan, PlainConsole(file=stream, width=300, highlight=False, markup=False))
    (same,) = [one for one in stream.getvalue().splitlines() if one.startswith("the plan itself")]
    assert HEURISTICS[method] in same


def test_pipe_it_is_a_pipeline_and_replication_is_a_baseline_beside_it():
    plan = planned("pipe-it")
    assert len({row.device for row in plan.layers}) > 1
    assert plan.predicted.period_ns != plan.baseline(REPLICAS).predicted.period_ns
    assert plan.proof.status == "feasible"


def test_a_rule_whose_plan_does_not_fit_in_memory_has_none():
    tiny = [cluster("cpu0", 0, 2, MemorySpace("host", 1500))]
    profile = made_up(line(3), tiny, lambda _, __, threads: 60, weights=1000)
    with pytest.raises(NoPlanError, match="pipe-it"):
        planned("pipe-it", profile, line(3))
