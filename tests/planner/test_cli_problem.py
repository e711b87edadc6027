"""``bnnplan solve --problem``: a problem from a file."""

import json

import pytest
from attrs import evolve

from bnnplan.planner.problem import (
    Device,
    Edge,
    Export,
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
from bnnplan.planner.report.front_text import plan_options


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
    assert "2 on quick" in out
    assert "for a plan of a point, here the first: --objective energy --deadline 40ns, " in out
    size = solved(solve, problem(), "--dry-run")
    assert (size["tasks"], size["options"], size["pairs"], size["problems"]) == (2, 4, 4, 1)


@pytest.mark.parametrize("measures", ["latency,energy", "energy,latency", "memory,energy"])
def test_the_options_that_a_front_tells_give_its_points(solve, measures):
    _, out, _ = solve(problem(), "--pareto", measures, "-v")
    front = solved(solve, problem(), "--pareto", measures)
    told = [line.split(": ")[1].split() for line in out.splitlines() if line.startswith("point ")]
    assert len(told) == len(front["points"])
    for options, point in zip(told, front["points"], strict=True):
        found = solved(solve, problem(), *options)["measures"]
        assert [found[measure] for measure in measures.split(",")] == point["values"]
    assert "  lean: make, use\n" in out


def test_a_front_of_what_no_option_limits_names_the_nearest():
    measures = (Measure.PERIOD, Measure.MEMORY)
    assert plan_options(measures, (3, 5)) == "--objective throughput --max-memory SPACE=SIZE"
    measures = (Measure.PERIOD, Measure.LATENCY)
    assert plan_options(measures, (3, 5)) == "--objective throughput --deadline 5ns"


def test_a_front_that_is_not_proven_is_not_called_exact(solve):
    _, out, _ = solve(problem(), "--pareto", "latency,energy", "--method", "greedy")
    assert "front of latency and energy: 1 point, not proven: " in out
    assert "exact" not in out


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
        (("--batch", "2"), "--batch"),
        (("--confidence", "0.9"), "--confidence"),
        (("--power", "quick=5"), "--power"),
        (("--devices", "cpu0", "--fresh"), "--devices, --fresh"),
    ],
)
def test_what_needs_a_board_or_measured_costs_is_refused(solve, arguments, named):
    code, _, err = solve(problem(), *arguments)
    assert code == 2
    assert "--problem is solved without a network, a board and measured costs: " in err
    assert f"leave out {named} (" in err


@pytest.mark.parametrize(
    ("arguments", "latency", "energy", "devices"),
    [
        ((), 40, 18, ["quick", "quick"]),
        (("--objective", "energy"), 60, 8, ["lean", "lean"]),
        (("--objective", "energy", "--deadline", "55ns"), 55, 13, None),
        (("--objective", "memory,energy"), 60, 8, ["lean", "lean"]),
        (("--max-energy", "17nJ"), 55, 13, None),
        (("--pin", "make=lean"), 55, 13, ["lean", "quick"]),
        (("--pin", "*=lean"), 60, 8, ["lean", "lean"]),
        (("--forbid", "use=quick"), 55, 13, ["quick", "lean"]),
        (("--pin", "make=lean", "--colocate", "make,use"), 60, 8, ["lean", "lean"]),
        (("--pin", "make=lean", "--max-switches", "0"), 60, 8, ["lean", "lean"]),
        (("--max-memory", "quick=20B"), 55, 13, None),
        (("--contiguous",), 40, 18, ["quick", "quick"]),
    ],
)
def test_wishes_add_to_a_problem(solve, arguments, latency, energy, devices):
    document = solved(solve, problem(), *arguments)
    assert (document["measures"]["latency"], document["measures"]["energy"]) == (latency, energy)
    assert document["status"] == "optimal"
    if devices:
        assert [task["device"] for task in document["tasks"]] == devices


def test_wishes_replace_objectives_limits_and_switches_of_the_file(solve):
    stated = problem(objectives=(Measure.ENERGY,), limits=(Limit(Measure.LATENCY, 55),), switches=0)
    assert solved(solve, stated)["measures"]["latency"] == 40
    assert solved(solve, stated, "--max-switches", "1")["measures"]["latency"] == 55
    assert solved(solve, stated, "--deadline", "60ns")["measures"]["latency"] == 60
    assert solved(solve, stated, "--objective", "latency")["measures"]["latency"] == 40
    small = problem(spaces=(Space("quick", 20), Space("lean")))
    assert solved(solve, small, "--max-memory", "quick=1KiB")["measures"]["latency"] == 55


