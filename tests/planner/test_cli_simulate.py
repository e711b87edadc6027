"""``bnnplan simulate``: what it prints, writes and refuses."""

import json

import attrs
import pytest
from made_up import made_up_profile
from networks import chain

from bnnplan.models.load import open_network
from bnnplan.models.lowering import lower
from bnnplan.models.network_file import save_network
from bnnplan.planner.plan_file import save_plan
from bnnplan.planner.planning import find_plan
from bnnplan.planner.problem import Measure
from bnnplan.planner.profile import Origin, Time, load_profile, save_profile
from bnnplan.planner.request import Request


@pytest.fixture(scope="module")
def folder(two_references, tmp_path_factory):
    """A network, its profile with spread, and a plan of it as a pipeline of both devices."""
    path = tmp_path_factory.mktemp("simulated")
    save_network(chain(), path / "chain.bnn")
    network = lower(open_network(str(path / "chain.bnn")))
    time = Time(100_000, 98_000, 103_000, 120_000, 100)
    profile = made_up_profile(two_references, network)
    profile = with_costs(profile, time, Origin.MEASURED)
    first, *_, last = (node.name for node in network.nodes)
    request = Request(objectives=[Measure.PERIOD], pins={first: "b", last: "a"})
    plan = find_plan(network, profile, request=request, source=str(path / "chain.bnn"))
    save_plan(plan, path / "plan.json")
    save_profile(profile, path / "profile.json")
    guessed = with_costs(profile, attrs.evolve(time, runs=0), Origin.MODELLED)
    save_profile(guessed, path / "modelled.json")
    return path


def with_costs(profile, time, origin):
    layers = {
        name: attrs.evolve(
            costs,
            placements=[attrs.evolve(c, time=time, origin=origin) for c in costs.placements],
        )
        for name, costs in profile.layers.items()
    }
    return attrs.evolve(profile, layers=layers)


def test_it_tells_rate_latency_and_what_limits_them(bnnplan, folder):
    code, out, err = bnnplan("simulate", folder / "plan.json", "--jitter", "none")
    assert code == 0, err
    assert "10,000 batches of 1 image" in out
    assert "as the plan predicts" in out
    assert "latency of a batch from its begin: p50" in out
    assert ", busy 100 % of the time" in out
    assert "tensor between stages" in out
    again = bnnplan("simulate", folder / "plan.json", "--jitter", "none")
    assert again[1] == out


def test_what_is_not_known_is_told(bnnplan, folder):
    _, out, _ = bnnplan("simulate", folder / "plan.json", "--frames", "500")
    assert "durations: as the plan states them; jitter: none: no spread was measured" in out
    profile = ("--profile", folder / "profile.json")
    _, out, _ = bnnplan("simulate", folder / "plan.json", "--frames", "500", *profile)
    assert "durations: of the profile; jitter: of each layer" in out
    profile = ("--profile", folder / "modelled.json")
    _, out, _ = bnnplan("simulate", folder / "plan.json", "--frames", "500", *profile)
    assert "layers are not measured: between" in out
    assert "durations: of the profile, modelled for " in out


def test_layers_of_uncertain_cost_are_counted_once(bnnplan, folder):
    profile = ("--profile", folder / "modelled.json")
    _, out, _ = bnnplan("simulate", folder / "plan.json", "--frames", "500", *profile)
    count = len(json.loads((folder / "plan.json").read_text())["layers"])
    assert f"modelled for {count} of {count} layers" in out
    assert f"the costs of {count} layers are not measured" in out


def test_plans_that_run_batch_by_batch_have_no_bottleneck_either(bnnplan, folder, tmp_path):
    network = lower(open_network(str(folder / "chain.bnn")))
    plan = find_plan(
        network, load_profile(folder / "profile.json"), source=str(folder / "chain.bnn")
    )
    save_plan(plan, tmp_path / "alone.json")
    _, out, _ = bnnplan("simulate", tmp_path / "alone.json", "--frames", "500", "--rate", "100")
    assert "one after the other" in out
    assert "no bottleneck: images arrive more slowly; busiest is stage" in out
    _, out, _ = bnnplan("simulate", tmp_path / "alone.json", "--frames", "500", "--rate", "1e6")
    assert "no bottleneck: images arrive" not in out
    assert "bottleneck: " in out
    assert "more than are computed" in out


def test_arrivals_are_waited_for(bnnplan, folder):
    plan = folder / "plan.json"
    _, out, _ = bnnplan("simulate", plan, "--frames", "500", "--rate", "100")
    assert "from when its last image arrives" in out
    assert "no bottleneck: images arrive more slowly" in out
    _, out, _ = bnnplan("simulate", plan, "--frames", "500", "--rate", "1e6", "--verbose")
    assert "more than are computed" in out
    assert "core, queue or link" in out


def test_json_has_every_figure(bnnplan, folder):
    code, out, err = bnnplan(
        "simulate", folder / "plan.json", "--frames", 400, "--jitter", "10%", "--json"
    )
    assert code == 0, err
    document = json.loads(out)
    assert (document["schema"], document["version"]) == ("bnnplan.simulation", 1)
    assert document["batches"] == 400
    assert document["latency"]["p50_ns"] <= document["latency"]["p99_ns"]
    assert {stage["devices"][0] for stage in document["stages"]} == {"a", "b"}
    assert document["interval"] is None
    assert "1.1 × the median" in document["jitter"]


def test_a_trace_is_written(bnnplan, folder, tmp_path):
    trace = tmp_path / "trace.json"
    code, out, err = bnnplan("simulate", folder / "plan.json", "--frames", 50, "--trace", trace)
    assert code == 0, err
    assert "ui.perfetto.dev" in out
    assert len(json.loads(trace.read_text())["traceEvents"]) > 50 * len(chain().nodes)


def test_misuse_is_told_in_one_line(bnnplan, folder):
    plan = folder / "plan.json"
    for arguments, code, text in (
        (("fashion",), 2, "fashion: is no plan file (.json)"),
        ((plan, "--jitter", "much"), 2, "--jitter much: must be measured, none, or a share"),
        ((plan, "--jitter", "-1"), 2, "--jitter -1: a share must be from 0 to 10 (see"),
        ((plan, "--jitter", "nan"), 2, "--jitter nan: a share must be from 0 to 10"),
        ((plan, "--rate", "0"), 2, "--rate 0: must be at least 0.001"),
        ((plan, "--rate", "inf"), 2, "--rate inf: must be at most 1e+12"),
        ((plan, "--rate", "nan"), 2, "--rate nan: must be"),
        ((plan, "--frames", "0"), 2, "--frames 0: must be at least 1"),
        ((plan, "--measured"), 1, "the plan does not state what its stages took"),
        ((plan, "--trace", plan), 2, "is read by this command, and would be overwritten"),
        ((folder / "gone.json",), 1, "gone.json"),
    ):
        found, _, err = bnnplan("simulate", *arguments)
        assert (found, err.count("\n")) == (code, 1), err
        assert text in err
