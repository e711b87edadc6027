"""``bnnplan solve --problem``: a problem from a file."""

import json

import pytest

from bnnplan.planner.problem import (
    Device,
    Edge,
    Limit,
    Measure,
    Option,
    Port,
    Problem,
    Space,
    Task,
    Tensor,
    TensorSize,
    Transfer,
)
from bnnplan.planner.problem_format import problem_to_dict


def problem(**changes):
    """Two tasks on two devices: the quick one draws more; a transfer between takes 5 ns."""

    def options(inputs, outputs):
        return tuple(
            Option(f"on {d}", d, time, (d,) * inputs, (d,) * outputs, d, 10, 0, "", energy)
            for d, time, energy in (("quick", 20, 9), ("lean", 30, 4))
        )

    fields = {
        "name": "two",
        "tasks": (Task("make", options(0, 1)), Task("use", options(1, 0))),
        "tensors": (
            Tensor(
                "x",
                "make",
                0,
                (TensorSize("quick", 8), TensorSize("lean", 8)),
                (Transfer("quick", "lean", 5), Transfer("lean", "quick", 5)),
            ),
        ),
        "edges": (Edge("x", "use"),),
        "devices": (Device("quick", frozenset("q")), Device("lean", frozenset("l"))),
        "spaces": (Space("quick"), Space("lean")),
        "ports": (Port("quick", "quick"), Port("lean", "lean")),
    }
    return Problem(**{**fields, **changes})


@pytest.fixture
def solve(bnnplan, tmp_path):
    path = tmp_path / "problem.json"

    def run(what, *arguments):
        path.write_text(json.dumps(what if isinstance(what, dict) else problem_to_dict(what)))
        return bnnplan("solve", "--problem", path, *arguments)

    return run


def solved(solve, what, *arguments):
    code, out, err = solve(what, *arguments, "--json")
    assert code == 0, err
    return json.loads(out)


def test_status_measures_and_choice_are_printed(solve, tmp_path):
    file = tmp_path / "solution.json"
    code, out, err = solve(problem(), "-o", file)
    assert code == 0, err
    assert "optimal: latency 40 ns, bound 40 ns, gap 0 %" in out
    assert "0 transfers; latency 40 ns, energy 18 nJ, memory 28 B" in out
    assert f"solution written to {file}" in out
    document = json.loads(file.read_text())
    assert (document["schema"], document["version"]) == ("bnnplan.solution", 1)
    assert document["measures"] == {"latency": 40, "energy": 18, "memory": 28}
    assert document["objectives"] == [{"measure": "latency", "value": 40, "bound": 40}]
    assert [task["option"] for task in document["tasks"]] == ["on quick", "on quick"]
    assert document == {**solved(solve, problem()), "seconds": document["seconds"]}


def test_a_pipeline_has_stages(solve):
    document = solved(solve, problem(objectives=(Measure.PERIOD, Measure.ENERGY)))
    assert document["measures"]["period"] == document["period"] == 30
    assert document["measures"]["energy"] == 13
    assert [one["measure"] for one in document["objectives"]] == ["period", "energy"]
    assert {task["device"] for task in document["tasks"]} == {"quick", "lean"}
    assert max(task["stage"] for task in document["tasks"]) >= 1
    assert "stage" in solve(problem(objectives=(Measure.PERIOD,)))[1]


@pytest.mark.parametrize("method", ["exhaustive", "cpsat", "list-scheduling"])
def test_any_method_solves_it(solve, method):
    document = solved(solve, problem(), "--method", method, "--workers", "1")
    assert document["measures"]["latency"] == 40
    assert document["method"] == method


def test_infeasible_says_why(solve):
    code, _, err = solve(problem(limits=(Limit(Measure.LATENCY, 39),)))
    assert code == 3
    assert err.startswith("bnnplan: problem 'two' has no solution: ")
    assert err.count("\n") == 1


def test_its_front_and_size_can_be_asked_for(solve, tmp_path):
    file = tmp_path / "front.json"
    code, out, err = solve(problem(), "--pareto", "latency,energy", "-o", file)
    assert code == 0, err
    front = json.loads(file.read_text())
    assert [point["values"] for point in front["points"]] == [[40, 18], [55, 13], [60, 8]]
    assert front["points"][2]["options"] == {"make": "on lean", "use": "on lean"}
    assert "front of latency and energy, exact: 3 points, proven" in out
    size = solved(solve, problem(), "--dry-run")
    assert (size["tasks"], size["options"], size["pairs"], size["problems"]) == (2, 4, 4, 1)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"schema": "bnnplan.plan"}, "field schema: must be 'bnnplan.problem'"),
        ({"version": 99}, "newer bnnplan"),
        ({"colour": 1}, "unknown field 'colour'"),
        ({"tasks": []}, "problem has no tasks"),
        ({"objectives": ["speed"]}, "must be one of 'latency', 'period'"),
    ],
)
def test_a_file_that_is_no_problem_is_refused(solve, change, words):
    code, out, err = solve({**problem_to_dict(problem()), **change})
    assert code == 1
    assert "problem.json" in err
    assert words in err
    assert err.count("\n") == 1
    assert out == ""


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--pin", "make=quick"), "--pin"),
        (("--objective", "energy", "--deadline", "1ms"), "--objective, --deadline"),
        (("--batch", "2"), "--batch"),
        (("--devices", "cpu0", "--fresh"), "--devices, --fresh"),
    ],
)
def test_what_a_problem_states_itself_is_refused(solve, arguments, named):
    code, _, err = solve(problem(), *arguments)
    assert code == 2
    assert f"--problem states all that is to be solved: leave out {named}" in err
