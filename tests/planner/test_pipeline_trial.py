"""Trials of pipelines on boards that are made up: exact, without a clock."""

import itertools

import attrs
import pytest
from made_up import made_up_profile
from networks import chain

from bnnplan.planner.baselines import SINGLE_DEVICE
from bnnplan.planner.execution.pipelines import Pipeline
from bnnplan.planner.plan import MeasuredPipeline, MeasuredStage
from bnnplan.planner.planning import find_plan
from bnnplan.planner.problem import Measure
from bnnplan.planner.profile import Time
from bnnplan.planner.report.units import times
from bnnplan.planner.request import Request
from bnnplan.planner.trials import pipeline as trial_module
from bnnplan.planner.trials import rounds
from bnnplan.planner.trials.stage_correction import RanPipeline, corrected_by_stages
from bnnplan.planner.trials.trial import TrialOptions
from bnnplan.planner.trials.turns import together
from bnnplan.planner.verification import solve_on_board

PERIOD = Request(objectives=(Measure.PERIOD,))
TURNS = 5


@pytest.fixture(scope="module")
def profile(two_references):
    return made_up_profile(two_references)


def doubled(profile):
    """The profile as a model makes it that takes weights for twice what they are."""
    return attrs.evolve(
        profile,
        layers={
            name: attrs.evolve(
                costs,
                placements=[
                    attrs.evolve(cost, weight_bytes=2 * cost.weight_bytes)
                    for cost in costs.placements
                ],
            )
            for name, costs in profile.layers.items()
        },
    )


def exactly(ns):
    return Time(round(ns), round(ns), round(ns), round(ns), 10)


def as_it_runs(plan, layer_ns, hand_over=0):
    """What a pipeline measures if each layer takes so long on each device."""
    stages, rate = [], 0.0
    for number, stream in enumerate(plan.streams):
        rows = {}
        for row in stream.layers:
            rows.setdefault((row.stage, row.device), []).append(row)
        busy = {key: sum(layer_ns[row.device] for row in mine) for key, mine in rows.items()}
        period = max(busy.values()) + hand_over
        rate += 1 / period
        stages += [
            MeasuredStage(
                number, key[0], [key[1]], [row.name for row in mine], busy[key], busy[key] / period
            )
            for key, mine in rows.items()
        ]
    return MeasuredPipeline(exactly(1 / rate), 100, 1, 1, 1, stages)


def board_where(layer_ns, **how):
    """What runs pipelines as on a board where each layer takes so long on each device."""

    def run_in_turns(plans, network, test, *, seconds):
        return {name: [as_it_runs(plan, layer_ns, **how)] * TURNS for name, plan in plans.items()}

    return run_in_turns


def tried(monkeypatch, profile, run, request=PERIOD, **trial):
    monkeypatch.setattr(trial_module, "run_in_turns", run)
    monkeypatch.setattr(rounds, "run_in_turns", run)
    how = TrialOptions(seconds=0.0, **trial)
    return solve_on_board(chain(), profile, request=request, source="chain", trial=how)


def test_costs_are_corrected_until_predicted_and_measured_period_agree(monkeypatch, profile):
    plan, found = tried(monkeypatch, profile, board_where({"a": 400, "b": 1500}))
    assert plan.agreement.agreed
    assert plan.agreement.rounds > 1
    assert plan.predicted.period_ns == pytest.approx(plan.pipeline.period.median, rel=0.05)
    assert found.is_loaded
    loaded = {c.device: c.loaded.median for c in found.layers["first"].placements}
    assert loaded["a"] < loaded["b"]
    # One batch alone is predicted as before: only costs under load were seen to be wrong.
    assert [c.time for c in found.layers["first"].placements] == [
        c.time for c in profile.layers["first"].placements
    ]


def test_time_between_batches_counts_as_work_of_the_busiest_stage(monkeypatch, profile):
    run = board_where({"a": 1000, "b": 1000}, hand_over=700)
    plan, _ = tried(monkeypatch, profile, run, tolerance=0.01)
    assert plan.agreement.agreed
    assert plan.predicted.period_ns == pytest.approx(plan.pipeline.period.median, rel=0.01)


def test_a_pipeline_is_never_slower_than_the_best_single_device(monkeypatch, profile):
    def run(plans, network, test, *, seconds):
        found = board_where({"a": 4000, "b": 500})(plans, network, test, seconds=seconds)
        # Whatever uses both devices is slow, which no cost of a layer explains.
        for name, plan in plans.items():
            used = {row.device for stream in plan.streams for row in stream.layers}
            if len(used) > 1:
                found[name] = [attrs.evolve(t, period=exactly(10**6)) for t in found[name]]
        return found

    plan, _ = tried(monkeypatch, profile, run, budget=0.0)
    assert {row.device for stream in plan.streams for row in stream.layers} == {"b"}
    assert "delivered instead" in plan.verdict
    assert plan.pipeline.period.median < 10**6


