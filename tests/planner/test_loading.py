"""Costs under load: measured where devices can work at the same time, and used where they do."""

import json
import threading

import attrs
import pytest
from made_up import board_where, made_up_profile
from networks import branches, chain

from bnnplan.planner.encoding import encode_problem
from bnnplan.planner.offers import planned_duration
from bnnplan.planner.planning import find_plan
from bnnplan.planner.problem import Measure
from bnnplan.planner.profile import ProfileError, load_profile, save_profile
from bnnplan.planner.profiling import loading, profile_under_load
from bnnplan.planner.request import Request
from bnnplan.planner.trials import candidates as measured_candidates
from bnnplan.planner.trials import latency as latency_trial
from bnnplan.planner.verification import TrialOptions, solve_on_board

PIPELINE = Request(objectives=(Measure.PERIOD,))


def placements(profile):
    return [cost for costs in profile.layers.values() for cost in costs.placements]


def loaded(profile, factor):
    """The profile, with times under load of so many times those alone."""
    return attrs.evolve(
        profile,
        layers={
            name: attrs.evolve(
                costs,
                placements=[
                    attrs.evolve(
                        c, loaded=attrs.evolve(c.time, median=round(factor * c.time.median))
                    )
                    for c in costs.placements
                ],
            )
            for name, costs in profile.layers.items()
        },
    )


@pytest.fixture(scope="module")
def profile(two_references):
    return made_up_profile(two_references)


def test_every_placement_is_timed_again_while_the_others_are_busy(profile, tmp_path):
    assert not profile.is_loaded
    before = threading.active_count()
    found = profile_under_load(chain(), profile, budget=0.01)
    assert threading.active_count() == before
    assert found.is_loaded
    assert all(cost.loaded.runs >= 15 for cost in placements(found))
    assert [cost.time for cost in placements(found)] == [cost.time for cost in placements(profile)]
    assert [c.time for c in placements(found.under_load)] == [c.loaded for c in placements(found)]
    save_profile(found, tmp_path / "profile.json")
    assert load_profile(tmp_path / "profile.json") == found


def test_a_profile_of_before_has_no_costs_under_load(profile, tmp_path):
    save_profile(profile, tmp_path / "profile.json")
    document = json.loads((tmp_path / "profile.json").read_text())
    document["version"] = 2
    for costs in document["layers"].values():
        for cost in costs["placements"]:
            del cost["loaded"]
    (tmp_path / "profile.json").write_text(json.dumps(document))
    assert load_profile(tmp_path / "profile.json") == profile


def test_devices_that_share_cores_are_never_busy_together(profile):
    devices = [attrs.evolve(d, resources={"core:0"}) for d in profile.board.devices]
    shared = attrs.evolve(profile, board=attrs.evolve(profile.board, devices=devices))
    with pytest.raises(ProfileError, match=r"no two devices or cores .* at the same time"):
        profile_under_load(chain(), shared)


def test_a_fault_of_the_load_ends_the_measuring():
    class Broken:
        def run(self):
            raise RuntimeError("unplugged")

    with pytest.raises(RuntimeError, match="unplugged"), loading._running([Broken()]):
        pass


def test_pipelines_are_planned_with_costs_under_load(profile):
    slow = loaded(profile, 2)
    cost = placements(slow)[0]
    assert planned_duration(cost, PIPELINE) == cost.loaded.median == 2 * cost.time.median
    assert planned_duration(cost, Request()) == cost.time.median
    assert planned_duration(placements(profile)[0], PIPELINE) == placements(profile)[0].time.median


def test_one_batch_alone_is_predicted_with_costs_alone(profile):
    """Running a pipeline's batches one after the other measures what no other device disturbs."""
    plain = encode_problem(chain(), profile, PIPELINE)
    busy = encode_problem(chain(), loaded(profile, 2), PIPELINE)
    assert plain.alone.tasks == busy.alone.tasks == plain.problem.tasks
    assert busy.problem.tasks != plain.problem.tasks


def test_a_concurrent_plan_is_measured_beside_the_one_for_load(monkeypatch, two_references):
    """Alone, both branches at the same time are best; with the load, all on b."""
    network = branches()
    costs = loaded(made_up_profile(two_references, network), 1)
    even = {
        name: attrs.evolve(
            of,
            placements=[
                attrs.evolve(
                    c,
                    time=attrs.evolve(c.time, median=5000),
                    loaded=attrs.evolve(c.time, median=5000 if c.device == "b" else 50_000),
                )
                for c in of.placements
            ],
        )
        for name, of in costs.layers.items()
    }
    costs = attrs.evolve(costs, layers=even)
    assert find_plan(network, costs, source="branches").concurrent
    board = board_where({"a": 9000, "b": 5000})
    monkeypatch.setattr(latency_trial, "measure", board)
    monkeypatch.setattr(measured_candidates, "measure", board)
    trial = TrialOptions(seconds=0.0, tolerance=1.0)
    plan, _ = solve_on_board(network, costs, source="branches", trial=trial)
    assert plan.candidates is not None
    names = {row.name for row in plan.candidates.rows}
    assert names >= {"candidate 1"}
    assert {device for device, _ in plan.assignment.values()} == {"b"}


def test_profile_under_load_on_the_command_line(bnnplan, net, tmp_path, two_references):
    code, out, err = bnnplan("profile", net, "--devices", "reference0", "--under-load")
    assert (code, out) == (1, "")
    assert "no two devices or cores of board" in err
