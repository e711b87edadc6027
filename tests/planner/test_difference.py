"""What changes from one plan to another."""

import json

import attrs
import pytest
from made_up import made_up_profile
from networks import branches, chain

from bnnplan.planner.difference import compare_plans
from bnnplan.planner.plan import PlanError
from bnnplan.planner.plan_file import save_plan
from bnnplan.planner.planning import find_plan
from bnnplan.planner.problem import Measure
from bnnplan.planner.profiling import Options, profile_network
from bnnplan.planner.request import Request


@pytest.fixture(scope="module")
def profile(two_references):
    return made_up_profile(two_references)


@pytest.fixture(scope="module")
def plan(profile):
    return find_plan(chain(), profile, source="chain")


@pytest.fixture(scope="module")
def pinned(profile):
    return find_plan(chain(), profile, source="chain", request=Request(pins={"dense": "a"}))


def test_a_plan_does_not_differ_from_itself(plan):
    found = compare_plans(plan, plan)
    assert found.is_none
    assert found.same == len(plan.layers)
    assert all(value.first == value.second for value in found.values)


def test_layers_transfers_and_wishes_that_differ(plan, pinned):
    found = compare_plans(plan, pinned)
    (moved,) = found.moved
    assert (moved.first.name, moved.first.device, moved.second.device) == ("dense", "b", "a")
    assert found.same == len(plan.layers) - 1
    assert not found.gone
    spaces = {device.name: device.space.name for device in plan.board.devices}
    assert {(row.source, row.target) for row in found.new} == {
        (spaces["b"], spaces["a"]),
        (spaces["a"], spaces["b"]),
    }
    (wish,) = found.wishes
    assert (wish.what, wish.first, wish.second) == ("pins", "none", "dense a")
    latency = next(value for value in found.values if value.measure is Measure.LATENCY)
    assert latency.second - latency.first == 500 + 2 * 10 + 2 * 100
    back = compare_plans(pinned, plan)
    assert back.gone == found.new
    assert not back.new
    assert [(pair.second, pair.first) for pair in back.moved] == [
        (pair.first, pair.second) for pair in found.moved
    ]


def test_costs_that_differ_under_the_same_placement(plan):
    first = plan.layers[0]
    slower = attrs.evolve(first, predicted_ns=first.predicted_ns + 7)
    other = attrs.evolve(plan, layers=[slower, *plan.layers[1:]])
    found = compare_plans(plan, other)
    assert not found.moved
    (pair,) = found.recosted
    assert pair.second.predicted_ns - pair.first.predicted_ns == 7
    assert found.same == len(plan.layers) - 1


def test_plans_of_different_networks_are_refused(plan, two_references):
    costs = profile_network(branches(), two_references, options=Options(tolerance=0.5, budget=0.5))
    other = find_plan(branches(), costs, source="branches")
    with pytest.raises(PlanError, match="different networks, 'chain' with 6 layers and 'branches'"):
        compare_plans(plan, other)


def test_diff_on_the_command_line(bnnplan, tmp_path, plan, pinned):
    for name, one in (("a", plan), ("b", pinned)):
        save_plan(one, tmp_path / f"{name}.json")
    code, out, err = bnnplan("diff", tmp_path / "a.json", tmp_path / "b.json")
    assert (code, err) == (0, "")
    assert "pins: none → dense a" in out
    assert "transfer new: vector" in out
    assert "5 layers are the same in both" in out
    code, out, _ = bnnplan("diff", tmp_path / "a.json", tmp_path / "b.json", "--json")
    document = json.loads(out)
    assert (code, document["schema"]) == (0, "bnnplan.difference")
    assert [pair["first"]["name"] for pair in document["moved"]] == ["dense"]
    code, out, _ = bnnplan("diff", tmp_path / "a.json", tmp_path / "a.json")
    assert "nothing: both place every layer alike" in out