def test_what_is_wished_of_a_problem_is_told(solve):
    _, out, _ = solve(problem(), "--pin", "make=lean", "--deadline", "1us")
    assert "asked for: least latency; deadline 1.00 µs; make on lean" in out
    assert "asked for" not in solve(problem())[1]


def test_wishes_hold_for_the_front_and_the_size_of_a_problem(solve):
    front = solved(solve, problem(), "--pareto", "latency,energy", "--pin", "make=lean")
    assert [point["values"] for point in front["points"]] == [[55, 13], [60, 8]]
    assert solved(solve, problem(), "--pin", "make=lean", "--dry-run")["options"] == 3


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--pin", "mkae=quick"), 2, "there is no task 'mkae'; did you mean 'make'?"),
        (("--pin", "make=quik"), 2, "there is no device 'quik'; did you mean 'quick'?"),
        (("--pin", "make"), 2, "--pin make: must be TASK=DEVICE"),
        (("--pin", "*=lean", "--pin", "use=quick"), 2, "task 'use' is pinned to 'lean' and to"),
        (("--forbid", "u*=slow"), 2, "there is no device 'slow'; there are 'quick', 'lean'"),
        (("--colocate", "make"), 2, "--colocate make: must name at least two tasks"),
        (("--max-memory", "lena=1B"), 2, "there is no memory space 'lena'; did you mean 'lean'?"),
        (("--objective", "energie"), 2, "there is no objective 'energie'; did you mean 'energy'?"),
        (("--forbid", "use=lean", "--forbid", "use=quick"), 3, "task 'use' is forbidden on"),
        (("--deadline", "39ns"), 3, "problem 'two' has no solution: "),
    ],
)
def test_wishes_that_a_problem_cannot_have_are_told_in_one_line(solve, arguments, code, words):
    found, out, err = solve(problem(), *arguments)
    assert found == code
    assert words in err
    assert err.count("\n") == 1
    assert out == ""


def test_a_pin_without_an_option_names_those_that_there_are(solve):
    make, use = problem().tasks
    only = problem(tasks=(make, Task("use", use.options[:1])))
    code, _, err = solve(only, "--pin", "use=lean")
    assert code == 3
    assert (
        "task 'use' is pinned to 'lean', on which it has no option; it has some on 'quick'" in err
    )


def test_tasks_are_told_in_their_order_with_what_each_device_does(solve):
    use, make = reversed(problem().tasks)
    turned = problem(tasks=(use, make))
    code, out, err = solve(turned, "--pin", "make=lean", "--pin", "use=quick")
    assert code == 0, err
    lines = [line.split() for line in out.splitlines()]
    assert [words[0] for words in lines if words and words[0] in ("make", "use")] == ["make", "use"]
    assert "quick: 1 task, busy for 20 ns\nlean: 1 task, busy for 30 ns\n" in out
    assert "1 transfer; latency 55 ns, energy 13 nJ, memory " in out
    assert "tensor" not in out


def test_verbose_lists_transfers_and_exports(solve):
    (x,) = problem().tensors
    stated = problem(tensors=(Tensor("x", "make", 0, x.sizes, x.transfers, (Export("lean", 7),)),))
    _, out, _ = solve(stated, "--pin", "make=lean", "--pin", "use=quick", "-v")
    lines = [line.split() for line in out.splitlines()]
    assert ["x", "lean", "(export)", "30", "ns", "37", "ns"] in lines
    assert ["x", "lean", "quick", "37", "ns", "42", "ns"] in lines


def test_energy_and_memory_are_told_only_where_the_problem_states_any(solve):
    (x,) = problem().tensors
    plain = problem(
        tasks=tuple(
            Task(t.name, tuple(evolve(o, energy=0, weight_bytes=0) for o in t.options))
            for t in problem().tasks
        ),
        tensors=(evolve(x, sizes=(TensorSize("quick", 0), TensorSize("lean", 0))),),
    )
    _, out, _ = solve(plain)
    assert "0 transfers; latency 40 ns\n" in out
