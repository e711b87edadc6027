"""Which plan is delivered, and the loop of running plans and correcting costs, without a clock."""

import attrs
import pytest
from made_up import board_where, made_up_profile, ran
from networks import chain, everywhere

from bnnplan.backends.interface import MemorySpace
from bnnplan.planner import verification
from bnnplan.planner.baselines import SINGLE_DEVICE
from bnnplan.planner.execution.memory import footprint
from bnnplan.planner.execution.workbench import Workbench
from bnnplan.planner.plan import InfeasibleError, NoPlanError, PlanError, Predicted, Ratio
from bnnplan.planner.plan_file import load_plan, save_plan
from bnnplan.planner.planning import find_plan
from bnnplan.planner.problem import Limit, Measure
from bnnplan.planner.report.trials_text import trial_text
from bnnplan.planner.report.units import percent
from bnnplan.planner.request import Request
from bnnplan.planner.trials import candidates as measured_candidates
from bnnplan.planner.trials import latency as latency_trial
from bnnplan.planner.trials.delivery import PLAN, delivered, fallback_of, with_measurements
from bnnplan.planner.trials.exactness import Reference, make_runner
from bnnplan.planner.verification import TrialOptions, solve_on_board


@pytest.fixture(scope="module")
def profile(two_references):
    return made_up_profile(two_references)


def with_single(plan, device):
    """The plan, with all on a device as if that were the best single device."""
    baselines = [
        attrs.evolve(b, placements=everywhere(chain(), device), predicted=Predicted(9999, 9999))
        if b.name == SINGLE_DEVICE
        else b
        for b in plan.baselines
    ]
    return attrs.evolve(plan, baselines=baselines)


def decided(profile, plan_ns, single_ns, request=None):
    plan = with_single(find_plan(chain(), profile, source="chain", request=request), "a")
    measured = {PLAN: ran(plan_ns, layer=10, device="b"), SINGLE_DEVICE: ran(single_ns, layer=20)}
    return plan, delivered(plan, fallback_of(plan, chain(), profile), measured)


def test_the_faster_plan_is_delivered(profile):
    plan, found = decided(profile, 5000, 6000)
    assert found.assignment == plan.assignment
    assert found.baseline(SINGLE_DEVICE).ratio == Ratio(1.2, 1.2, 1.2)
    assert "no difference" not in found.verdict
    assert "takes 1.20× (95 % 1.20 to 1.20) the plan's time" in found.verdict


def test_the_best_single_device_is_delivered_where_it_measures_faster(profile):
    plan, found = decided(profile, 6000, 5000)
    assert found.assignment == everywhere(chain(), "a") != plan.assignment
    assert found.proof.status == "feasible"
    assert found.measured.end_to_end.median == 5000
    assert all(row.measured_ns == 20 for row in found.layers)
    assert "is delivered instead" in found.verdict


def test_a_single_device_that_breaks_the_request_is_not_delivered(profile):
    """It measures faster, but is predicted to miss the deadline."""
    plan, found = decided(profile, 6000, 5000, Request(limits=(Limit(Measure.LATENCY, 4000),)))
    assert found.assignment == plan.assignment
    assert "slower than the best single device" in found.verdict
    assert "but it breaks the request: " in found.verdict
    assert "latency" in found.verdict.split("breaks the request")[1]


def test_a_single_device_that_does_not_fit_as_it_runs_is_not_delivered(profile):
    """A solver counts what is alive at each moment; programs hold more."""
    plan = with_single(find_plan(chain(), profile, source="chain"), "a")
    fallback = fallback_of(plan, chain(), profile)
    assert fallback.faults == ()
    (row,) = fallback.plan.memory
    spaces = {"a": row.allocated_bytes - 1, "b": None}
    devices = [
        attrs.evolve(d, space=MemorySpace(d.space.name, spaces[d.name]))
        for d in profile.board.devices
    ]
    tight = attrs.evolve(profile, board=attrs.evolve(profile.board, devices=devices))
    (fault,) = fallback_of(plan, chain(), tight).faults
    assert devices[0].space.name in fault


def test_a_difference_that_is_not_certain_is_not_claimed(profile):
    _, found = decided(profile, 5000, 5000)
    assert found.verdict.endswith("the plan's time: no difference is certain")


def test_without_a_single_device_the_verdict_says_so(profile):
    plan = find_plan(chain(), profile, source="chain")
    plan = attrs.evolve(plan, baselines=[b for b in plan.baselines if b.name != SINGLE_DEVICE])
    assert fallback_of(plan, chain(), profile) is None
    found = delivered(plan, None, {PLAN: ran(5000)})
    assert found.verdict == "no single device can hold the whole network"


def test_a_wrong_plan_is_never_delivered(profile, two_references):
    bench = Workbench(chain(), two_references)
    runner = make_runner(bench, find_plan(chain(), profile, source="chain"))
    Reference(bench, seed=1).compare(runner)
    runner.stages.pop()
    with pytest.raises(PlanError, match="gives other values than the reference"):
        Reference(bench, seed=2).compare(runner)


