"""Misuse as a user meets it: exit code 2 and one line that names the option and what to do."""

import pytest

from bnnplan.planner.solvers import METHODS

CASES = [
    (("run", "--batch", "0"), "run: --batch 0: must be at least 1"),
    (("run", "--batch", "-1"), "run: --batch -1: must be at least 1"),
    (("run", "--batch", "x"), "run: --batch x: must be a whole number"),
    (("run", "--batch", "99999999"), "run: --batch 99999999: must be at most 65536"),
    (("solve", "--batch", "1,x"), "solve: --batch 1,x: must be whole numbers from 1 to 65536"),
    (("solve", "--method", "foo"), "solve: --method foo: must be one of " + ", ".join(METHODS)),
    (
        ("solve", "--objective", "foo"),
        "solve: --objective foo: there is no objective 'foo'; there are",
    ),
    (
        ("solve", "--objective", "throughput,throughput"),
        "solve: --objective: throughput is given twice",
    ),
    (("solve", "--budget", "-1"), "solve: --budget -1: must be at least 0.1"),
    (("solve", "--budget", "nan"), "solve: --budget nan: must be at least 0.1"),
    (("solve", "--budget", "x"), "solve: --budget x: must be a number"),
    (("solve", "--time-limit", "0"), "solve: --time-limit 0: must be at least 0.001"),
    (("solve", "--nope"), "solve: no option --nope"),
    (("solve", "--no-rum"), "solve: no option --no-rum; did you mean --no-run"),
    (("solve", "a", "b"), "solve: got unexpected extra argument(s) (b)"),
    (("solve", "--profile", "p.json", "--fresh"), "solve: --profile states the board"),
    (
        ("solve", "--profile", "p.json", "--budget", "9", "--run"),
        "solve: --profile states the board, and nothing is measured: leave out --budget, --run ",
    ),
    (
        ("solve", "--problem", "p.json", "--no-run", "--tolerance", "0.1", "--budget", "9"),
        "solve: --problem is solved without a network, a board and measured costs: leave out "
        "--budget, --tolerance, --no-run ",
    ),
    (("solve", "--problem", "p.json", "--run"), "solve: --problem is solved without a network"),
    (("solve", "--pareto", "latency,energy", "--run"), "solve: --pareto finds no plan to run"),
    (("solve", "--confidence", "1.5"), "solve: --confidence 1.5: the confidence must be above 0"),
    (("solve", "--dry-run", "--run"), "solve: --dry-run solves nothing: leave out --run"),
    (("profile", "--tolerance", "2"), "profile: --tolerance 2: must be at most 1"),
    (("run", "plan.json", "--repeat", "-1"), "run: --repeat -1: must be at least 0"),
    (("run", "plan.json", "--batch", "3"), "run: --batch: plan.json is a plan"),
    (("run", "fashion", "--network", "n"), "run: --network: fashion is no plan file"),
    (("run", "-i", "a.npy", "-i", "b.npy"), "run: --input: only one is run"),
    (("import", "model.onnx"), "import: --output/-o is missing"),
    (("import",), "import: argument MODEL.onnx is missing"),
    (("import", "a.onnx", "-o", "a.foo"), "import: -o a.foo: the name of a network file"),
    (("import", "a.bnn", "-o", "b.bnn"), "import: a.bnn: a bnnplan network already"),
    (("evaluate",), "evaluate: --data is missing"),
    (("compare", "--seconds", "0"), "compare: --seconds 0: must be at least 0.1"),
    (("devices", "--peak", "--root", "."), "devices: --peak measures this machine"),
    (("backends", "check"), "backends check: argument NAME is missing"),
    (("backends", "nope"), "backends: no such command 'nope'"),
]
WITHOUT_COMMAND = [
    (("nope",), "no such command 'nope'"),
    (("slove",), "no such command 'slove'. Did you mean 'solve'?"),
    (("zoo",), "no such command 'zoo'; did you mean 'inspect --zoo'?"),
    (("plan",), "no such command 'plan'; did you mean 'solve'?"),
    (("--nope",), "no option --nope"),
    (("run", "--input"), "--input: needs a value"),
    (("solve", "--json=3"), "--json: takes no value"),
]


@pytest.mark.parametrize(("arguments", "words"), CASES, ids=lambda value: str(value)[:40])
def test_misuse_of_a_command_is_one_line(bnnplan, arguments, words):
    code, out, err = bnnplan(*arguments)
    assert code == 2
    assert out == ""
    assert len(err.splitlines()) == 1
    command = words.partition(":")[0]
    assert err.startswith(f"bnnplan {words}")
    assert err.endswith(f" (see bnnplan {command} --help)\n")


@pytest.mark.parametrize(("arguments", "words"), WITHOUT_COMMAND)
def test_misuse_before_a_command_is_known_is_one_line(bnnplan, arguments, words):
    code, out, err = bnnplan(*arguments)
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert err.startswith(f"bnnplan: {words}")
    assert "--help" in err


@pytest.mark.parametrize("arguments", [(), ("--help",), ("solve", "--help")])
def test_help_is_no_error_line(bnnplan, arguments):
    code, out, err = bnnplan(*arguments)
    # As typer has it: without a command nothing was done.
    assert code == (0 if arguments else 2)
    assert err == ""
    assert "Usage: bnnplan" in out


def test_input_that_ends_early_is_one_line(bnnplan, monkeypatch):
    def ended(**_settings):
        raise EOFError("nothing more to read")

    monkeypatch.setattr("bnnplan.planner.cli.devices.detect_board", ended)
    code, _, err = bnnplan("devices")
    assert code == 1
    assert err.strip() == "bnnplan: nothing more to read"