def test_the_period_of_the_best_single_device_is_stated(monkeypatch, profile):
    plan, _ = tried(monkeypatch, profile, board_where({"a": 400, "b": 400}))
    single = plan.baseline(SINGLE_DEVICE)
    assert single.measured.median > plan.pipeline.period.median
    ratio = single.measured.median / plan.pipeline.period.median
    assert single.ratio.median == pytest.approx(ratio)
    assert f"period is {times(ratio)}" in plan.verdict


def test_a_pipeline_states_what_it_allocated(monkeypatch, profile):
    plan, _ = tried(monkeypatch, doubled(profile), board_where({"a": 400, "b": 400}))
    assert plan.memory == Pipeline(plan, chain()).memory
    planned = find_plan(chain(), doubled(profile), request=PERIOD, source="chain").memory
    assert sum(row.weight_bytes for row in plan.memory) < sum(row.weight_bytes for row in planned)


def test_the_best_of_all_rounds_is_delivered(monkeypatch, profile):
    """The board is slow for as long as the first plan runs: costs are corrected for nothing."""
    calls = itertools.count()

    def run(plans, network, test, *, seconds):
        slow = {"a": 1000, "b": 90_000} if next(calls) == 0 else {"a": 4000, "b": 500}
        return board_where(slow)(plans, network, test, seconds=seconds)

    first = find_plan(chain(), profile, request=PERIOD, source="chain")
    pinned = Request(objectives=(Measure.PERIOD,), pins={"dense": "a"})
    other = find_plan(chain(), profile, request=pinned, source="chain")
    assert first.predicted.period_ns < other.predicted.period_ns
    monkeypatch.setattr(rounds, "run_in_turns", board_where({"a": 4000, "b": 500}))
    best = rounds.with_best_tried(
        attrs.evolve(other, pipeline=as_it_runs(other, {"a": 4000, "b": 500})),
        [first, other],
        chain(),
        None,
        seconds=0.0,
    )
    assert best.assignment == first.assignment
    assert "earlier round measured faster" in best.verdict
    kept = rounds.with_best_tried(first, [first, other], chain(), None, seconds=0.0)
    assert kept.assignment == first.assignment
    assert not kept.verdict
    plan, _ = tried(monkeypatch, profile, run)
    assert plan.pipeline.period.median <= as_it_runs(first, {"a": 4000, "b": 500}).period.median


def test_correcting_by_what_is_right_changes_nothing(profile):
    plan = find_plan(chain(), profile, request=PERIOD, source="chain")
    right = as_it_runs(plan, {"a": 1000, "b": 500})
    launches = {stage.stream: 100 for stage in right.stages}
    stages = [
        attrs.evolve(stage, busy_ns=stage.busy_ns + launches[stage.stream], busy=1.0)
        for stage in right.stages
    ]
    rate = sum(1 / stage.busy_ns for stage in stages)
    right = attrs.evolve(right, stages=stages, period=exactly(1 / rate))
    found = corrected_by_stages(profile, [RanPipeline(plan, right)])
    for name, costs in found.layers.items():
        for before, after in zip(profile.layers[name].placements, costs.placements, strict=True):
            assert after.loaded.median == pytest.approx(before.time.median, rel=0.01)


def test_turns_together_are_the_middle_of_each_figure(profile):
    plan = find_plan(chain(), profile, request=PERIOD, source="chain")
    turns = [as_it_runs(plan, {"a": ns, "b": ns}) for ns in (100, 90_000, 300, 200, 400)]
    found = together(turns)
    assert found.period.median == as_it_runs(plan, {"a": 300, "b": 300}).period.median
    assert found.batches == sum(turn.batches for turn in turns)
    assert found.stages == as_it_runs(plan, {"a": 300, "b": 300}).stages


def test_a_plan_for_throughput_runs_as_a_pipeline(profile):
    plan, _ = solve_on_board(
        chain(), profile, request=PERIOD, source="chain", trial=TrialOptions(seconds=0.05, budget=0)
    )
    assert plan.pipeline.batches > 0
    assert plan.pipeline.period.median > 0
    assert {stage.stream for stage in plan.pipeline.stages} == set(range(len(plan.streams)))
