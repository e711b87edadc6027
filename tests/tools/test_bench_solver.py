"""The benchmark of the planner: its cases, what they say of themselves, and its pictures."""

import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree

import pytest
from bench_path import BENCH, on_path

from bnnplan.planner.problem import Measure
from bnnplan.planner.solvers import Status, solve

on_path()

from branches import concurrent, parallel  # noqa: E402
from cases import Aim, one, worst  # noqa: E402
from curves import Curve, Panel, Point, drawn  # noqa: E402
from outcomes import Outcome, line, markdown, results  # noqa: E402


def called(*options, **kept):
    command = [sys.executable, BENCH / "solver.py", *options]
    return subprocess.run(command, capture_output=True, text=True, check=False, **kept)


def test_cases_of_two_suites_are_run_and_written(tmp_path):
    file = tmp_path / "results.json"
    ran = called("--quick", "--json", file, "--only", "mk01", "chains")
    assert ran.returncode == 0, ran.stderr
    first, second = ran.stdout.splitlines()[2:]
    # In little time, on a busy machine, the plan need not be the best one.
    assert re.match(r"flexible job shop mk01 +[\d.]+ +40\.000 +[\d.]+ +[\d.]+% ", first)
    assert " proven optimal within 60 s, equal to the best known value; " in first
    assert " FAIL " not in first
    assert second.startswith("chains of 1000 layers × 64 placements")
    document = json.loads(file.read_text())
    assert (document["schema"], document["version"]) == ("bnnplan.bench", 1)
    rows = {row["name"]: row for row in document["results"]}
    made = rows["flexible job shop mk01"]
    assert made["ratio"] == made["peer_value"] / made["ours"] == 40.0 / made["ours"] <= 1.0
    assert rows["flexible job shop mk01: time"]["peer_value"] == 60.0
    assert rows["flexible job shop mk01: peak memory"]["ours"] > 10


def test_names_are_listed_and_unknown_ones_refused():
    listed = called("--list").stdout
    for suite in ("dnn-throughput", "dnn-latency", "hep-bnn", "offsets", "chain", "memory"):
        assert re.search(f"^{suite} ", listed, re.MULTILINE)
    ran = called("--only", "nosuch")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert re.fullmatch(r"--only nosuch: no such name; there are .+\n", ran.stderr)


def test_data_that_are_not_there_are_told(tmp_path):
    ran = called("--quick", "--only", "gnmt", env={**os.environ, "BNNPLAN_DATA": str(tmp_path)})
    assert ran.returncode == 0
    assert "not run: cannot read" in ran.stdout
    assert ran.stdout.rstrip().endswith("set BNNPLAN_DATA")


def test_an_outcome_is_a_line_and_results():
    outcome = Outcome(
        "some", "gap ≤ 10% within 2 s", 8.0, 6.0, "ms", 0.5, False, 4.0, "others", 2.0, "why", 70.0
    )
    assert outcome.gap == 0.25
    assert re.split(" +", line(outcome)) == re.split(
        " +", "some 8.000 ms 4.000 6.000 25.00% 0.500 70 FAIL gap ≤ 10% within 2 s; why"
    )
    assert markdown(outcome) == (
        "| some | 8.000 ms | 4.000 | 6.000 | 25.00% | 500 ms | 70 MiB | gap ≤ 10% within 2 s | "
        "**not reached** |"
    )
    found = {row.name: row for row in results(outcome)}
    assert found["some"].ratio == 0.5
    assert found["some: bound"].ours == 6.0
    assert found["some: time"].ratio == 4.0
    assert found["some: reached"].ours == 0.0
    assert not list(results(Outcome("none", "", note="not run")))


def test_the_worst_outcome_stands_for_all():
    good = Outcome("a", "", 4.0, 4.0, passed=True, seconds=9.0)
    slow = Outcome("b", "", 4.0, 3.9, passed=True, seconds=1.0)
    bad = Outcome("c", "", 4.0, 4.0, passed=False, seconds=1.0)
    nothing = Outcome("d", "", passed=False)
    for outcomes, expected in (
        ([good, slow], slow),
        ([good, bad], bad),
        ([bad, nothing, slow], nothing),
    ):
        found = worst("all", outcomes)
        assert found.name == "all"
        assert (found.value, found.bound, found.seconds) == (
            expected.value,
            expected.bound,
            expected.seconds,
        )


def test_an_aim_is_reached_only_in_time_and_with_the_proof():
    aim = Aim(2.0, gap=0.1)
    assert aim.reached(Outcome("a", "", 10.0, 9.0, seconds=2.0))
    assert not aim.reached(Outcome("a", "", 10.0, 8.9, seconds=2.0))
    assert not aim.reached(Outcome("a", "", 10.0, 10.0, seconds=2.1))
    assert not aim.reached(Outcome("a", "", 10.0, None, seconds=1.0))


def test_one_problem_is_solved_and_judged():
    made = concurrent(parallel(2, 2), 2, 0)
    outcome, result = one("small", made, Aim(20.0), quick=False)
    assert result.status is Status.OPTIMAL
    assert outcome.passed
    assert outcome.value == result.objective / 1e6


@pytest.mark.parametrize("objective", [Measure.LATENCY, Measure.PERIOD])
def test_generated_problems_are_what_they_are_said_to_be(objective):
    reads = parallel(3, 4)
    assert len(reads) == 14
    assert reads[-1] == [4, 8, 12]
    made = concurrent(reads, 4, 1, objective=objective, contiguous=True)
    assert made == concurrent(reads, 4, 1, objective=objective, contiguous=True)
    assert made != concurrent(reads, 4, 2, objective=objective, contiguous=True)
    assert len(made.tasks[0].options) == 8
    assert solve(made, "single-device").solution is not None


def test_pictures_show_every_point():
    curve = Curve("a & b", (Point(10, 0.01, 0.0), Point(100, 2.0, 0.5), Point(1000, 9.0, None)))
    picture = drawn([Panel("layers", (curve,))], "seconds until proven", 10.0)
    tree = xml.etree.ElementTree.fromstring(picture)
    fills = [
        circle.get("fill")
        for group in tree.iter("{http://www.w3.org/2000/svg}g")
        for circle in group.iter("{http://www.w3.org/2000/svg}circle")
    ]
    assert fills == ["#1b6ca8", "white", "white"]
    texts = [text.text for text in tree.iter("{http://www.w3.org/2000/svg}text")]
    assert {"10", "100", "1000", "layers", "a & b", "10 s"} <= set(texts)
