"""Candidates and tolerance on the command line."""

import json

import pytest

ALONE = ("--devices", "reference0", "--budget", "0.5")


def test_candidates_are_measured_and_kept_in_the_plan(bnnplan, net, tmp_path):
    file = tmp_path / "plan.json"
    code, out, err = bnnplan(
        "solve", net, *ALONE, "--candidates", "2", "--tolerance", 1, "-o", file
    )
    assert (code, err) == (0, "")
    assert "predicted and measured latency agree within" in out
    assert "(tolerance 100 %)" in out
    assert "candidate 1 (the plan)" in out
    plan = json.loads(file.read_text())
    assert plan["agreement"]["agreed"] is True
    assert plan["agreement"]["tolerance"] == 1.0
    assert [row["name"] for row in plan["candidates"]["rows"]] == ["candidate 1"]


@pytest.mark.parametrize("asked", [("--candidates", "2"), ("--tolerance", "0.05")])
@pytest.mark.parametrize("options", [("--no-run",), ("--dry-run",), ("--pareto", "latency,memory")])
def test_what_nothing_is_run_for_is_a_misuse(bnnplan, net, options, asked):
    code, out, err = bnnplan("solve", net, *ALONE, *options, *asked)
    assert (code, out) == (2, "")
    assert f"{asked[0]} measures plans on the board: leave out" in err


def test_a_tolerance_is_of_no_use_with_a_profile(bnnplan, net, tmp_path):
    file = tmp_path / "profile.json"
    assert bnnplan("profile", net, *ALONE, "-o", file)[0] == 0
    code, out, err = bnnplan("solve", net, "--profile", file, "--tolerance", "0.05")
    assert (code, out) == (2, "")
    assert "--tolerance measures plans on the board: leave out --profile" in err


def test_candidates_of_another_objective_are_a_misuse(bnnplan, net):
    code, _, err = bnnplan("solve", net, *ALONE, "--objective", "memory", "--candidates", "2")
    assert code == 2
    assert "--candidates compares latencies" in err
