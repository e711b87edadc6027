"""Files of the flexible job shop and of assembly lines, and the program that converts them."""

import itertools
import json
import subprocess
import sys

import pytest
from bench_path import CONVERT, on_path

from bnnplan.models.errors import FileError
from bnnplan.planner.problem import Measure
from bnnplan.planner.problem_format import problem_from_dict
from bnnplan.planner.solvers import Status, solve

on_path(CONVERT)

import fjsp  # noqa: E402
import salbp  # noqa: E402

JACKSON_TIMES = (6, 2, 5, 7, 1, 2, 3, 6, 5, 5, 4)
JACKSON_BEFORE = (
    (1, 2), (1, 3), (1, 4), (1, 5), (2, 6), (3, 7), (4, 7), (5, 7), (6, 8), (7, 9), (8, 10),
    (9, 11), (10, 11),
)  # fmt: skip
"""J. R. Jackson, "A computing procedure for a line balancing problem", 1956."""
JACKSON_STATIONS = {7: 8, 9: 6, 10: 5, 13: 4, 14: 4, 21: 3}
"""By cycle time, the least number of stations (A. Scholl's tables)."""
SHOP = """2 3 1.5
2  1 1 4  2 2 3 3 1
1  2 1 2 3 9
"""


def jackson(tmp_path, ending="\n-1,-1\n"):
    path = tmp_path / "JACKSON.IN2"
    pairs = "\n".join(f"{a},{b}" for a, b in JACKSON_BEFORE)
    path.write_text("11\n" + "\n".join(map(str, JACKSON_TIMES)) + "\n" + pairs + ending)
    return path


def least_cycle_time(stations):
    """Over all orders of stations: fill each with a set that nobody outside comes before."""
    before = {task: {a for a, b in JACKSON_BEFORE if b == task} for task in range(1, 12)}
    ideals = [
        frozenset(some)
        for size in range(12)
        for some in itertools.combinations(range(1, 12), size)
        if all(before[task] <= set(some) for task in some)
    ]
    time = {ideal: sum(JACKSON_TIMES[task - 1] for task in ideal) for ideal in ideals}
    best = {ideal: time[ideal] for ideal in ideals}
    for _ in range(stations - 1):
        best = {
            ideal: min(
                max(best[part], time[ideal] - time[part]) for part in ideals if part <= ideal
            )
            for ideal in ideals
        }
    return best[frozenset(range(1, 12))]


def test_an_assembly_line_of_either_format_is_the_same(tmp_path):
    line = salbp.read(jackson(tmp_path))
    assert line.times == dict(enumerate(JACKSON_TIMES, 1))
    assert line.before == JACKSON_BEFORE
    assert salbp.read(jackson(tmp_path, ending="")) == line
    path = tmp_path / "jackson.alb"
    times = "\n".join(f"{task} {time}" for task, time in line.times.items())
    pairs = "\n".join(f"{a},{b}" for a, b in JACKSON_BEFORE)
    path.write_text(
        "<number of tasks>\n11\n\n<cycle time>\n10\n\n<order strength>\n0,58\n\n"
        f"<task times>\n{times}\n\n<precedence relations>\n{pairs}\n\n<end>\n"
    )
    assert salbp.read(path) == line


@pytest.mark.parametrize("stations", [2, 3, 4, 5])
def test_assembly_lines_are_balanced(tmp_path, stations):
    made = salbp.problem("jackson", salbp.read(jackson(tmp_path)), stations, ns_per_unit=10)
    assert made.objectives == (Measure.PERIOD,)
    result = solve(made)
    assert result.status is Status.OPTIMAL
    assert result.objective == 10 * least_cycle_time(stations)
    for cycle_time, least in JACKSON_STATIONS.items():
        assert (result.objective <= 10 * cycle_time) == (least <= stations)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", ": is empty"),
        ("x\n", ", line 1: must hold a whole number, not 'x'"),
        ("2\n5\n", ": 1 task times, but there are 2 tasks"),
        ("2\n5\n-1\n", ", line 3: must hold a whole number, not '-1'"),
        ("2\n5\n6\n1,3\n", ", line 4: there is no task 3"),
        ("2\n5\n6\n\n1\n", ", line 5: must hold 2 whole numbers, not '1'"),
        ("<number of tasks>\n1\n", ": no section <task times>"),
        ("<end>\n<end>\n", ", line 2: a second section <end>"),
    ],
)
def test_what_is_wrong_with_an_assembly_line_is_one_line(tmp_path, text, message):
    path = tmp_path / "bad.IN2"
    path.write_text(text)
    with pytest.raises(FileError) as caught:
        salbp.read(path)
    assert str(caught.value) == f"{path}{message}"


def test_a_flexible_job_shop_is_a_schedule(tmp_path):
    path = tmp_path / "shop.fjs"
    path.write_text(SHOP)
    jobs = fjsp.read(path)
    assert jobs == [[{1: 4}, {2: 3, 3: 1}], [{1: 2, 3: 9}]]
    made = fjsp.problem("shop", jobs, ns_per_unit=100)
    result = solve(made)
    assert result.status is Status.OPTIMAL
    # Machine 1 does the first job's operation and the second job, in whatever order: 4 + 2.
    assert result.objective == 600
    path.write_text("1 1\n1 1 0 5\n")
    assert fjsp.read(path, first_machine=0) == [[{0: 5}]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\n", ": is empty"),
        ("2\n", ", line 1: must hold the numbers of jobs and of machines"),
        ("a b\n", ", line 1: 'a' is no whole number of at least 0"),
        ("2 1\n1 1 1 5\n", ": 1 lines of jobs follow, but line 1 says 2"),
        ("1 2\n\n1 1 3 5\n", ", line 3: operation 1: machine 3, but machines are 1 to 2"),
        ("1 2\n1 2 1 5 1 6\n", ", line 2: operation 1: machine 1 twice"),
        ("1 2\n1 0\n", ", line 2: operation 1: no machine can do it"),
        ("1 2\n2 1 1 5 1 2\n", ", line 2: ends within operation 2"),
        ("1 2\n1 1 1 5 7\n", ", line 2: 1 numbers too many"),
        ("1 2\n1 1 1 -5\n", ", line 2: '-5' is no whole number of at least 0"),
    ],
)
def test_what_is_wrong_with_a_job_shop_is_one_line(tmp_path, text, message):
    path = tmp_path / "bad.fjs"
    path.write_text(text)
    with pytest.raises(FileError) as caught:
        fjsp.read(path)
    assert str(caught.value).startswith(f"{path}{message}")
    assert "\n" not in str(caught.value)


def convert(*words):
    command = [sys.executable, CONVERT / "convert.py", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_program_writes_a_problem(tmp_path):
    output = tmp_path / "problem.json"
    ran = convert("salbp", jackson(tmp_path), "--stations", 3, "-o", output)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout == (
        f"{output}: 11 tasks, 3 devices; solve it with: bnnplan solve --problem {output}\n"
    )
    made = problem_from_dict(json.loads(output.read_text()))
    assert made == salbp.problem("JACKSON", salbp.read(jackson(tmp_path)), 3)


def test_the_program_says_what_is_wrong_in_one_line(tmp_path):
    output = tmp_path / "problem.json"
    ran = convert("fjsp", tmp_path / "none.fjs", "-o", output)
    assert ran.returncode == 1
    assert ran.stderr == f"error: cannot read {tmp_path / 'none.fjs'}: No such file or directory\n"
    assert not output.exists()
    assert convert("salbp", jackson(tmp_path), "-o", output).returncode == 2