def tried(monkeypatch, profile, measure, **trial):
    monkeypatch.setattr(latency_trial, "measure", measure)
    monkeypatch.setattr(measured_candidates, "measure", measure)
    return solve_on_board(
        chain(), profile, source="chain", trial=TrialOptions(seconds=0.0, **trial)
    )


def test_costs_are_corrected_until_predicted_and_measured_agree(monkeypatch, profile):
    """The profile says that b is faster, the board that a is."""
    plan, corrected = tried(monkeypatch, profile, board_where({"a": 400, "b": 1500}))
    assert {device for device, _ in plan.assignment.values()} == {"a"}
    assert plan.agreement.agreed
    assert plan.agreement.rounds > 1
    assert plan.agreement.error <= plan.agreement.tolerance == 0.05
    assert abs(plan.predicted_ns / plan.measured.end_to_end.median - 1) <= 0.05
    assert "agree within" in next(trial_text(plan))
    times = {c.device: c.time.median for c in corrected.layers["first"].placements}
    assert times == {"a": 400, "b": 1500}


def test_batches_whose_costs_were_corrected_are_marked(monkeypatch, profile):
    larger = attrs.evolve(profile, batch=64)
    monkeypatch.setattr(latency_trial, "measure", board_where({"a": 400, "b": 1500}))
    trial = TrialOptions(seconds=0.0)
    plan, _ = solve_on_board(chain(), [profile, larger], source="chain", trial=trial)
    assert {row.batch: row.corrected for row in plan.batches} == {1: False, 64: True}
    assert not any(row.corrected for row in find_plan(chain(), larger, source="chain").batches)


def test_the_end_of_the_budget_is_told(monkeypatch, profile):
    """A board on which everything takes 3 µs more every time is never as predicted."""
    rounds = iter(range(1, 100))
    plan, _ = tried(
        monkeypatch,
        profile,
        board_where({"a": 400, "b": 900}, noise=lambda runner: 3000 * next(rounds)),
        budget=0.2,
        tolerance=0.01,
    )
    assert not plan.agreement.agreed
    assert plan.agreement.error > 0.01
    assert "the budget ended after" in next(trial_text(plan))


def test_ctrl_c_while_the_board_measures_is_told(monkeypatch, profile):
    monkeypatch.setattr("bnnplan.planner.verification.is_asked", lambda: True)
    plan, _ = tried(monkeypatch, profile, board_where({"a": 4000, "b": 9000}), tolerance=0.01)
    assert plan.agreement.interrupted
    assert plan.agreement.rounds == 1
    assert next(trial_text(plan)).startswith("interrupted after 1 round, with predicted")


def test_a_plan_that_has_run_is_given_where_the_next_round_finds_none(monkeypatch, profile):
    """Ctrl-C, or the time limit, while the corrected costs are planned with."""
    found = iter([find_plan(chain(), profile, source="chain")])

    def find_once(*arguments, **options):
        plan = next(found, None)
        if plan is None:
            raise NoPlanError("interrupted")
        return plan

    monkeypatch.setattr(verification, "find_plan", find_once)
    plan, used = tried(monkeypatch, profile, board_where({"a": 4000, "b": 9000}), tolerance=0.01)
    assert plan.measured is not None
    assert (plan.agreement.rounds, plan.agreement.agreed) == (1, False)
    assert used == profile
    text = next(trial_text(plan))
    assert text.startswith("no plan was found in time with the costs as measured: after 1 round, ")
    assert "budget" not in text


def test_a_plan_is_delivered_although_no_other_keeps_the_deadline_as_measured(
    monkeypatch, profile, tmp_path
):
    """Predicted are 3.2 µs, and the board takes three times as long, whatever the plan."""
    request = Request(limits=(Limit(Measure.LATENCY, 4000),))
    monkeypatch.setattr(latency_trial, "measure", board_where({"a": 3000, "b": 1500}))
    trial = TrialOptions(seconds=0.0)
    plan, used = solve_on_board(chain(), profile, request=request, source="chain", trial=trial)
    assert plan.verdict.endswith(
        "; with the costs as measured the deadline of 4.00 µs cannot be kept"
    )
    assert plan.predicted_ns <= 4000 < plan.measured.end_to_end.median
    assert (plan.agreement.rounds, plan.agreement.agreed) == (1, False)
    assert used == profile
    assert next(trial_text(plan)).startswith("no plan keeps the limits with the costs as measured")
    save_plan(plan, tmp_path / "plan.json")
    assert load_plan(tmp_path / "plan.json") == plan
    impossible = Request(limits=(Limit(Measure.LATENCY, 400),))
    with pytest.raises(InfeasibleError):
        solve_on_board(chain(), profile, request=impossible, source="chain", trial=trial)


