"""Plan and profile files: what older versions wrote is read, and means the same."""

import json
from pathlib import Path

import attrs
import pytest
from networks import chain

from bnnplan.models.errors import FileError
from bnnplan.planner.plan import Predicted
from bnnplan.planner.plan_file import load_plan, save_plan
from bnnplan.planner.planning import find_plan
from bnnplan.planner.problem import Limit, Measure
from bnnplan.planner.profile import load_profile, save_profile
from bnnplan.planner.request import Request
from bnnplan.planner.solvers.base import Proven

FILES = Path(__file__).parents[1] / "data" / "files"
"""Written by the last bnnplan that had the version; never to be written again."""


@pytest.fixture
def version_1(tmp_path):
    """A file as the first version had it: without memory and ceilings."""

    def rewrite(name):
        content = json.loads((FILES / name).read_text())
        for device in content["board"]["devices"]:
            del device["ceilings"]
        content.pop("memory", None)
        path = tmp_path / name
        path.write_text(json.dumps({**content, "version": 1}))
        return path

    return rewrite


def test_a_plan_of_version_2_is_one_of_least_latency():
    plan = load_plan(FILES / "plan-2.json")
    assert plan.request == Request()
    assert plan.predicted == Predicted(459_998, 459_998, memory_bytes=16_128)
    assert plan.proof.objectives == (Proven(Measure.LATENCY, 459_998, 459_998),)
    assert (plan.proof.status, plan.proof.method) == ("optimal", "dynamic-programming")
    assert {b.name: b.predicted_ns for b in plan.baselines} == {
        "best single device": 459_998,
        "per-layer greedy (HEP-BNN)": 460_777,
        "all on a": 463_596,
        "all on b": 459_998,
    }
    assert {(row.device, row.stage) for row in plan.layers} == {("b", None)}
    assert plan.measured.end_to_end.median == 468_329
    assert plan.batches == ()


def test_a_plan_of_version_1_says_less(version_1):
    plan = load_plan(version_1("plan-2.json"))
    newer = load_plan(FILES / "plan-2.json")
    predicted = attrs.evolve(newer.predicted, memory_bytes=None)
    assert plan == attrs.evolve(newer, memory=(), predicted=predicted)


def test_a_plan_of_version_2_that_says_too_little_is_refused(tmp_path):
    content = json.loads((FILES / "plan-2.json").read_text())
    del content["proof"]
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(content))
    with pytest.raises(FileError, match=r"plan\.json: cannot convert from version 2: .*proof"):
        load_plan(path)


@pytest.mark.parametrize("name", ["plan-2.json", "profile-2.json"])
def test_what_was_read_is_written_as_the_newest_version(name, tmp_path):
    load, save = {"plan": (load_plan, save_plan), "profile": (load_profile, save_profile)}[
        name.partition("-")[0]
    ]
    old = load(FILES / name)
    save(old, tmp_path / name)
    assert json.loads((tmp_path / name).read_text())["version"] == 4
    assert load(tmp_path / name) == old


def test_a_profile_of_version_1_or_2_is_planned_with(version_1):
    new = load_profile(FILES / "profile-2.json")
    assert load_profile(version_1("profile-2.json")) == new
    plan = find_plan(chain(), new, source="chain")
    assert plan.predicted_ns <= plan.baseline("all on a").predicted_ns


def test_a_plan_keeps_its_request(tmp_path):
    request = Request(
        memory={"host": 10**9},
        pins={"first": "a"},
        forbidden=[("second", "b")],
        confidence=0.9,
    )
    profile = load_profile(FILES / "profile-2.json")
    plan = find_plan(chain(), profile, request=request, source="chain")
    save_plan(plan, tmp_path / "plan.json")
    again = load_plan(tmp_path / "plan.json")
    assert again == plan
    assert again.request == request
    assert find_plan(chain(), profile, request=again.request, source="chain").layers == plan.layers


def test_every_field_of_a_request_is_kept(tmp_path):
    request = Request(
        objectives=[Measure.MEMORY, Measure.LATENCY],
        limits=[Limit(Measure.LATENCY, 10**9), Limit(Measure.ENERGY, 5)],
        colocated=[("pool", "flat")],
        switches=3,
        contiguous=True,
    )
    plan = attrs.evolve(load_plan(FILES / "plan-2.json"), request=request)
    save_plan(plan, tmp_path / "plan.json")
    assert load_plan(tmp_path / "plan.json").request == request


def test_a_request_that_contradicts_itself_is_refused_where_it_stands(tmp_path):
    plan = load_plan(FILES / "plan-2.json")
    save_plan(plan, tmp_path / "plan.json")
    content = json.loads((tmp_path / "plan.json").read_text())
    content["request"]["confidence"] = 1.5
    (tmp_path / "plan.json").write_text(json.dumps(content))
    with pytest.raises(FileError, match=r"field request: the confidence must be above 0"):
        load_plan(tmp_path / "plan.json")
