"""``bnnplan solve`` with hostile files and values: one line, an exit code, and nothing written."""

import copy
import json
import os

import pytest
from made_up import made_up_profile
from networks import chain
from solvers.small_problems import BRANCHES

from bnnplan.models.lowering import lower
from bnnplan.planner.problem_format import problem_to_dict
from bnnplan.planner.profile import save_profile

DEEP = 100_000


@pytest.fixture
def refused(bnnplan, tmp_path):
    """Solve a file of these bytes; gives the exit code and the line, less the file's name."""
    file, output = tmp_path / "problem.json", tmp_path / "solution.json"

    def run(data, *arguments):
        file.write_bytes(data if isinstance(data, bytes) else data.encode())
        before = set(os.listdir(tmp_path))
        code, out, err = bnnplan("solve", "--problem", file, "-o", output, *arguments)
        assert out == ""
        assert err.count("\n") == 1
        assert "Traceback" not in err
        assert set(os.listdir(tmp_path)) == before, "nothing is written"
        return code, err.removeprefix("bnnplan: ").removeprefix(f"{file}: ").rstrip("\n")

    return run


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("", "not valid JSON at line 1 column 1"),
        ("hello", "not valid JSON at line 1 column 1"),
        (json.dumps(problem_to_dict(BRANCHES))[:500], "not valid JSON at line 1 column"),
        (b"\xff\xfe{\0}\0", "not UTF-8 at byte 0"),
        (b"\0" * 64, "not valid JSON at line 1 column 1"),
        ("[" * DEEP, "JSON is nested too deeply"),
        ('{"a":' * DEEP + "1" + "}" * DEEP, "JSON is nested too deeply"),
        ('{"name": ' + "9" * DEEP + "}", "a number of 100000 characters is too long"),
        ('{"a": 1, "a": 1}', "field 'a' stands twice"),
        ('{"a": NaN}', "NaN is no JSON number"),
        ('{"a": -Infinity}', "-Infinity is no JSON number"),
        ('{"a": 1e999}', "number 1e999 is too large"),
        ("[]", "must hold a JSON object, not a list"),
        ("{}", "field schema: must be 'bnnplan.problem', not None"),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_what_is_no_json_object_is_refused(refused, data, words):
    code, line = refused(data)
    assert code == 1
    assert words in line
    assert len(line) < 300


def first(plain):
    return plain["tasks"][0]["options"][0]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda p: p.update(schema="bnnplan.plan"), "field schema: must be 'bnnplan.problem'"),
        (lambda p: p.update(version=99), "field version: version 99 was written by a newer"),
        (lambda p: p.update(version="1"), "field version: must be a whole number"),
        (lambda p: p.update(colour="red"), "unknown field 'colour'"),
        (lambda p: first(p).update(colour="red"), "tasks[0].options[0]: unknown field 'colour'"),
        (lambda p: p.update(tasks=[]), "problem has no tasks"),
        (lambda p: p["tasks"][0].update(options=[]), "task 'head' has no options"),
        (lambda p: first(p).update(device="tpu"), "unknown device 'tpu'; known: 'cpu', 'gpu'"),
        (lambda p: first(p).update(duration=-1), "duration must be from 0 to 9007199254740991"),
        (lambda p: first(p).update(duration=2**62), "duration must be from 0 to"),
        (lambda p: first(p).update(duration=10**400), "duration must be from 0 to"),
        (lambda p: first(p).update(duration=1.5), "duration must be a whole number, not 1.5"),
        (lambda p: first(p).update(duration=True), "duration must be a whole number, not True"),
        (lambda p: first(p).update(duration="12"), "duration must be a whole number, not '12'"),
        (lambda p: p.update(objectives=[]), "problem has no objective"),
        (lambda p: p.update(objectives=["speed"]), "objectives[0]: must be one of 'latency'"),
        (lambda p: p.update(limits=2 * [{"measure": "energy", "most": 5}]), "is used twice"),
        (lambda p: p["edges"].append(p["edges"][0]), "inputs must be numbered"),
    ],
)
def test_what_is_no_problem_is_refused_by_field_and_reason(refused, change, words):
    plain = copy.deepcopy(problem_to_dict(BRANCHES))
    change(plain)
    code, line = refused(json.dumps(plain))
    assert code == 1
    assert words in line


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ([{"measure": "latency", "most": 0}], "deadline 0 ns is below the proven minimum"),
        (
            [{"measure": "latency", "most": 260}, {"measure": "memory", "most": 1}],
            "below the proven minimum",
        ),
    ],
)
@pytest.mark.parametrize("front", [(), ("--pareto", "latency,energy")])
def test_limits_that_nothing_keeps_are_infeasible(refused, limits, words, front):
    code, line = refused(json.dumps({**problem_to_dict(BRANCHES), "limits": limits}), *front)
    assert code == 3
    assert words in line


@pytest.mark.parametrize("place", ["absent/solution.json", "."])
def test_no_place_for_the_result_is_told_before_solving(bnnplan, tmp_path, monkeypatch, place):
    file = tmp_path / "problem.json"
    file.write_text(json.dumps(problem_to_dict(BRANCHES)))
    monkeypatch.delattr("bnnplan.planner.cli.solve_problem.solve")
    code, out, err = bnnplan("solve", "--problem", file, "-o", tmp_path / place)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert err.startswith(f"bnnplan: cannot write {tmp_path / place}")


