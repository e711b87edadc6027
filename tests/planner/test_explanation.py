"""Why a plan is as it is: alternatives, constraints, switches, in exact figures."""

import json
from functools import partial

import attrs
import pytest
from made_up import board_where, made_up_profile
from networks import chain

from bnnplan.models.load import open_network
from bnnplan.models.lowering import lower
from bnnplan.planner.cache import keep_costs, keep_profile
from bnnplan.planner.cli import solve_trial
from bnnplan.planner.explanation.change import LAYER
from bnnplan.planner.explanation.layer import explain_layer
from bnnplan.planner.explanation.overview import explain_plan
from bnnplan.planner.explanation.situation import situate
from bnnplan.planner.plan import PlanError
from bnnplan.planner.plan_file import load_plan, save_plan
from bnnplan.planner.planning import find_plan
from bnnplan.planner.profile import Rejection, load_profile, save_profile
from bnnplan.planner.report.explanation_text import overview_text
from bnnplan.planner.report.layer_text import layer_text
from bnnplan.planner.request import Request
from bnnplan.planner.solvers.insight.breakdown import ENTRIES, TASKS, TRANSFERS
from bnnplan.planner.trials import latency as latency_trial
from bnnplan.planner.verification import TrialOptions


@pytest.fixture(scope="module")
def profile(two_references):
    """As made up: a 1000 ns, b 500 ns a layer; but the dense layer is far faster on a."""
    made = made_up_profile(two_references)
    return with_times(made, "dense", {"a": 100, "b": 5000})


def with_times(profile, layer, times):
    costs = profile.layers[layer]
    placements = [
        attrs.evolve(c, time=attrs.evolve(c.time, median=times.get(c.device, c.time.median)))
        for c in costs.placements
    ]
    layers = {**profile.layers, layer: attrs.evolve(costs, placements=placements)}
    return attrs.evolve(profile, layers=layers)


@pytest.fixture(scope="module")
def plan(profile):
    return find_plan(chain(), profile, source="chain")


def lines(parts):
    """What is printed, wide enough that nothing is wrapped or left out."""
    text = []
    for part in parts:
        text += [part] if isinstance(part, str) else [line for line, _ in part.lines(400)]
    return text


def test_every_alternative_of_a_layer_is_priced_end_to_end(profile, plan):
    """All but the dense layer are on b; the plan pays two transfers and two launches for it."""
    assert plan.assignment["dense"][0] == "a"
    situation = situate(chain(), plan, profile)
    found = explain_layer(situation, "dense", time_limit=10)
    mine, other = found.alternatives
    assert (mine.device, mine.chosen, mine.time_ns) == ("a", True, 100)
    assert mine.kept.value == mine.anew.value == plan.predicted_ns
    assert mine.anew.proven
    # On b as well nothing is transferred or launched between layers.
    assert other.device == "b"
    assert other.kept.value == other.anew.value == 6 * 500 - 500 + 5000 + 100 + 2 * 10
    assert other.anew.parts[LAYER] == 4900
    assert other.anew.parts[TRANSFERS] < 0 > other.anew.parts[ENTRIES]
    assert sum(other.anew.parts.values()) == other.anew.difference
    assert other.anew.value - plan.predicted_ns == other.anew.difference


def test_what_is_left_is_chosen_anew(profile, plan):
    """With the layer before it forced to a, what lies between may stay there too."""
    situation = situate(chain(), plan, profile)
    found = explain_layer(situation, "flat", time_limit=10)
    (other,) = [one for one in found.alternatives if not one.chosen]
    assert plan.predicted_ns < other.anew.value <= other.kept.value


def test_placements_that_were_not_offered_are_listed_with_their_reasons(profile, plan):
    rejection = Rejection("b", "XYZ 2t", "differs from the reference")
    costs = attrs.evolve(profile.layers["second"], rejections=(rejection,))
    told = attrs.evolve(profile, layers={**profile.layers, "second": costs})
    pinned = Request(pins={"second": plan.assignment["second"][0]})
    strict = find_plan(chain(), told, source="chain", request=pinned)
    found = explain_layer(situate(chain(), strict, told), "second", time_limit=10)
    assert found.rejections == (rejection,)
    ((device, _),) = found.excluded
    assert device != plan.assignment["second"][0]
    text = lines(layer_text(strict.objective, found))
    assert "not offered: b XYZ 2t: differs from the reference" in text
    assert any(line.startswith(f"excluded by the request: {device}") for line in text)


def test_a_plan_says_why_it_switches(profile, plan):
    found = explain_plan(situate(chain(), plan, profile), time_limit=10)
    assert found.value == found.stated == plan.predicted_ns
    there, back = found.switches
    assert there.layers == ("dense",)
    assert (there.device, there.instead) == ("a", "b")
    assert there.computing == 4900
    # Two transfers and two launches between the devices, which staying would save.
    assert there.overhead == 2 * 10 + 2 * 100
    assert there.stay.difference == 4900 - 220
    assert back.device == "b"
    (text,) = [line for line in lines(overview_text(found)) if "dense on a rather" in line]
    assert text == (
        "dense on a rather than on b: computing saves 4.90 µs, switching costs 220 ns: "
        "4.68 µs gained"
    )