def test_without_any_plan_there_is_none_to_give(monkeypatch, profile):
    def find_none(*arguments, **options):
        raise NoPlanError("nothing")

    monkeypatch.setattr(verification, "find_plan", find_none)
    with pytest.raises(NoPlanError, match="nothing"):
        tried(monkeypatch, profile, board_where({"a": 400, "b": 900}))


def test_a_pipeline_of_least_latency_is_not_judged_by_a_batch_alone(profile):
    """What is measured is one batch after the other; the latency asked for is that of stages."""
    request = Request(objectives=(Measure.LATENCY, Measure.PERIOD))
    assert not request.is_measurable
    plan, found = decided(profile, 6000, 5000, request)
    assert found.assignment == plan.assignment
    assert "predicted" in found.verdict


def test_one_round_is_made_however_small_the_budget(monkeypatch, profile):
    plan, _ = tried(monkeypatch, profile, board_where({"a": 400, "b": 900}), budget=1e-9)
    assert plan.agreement.rounds == 1
    assert not plan.agreement.agreed


def test_the_candidate_that_measures_fastest_is_the_plan(monkeypatch, profile, tmp_path):
    """Each change of device makes the whole 1 µs faster than all that is known explains."""
    plan, _ = tried(
        monkeypatch,
        profile,
        board_where({"a": 505, "b": 500}, noise=lambda runner: 9000 - 1000 * len(runner.stages)),
        candidates=6,
        tolerance=1.0,
    )
    table = plan.candidates
    predicted = [row.predicted_ns for row in table.rows]
    assert predicted == sorted(predicted)
    assert len(table.rows) in (6, 7)
    measured = {row.name: row.measured.median for row in table.rows}
    (mine,) = [row for row in table.rows if dict(row.placements) == plan.assignment]
    assert measured[mine.name] == min(measured.values())
    assert len(set(plan.assignment.values())) == 2
    assert mine.ratio == Ratio(1.0, 1.0, 1.0)
    assert plan.measured.end_to_end.median == mine.measured.median
    assert -1 <= table.rank_correlation < 0
    assert mine.name in plan.verdict
    save_plan(plan, tmp_path / "plan.json")
    assert load_plan(tmp_path / "plan.json") == plan
    shown = list(trial_text(plan))
    assert "rank correlation" in shown[-1]


def test_how_well_a_plan_was_predicted_is_told_of_the_plan_delivered(monkeypatch, profile):
    """The rounds agree within the tolerance; then candidates take turns, all 3 µs slower."""
    monkeypatch.setattr(latency_trial, "measure", board_where({"a": 1000, "b": 500}))
    slower = board_where({"a": 1000, "b": 500}, noise=lambda runner: 3000)
    monkeypatch.setattr(measured_candidates, "measure", slower)
    trial = TrialOptions(seconds=0.0, candidates=3)
    plan, _ = solve_on_board(chain(), profile, source="chain", trial=trial)
    off = abs(plan.predicted_ns / plan.measured.end_to_end.median - 1)
    assert plan.agreement.error == pytest.approx(off, abs=1e-6)
    assert off > plan.agreement.tolerance
    assert not plan.agreement.agreed
    text = next(trial_text(plan))
    assert text.startswith("the last round agreed, but the plan was run once more: after 1 round, ")
    assert f"latency are {percent(plan.agreement.error)} apart" in text


def test_a_plan_that_ran_states_what_it_allocated(monkeypatch, profile):
    """Its costs are of a model, say, that takes weights for twice what they are."""
    layers = {
        name: attrs.evolve(
            costs,
            placements=[attrs.evolve(c, weight_bytes=2 * c.weight_bytes) for c in costs.placements],
        )
        for name, costs in profile.layers.items()
    }
    wrong = attrs.evolve(profile, layers=layers)
    plan, _ = tried(monkeypatch, wrong, board_where({"a": 1000, "b": 500}))
    planned = find_plan(chain(), wrong, source="chain").memory
    held = footprint(make_runner(Workbench(chain(), profile.board), plan))
    assert [attrs.evolve(row, predicted_bytes=None) for row in plan.memory] == list(held)
    assert [row.predicted_bytes for row in plan.memory] == [r.predicted_bytes for r in planned]
    assert sum(row.weight_bytes for row in plan.memory) < sum(row.weight_bytes for row in planned)


def test_candidates_differ_and_the_first_is_the_optimum(profile):
    plan = find_plan(chain(), profile, source="chain")
    found = list(measured_candidates.candidate_plans(plan, chain(), profile, 5))
    assert [one.name for one in found] == [f"candidate {n}" for n in range(1, 6)]
    assert found[0].plan.predicted_ns == plan.predicted_ns
    assert all(one.proven for one in found)
    keys = [tuple(sorted(one.plan.assignment.items(), key=str)) for one in found]
    assert len(set(keys)) == 5
    filled = with_measurements(found[0].plan, {PLAN: ran(5000, layer=3)})
    assert all(row.measured_ns == 3 for row in filled.layers)