@pytest.mark.parametrize("front", [(), ("--pareto", "latency,energy")])
def test_the_problem_is_not_overwritten_by_its_solution(bnnplan, tmp_path, front):
    file, alias = tmp_path / "problem.json", tmp_path / "alias.json"
    text = json.dumps(problem_to_dict(BRANCHES))
    file.write_text(text)
    alias.symlink_to(file)
    for output in (file, alias, tmp_path / "." / "x" / ".." / "problem.json"):
        code, out, err = bnnplan("solve", "--problem", file, "-o", output, *front)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert "is read by this command, and would be overwritten" in err
        assert file.read_text() == text


def test_no_other_file_that_is_read_is_overwritten(bnnplan, net, profile_file, tmp_path):
    """Neither a network, nor a board or a profile; nor a plan by its own trace."""
    board, plan = tmp_path / "board.json", tmp_path / "plan.json"
    assert bnnplan("devices", "-o", board)[0] == 0
    assert bnnplan("solve", net, "--profile", profile_file, "-o", plan)[0] == 0
    read = {file: file.read_bytes() for file in (board, plan, net, profile_file)}
    for command in (
        ("solve", net, "--profile", profile_file, "-o", profile_file),
        ("solve", net, "--profile", profile_file, "-o", net),
        ("solve", net, "--board", board, "-o", board),
        ("profile", net, "--board", board, "-o", board),
        ("run", plan, "--trace", plan),
        ("evaluate", plan, "--data", tmp_path, "--predictions", plan),
    ):
        code, out, err = bnnplan(*command)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert "would be overwritten" in err
    assert {file: file.read_bytes() for file in read} == read


@pytest.mark.parametrize("name", ["nowhere.json", "."])
def test_no_file_to_read_is_told(bnnplan, tmp_path, name):
    code, out, err = bnnplan("solve", "--problem", tmp_path / name)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert err.startswith(f"bnnplan: cannot read {tmp_path / name}: ")


@pytest.mark.parametrize("method", ["cpsat", "highs", "gscip", "list-scheduling"])
def test_any_seed_will_do(bnnplan, tmp_path, method):
    file = tmp_path / "problem.json"
    file.write_text(json.dumps(problem_to_dict(BRANCHES)))
    search = ("--method", method, "--seed", 10**20, "--workers", 1)
    code, out, err = bnnplan("solve", "--problem", file, *search)
    assert (code, err) == (0, "")
    assert "latency " in out


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--pin", "="), 2, "--pin =: must be LAYER=DEVICE"),
        (("--pin", "nosuch=a"), 2, "there is no layer 'nosuch'"),
        (("--pin", "*=nosuch"), 2, "there is no device 'nosuch'"),
        (("--forbid", ""), 2, "--forbid '': must be LAYER=DEVICE"),
        (("--forbid", "*=a", "--forbid", "*=b"), 3, "layer 'first' is forbidden on"),
        (("--deadline", "0"), 2, "--deadline 0: must be a number with one of the units"),
        (("--deadline", "-1ms"), 2, "--deadline -1ms: must be a number"),
        (("--deadline", "nan"), 2, "--deadline nan: must be a number"),
        (("--deadline", "1e400s"), 2, "--deadline 1e400s: must be a number"),
        (("--deadline", "1ns"), 3, "deadline 1 ns is below the proven minimum"),
        (("--max-memory", "x"), 2, "--max-memory x: must be SPACE=SIZE"),
        (("--max-memory", "nosuch=1GiB"), 2, "there is no memory space 'nosuch'"),
        (("--max-memory", "far=-5"), 2, "--max-memory -5: must be a number"),
        (("--max-energy", "1nJ"), 2, "does not state the power"),
        (("--confidence", "nan"), 2, "the confidence must be above 0 and below 1"),
        (("--confidence", "2"), 2, "the confidence must be above 0 and below 1"),
        (("--batch", "0"), 2, "--batch 0: must be whole numbers from 1 to 65536"),
        (("--batch", "1,1"), 2, "--batch 1,1: names a batch twice"),
        (("--batch", "9" * 5000), 2, "must be whole numbers from 1 to 65536"),
        (("--deadline", "9" * 5000 + "ns"), 2, "must have at most 40 characters"),
        (("--batch", "9" * 30), 2, "must be whole numbers from 1 to 65536"),
        (("--pareto", "latency,latency"), 2, "latency is given twice"),
        (("--pareto", ""), 2, "a name is missing"),
        (("--pareto", "latency,memory", "--epsilon", "nan"), 2, "--epsilon nan: must be from 0"),
        (("--pareto", "latency,memory", "--epsilon", "1"), 2, "--epsilon 1: must be from 0"),
        (("--max-switches", "9" * 20), 2, "the number of switches must be from 0 to"),
        (("--time-limit", "nan"), 2, "--time-limit nan: must be at least"),
        (("--workers", "100000"), 2, "--workers 100000: must be at most 256"),
    ],
    ids=lambda value: " ".join(value)[:30] if isinstance(value, tuple) else "",
)
def test_nonsense_is_refused(bnnplan, net, profile_file, tmp_path, arguments, code, words):
    output = tmp_path / "plan.json"
    found, out, err = bnnplan("solve", net, "--profile", profile_file, "-o", output, *arguments)
    assert (found, out, err.count("\n")) == (code, "", 1)
    assert words in err
    assert not output.exists()


@pytest.fixture(scope="module")
def profile_file(two_references, tmp_path_factory):
    path = tmp_path_factory.mktemp("profile") / "profile.json"
    save_profile(made_up_profile(two_references, lower(chain())), path)
    return path