def test_what_is_told_adds_up(profile, plan):
    found = explain_plan(situate(chain(), plan, profile), time_limit=10)
    assert sum(found.parts.values()) == found.value
    assert found.parts[TASKS] == 5 * 500 + 100
    assert sum(step.end - step.start for step in found.path) == found.value
    assert {place.layer.name for place in found.places} == set(plan.assignment)
    for place in found.places:
        (other,) = place.elsewhere
        assert other.change.difference >= 0
        assert other.change.proven
    margins = {(one.what, one.name): one for one in found.worths.margins}
    assert margins["device", "b"].gain == 5 * (500 - round(500 / 1.1))
    assert found.worths.binding == ()
    assert found.worths.best.value == found.worths.best.bound == found.value


def test_pins_bind(profile, plan):
    strict = find_plan(chain(), profile, source="chain", request=Request(pins={"dense": "b"}))
    found = explain_plan(situate(chain(), strict, profile), time_limit=10)
    (pin,) = found.worths.binding
    assert (pin.what, pin.name) == ("pin", "dense=b")
    assert pin.gain == strict.predicted_ns - plan.predicted_ns == 4680
    assert pin.proven
    assert "binds: pin dense=b; without it 4.68 µs less" in lines(overview_text(found))


def test_other_costs_are_told(profile, plan):
    slower = with_times(profile, "first", {"b": 600})
    found = explain_plan(situate(chain(), plan, slower), time_limit=10)
    assert found.value == found.stated + 100
    assert lines(overview_text(found))[0].startswith("these are not the costs that the plan was")


def test_a_plan_that_is_not_the_best_with_these_costs_is_told(profile, plan):
    slower = with_times(profile, "dense", {"a": 9000})
    found = explain_plan(situate(chain(), plan, slower), time_limit=10)
    assert found.worths.best.value < found.value
    assert any("another plan is better by" in line for line in lines(overview_text(found)))


def test_a_profile_without_a_placement_of_the_plan_is_refused(profile, plan):
    costs = profile.layers["dense"]
    left = [cost for cost in costs.placements if cost.device != "a"]
    poor = attrs.evolve(
        profile, layers={**profile.layers, "dense": attrs.evolve(costs, placements=left)}
    )
    with pytest.raises(PlanError, match=r"no layer 'dense' on a .*--profile FILE"):
        situate(chain(), plan, poor)


@pytest.fixture
def files(tmp_path, net, two_references):
    """A plan file with its network beside it, and its profile."""
    network = lower(open_network(str(net)))
    costs = with_times(made_up_profile(two_references, network), "dense", {"a": 100, "b": 5000})
    save_plan(find_plan(network, costs, source=str(net)), tmp_path / "plan.json")
    save_profile(costs, tmp_path / "profile.json")
    return tmp_path / "plan.json", tmp_path / "profile.json"


def test_explain_on_the_command_line(bnnplan, files):
    plan_file, costs = files
    code, out, err = bnnplan("explain", plan_file, "--profile", costs)
    assert (code, err) == (0, "")
    assert "critical path" in out
    assert "dense" in out
    code, out, _ = bnnplan("explain", plan_file, "dense", "--profile", costs, "--json")
    document = json.loads(out)
    assert document["schema"] == "bnnplan.explanation"
    assert [row["device"] for row in document["alternatives"]] == ["a", "b"]
    worse = document["alternatives"][1]["anew"]
    assert worse["difference"] == sum(worse["parts"].values()) > 0


def test_explain_takes_the_costs_that_the_plan_was_made_with(bnnplan, files, net):
    """They are kept beside the profile of the board, in which all is twice as slow."""
    plan_file, costs = files
    network, own = lower(open_network(str(net))), load_profile(costs)
    slower = own
    for layer in own.layers:
        slower = with_times(slower, layer, {"a": 2000, "b": 1000})
    keep_profile(network, slower)

    def values(*options):
        code, out, _ = bnnplan("explain", plan_file, "dense", "--json", *options)
        assert code == 0
        return json.loads(out)["value"], json.loads(out)["stated"]

    value, stated = values()
    assert value != stated
    keep_costs(network, own)
    assert values() == (stated, stated)
    save_profile(slower, costs)
    assert values("--profile", costs) == (value, stated)


def test_explain_of_a_plan_that_has_run_has_its_costs(bnnplan, net, tmp_path, monkeypatch):
    """On the board every layer takes a second, which no profile says."""
    monkeypatch.setattr(latency_trial, "measure", board_where({"reference0": 10**9}))
    monkeypatch.setattr(solve_trial, "TrialOptions", partial(TrialOptions, seconds=0.0))
    file = tmp_path / "plan.json"
    alone = ("--devices", "reference0", "--budget", "0.5")
    code, _, err = bnnplan("solve", net, *alone, "-o", file)
    assert (code, err) == (0, "")
    plan = load_plan(file)
    assert (plan.agreement.rounds, plan.agreement.agreed) == (2, True)
    code, out, _ = bnnplan("explain", file)
    assert code == 0
    assert "not the costs" not in out
    (costs,) = (tmp_path / "cache" / "costs").iterdir()
    costs.unlink()
    code, out, _ = bnnplan("explain", file)
    assert code == 0
    assert "these are not the costs that the plan was made with" in out


def test_explain_of_an_unknown_layer_names_those_alike(bnnplan, files):
    plan_file, costs = files
    code, out, err = bnnplan("explain", plan_file, "dens", "--profile", costs)
    assert (code, out) == (2, "")
    assert err == "bnnplan: there is no layer 'dens'; did you mean 'dense'?\n"
