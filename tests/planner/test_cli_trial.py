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


@pytest.mark.parametrize("options", [("--no-run",), ("--dry-run",)])
def test_candidates_that_are_not_measured_are_a_misuse(bnnplan, net, options):
    code, out, err = bnnplan("solve", net, *ALONE, *options, "--candidates", "2")
    assert (code, out) == (2, "")
    assert "--candidates measures plans on the board: leave out" in err


def test_candidates_of_another_objective_are_a_misuse(bnnplan, net):
    code, _, err = bnnplan("solve", net, *ALONE, "--objective", "memory", "--candidates", "2")
    assert code == 2
    assert "--candidates compares latencies" in err
