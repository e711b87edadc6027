"""The command line as a user meets it: output, JSON, exit codes, one line an error."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from networks import chain

from bnnplan.backends.reference import evaluate as evaluate_reference
from bnnplan.models.network_file import save_network
from bnnplan.planner.plan_file import load_plan

QUICK = ("--devices", "cpu0", "--budget", "2")


def test_devices_lists_cpu_and_reference(bnnplan):
    code, out, _ = bnnplan("devices")
    assert code == 0
    assert "cpu0" in out
    assert "reference0" in out
    listed = out
    code, out, _ = bnnplan("devices", "--json")
    document = json.loads(out)
    assert (document["schema"], document["version"]) == ("bnnplan.devices", 1)
    cpu = next(d for d in document["board"]["devices"] if d["name"] == "cpu0")
    assert f"{cpu['description']}, {cpu['properties']['isa']}" in listed


def test_board_file_written_by_devices_is_used_by_solve(bnnplan, net, tmp_path):
    board = tmp_path / "board.json"
    assert bnnplan("devices", "-o", board)[0] == 0
    code, out, err = bnnplan("solve", net, "--board", board, *QUICK)
    assert code == 0, err
    assert "4 of 4 layers on cpu0" in out


def test_inspect_counts_multiply_accumulates(bnnplan, net):
    code, out, _ = bnnplan("inspect", net, "--json")
    assert code == 0
    document = json.loads(out)
    macs = {row["name"]: row["macs"] for row in document["rows"]}
    assert macs["second"] == 4 * 4 * 16 * 9 * 16
    assert macs["dense"] == 10 * 4 * 4 * 16
    code, out, _ = bnnplan("inspect", net)
    assert "BinaryConv2d" in out
    assert "36,864" in out


def test_solve_proves_measures_and_explains(bnnplan, net, tmp_path):
    code, out, err = bnnplan("solve", net, *QUICK, "-o", tmp_path / "plan.json")
    assert code == 0, err
    assert out.startswith("4 of 4 layers on cpu0 (100% of the layer time)")
    for words in ("sum of layers", "transfers", "end to end", "optimal: latency", "gap 0 %"):
        assert words in out
    assert "best single device" in out
    assert "per-layer greedy (HEP-BNN)" in out
    document = json.loads((tmp_path / "plan.json").read_text())
    assert document["schema"] == "bnnplan.plan"
    assert document["measured"]["end_to_end"]["median"] > 0


def test_solve_json_is_a_plan_on_standard_output(bnnplan, net):
    code, out, _ = bnnplan("solve", net, *QUICK, "--json")
    assert code == 0
    document = json.loads(out)
    assert document["schema"] == "bnnplan.plan"
    assert document["proof"]["status"] == "optimal"


def test_profile_is_cached_and_fresh_measures_again(bnnplan, net):
    assert bnnplan("profile", net, *QUICK)[0] == 0
    assert "from the cache" in bnnplan("profile", net, *QUICK)[1]
    assert "from the cache" not in bnnplan("profile", net, *QUICK, "--fresh")[1]


def test_run_prints_classes_percentiles_and_trace(bnnplan, net, tmp_path):
    plan, trace = tmp_path / "plan.json", tmp_path / "trace.json"
    bnnplan("solve", net, *QUICK, "-o", plan)
    image = tmp_path / "images.npy"
    np.save(image, np.zeros((3, 8, 8, 1), np.uint8))
    code, out, err = bnnplan("run", plan, "--input", image, "--repeat", "30", "--trace", trace)
    assert code == 0, err
    assert "image 2: " in out
    assert "p99" in out
    assert json.loads(trace.read_text())["traceEvents"]


def test_run_states_the_memory_that_the_plan_announced(bnnplan, net, tmp_path):
    plan = tmp_path / "plan.json"
    code, out, _ = bnnplan("solve", net, *QUICK, "-o", plan)
    announced = json.loads(plan.read_text())["memory"]
    assert "memory of host: weights " in out
    code, out, err = bnnplan("run", plan, "--json")
    assert code == 0, err
    assert json.loads(out)["memory"] == announced
    (row,) = announced
    assert row["space"] == "host"
    assert 0 < row["alive_bytes"] <= row["activation_bytes"]
    assert 0 < row["weight_bytes"] < row["predicted_bytes"]
    assert (
        f"memory of host: weights {row['weight_bytes'] / 1024:.1f} KiB" in bnnplan("run", plan)[1]
    )


def test_run_reads_an_image_file(bnnplan, net, tmp_path):
    from PIL import Image

    picture = tmp_path / "photo.png"
    Image.fromarray(np.full((20, 30, 3), 90, np.uint8)).save(picture)
    code, out, err = bnnplan("run", net, "--input", picture, "--devices", "cpu0")
    assert code == 0, err
    assert "image 0: " in out


def test_evaluate_counts_right_answers(bnnplan, net, tmp_path):
    from bnnplan.backends.reference import evaluate

    images = np.random.default_rng(0).integers(0, 256, (20, 8, 8, 1), np.uint8)
    right = evaluate(chain(), {"pixels": images})["logits"].argmax(axis=1)
    labels = right.copy()
    labels[:5] = (labels[:5] + 1) % 10
    np.savez(tmp_path / "data.npz", images=images, labels=labels)
    code, out, err = bnnplan(
        "evaluate", net, "--data", tmp_path / "data.npz", "--devices", "cpu0", "--json"
    )
    assert code == 0, err
    document = json.loads(out)
    assert document["right"] == 15
    assert document["accuracy"] == 0.75
    out = bnnplan("evaluate", net, "--data", tmp_path / "data.npz", "--devices", "cpu0")[1]
    first, second = out.splitlines()
    assert "75.00% of 20 images right (15) with the plan for batch 1" in first
    assert "images/s with converting and checking" in second


def test_compare_measures_the_plan_and_its_peers(bnnplan, net):
    code, out, err = bnnplan("compare", net, "--devices", "cpu0", "--seconds", "0.1", "--json")
    assert code == 0, err
    document = json.loads(out)
    rows = {row["name"]: row for row in document["rows"]}
    assert rows["plan"]["ratio"] == 1.0
    assert "onnxruntime float32" in rows
    assert "best single device: it is the same as 'plan'" in document["missing"]


def test_compare_says_that_it_compares_latencies_of_a_plan_for_throughput(bnnplan, net, tmp_path):
    """Its baselines are compared as well, unless they are the plan itself, or several streams."""
    file = tmp_path / "plan.json"
    wishes = ("--objective", "throughput", "--no-run", "--budget", "0.5", "--devices", "cpu0")
    code, _, err = bnnplan("solve", net, *wishes, "-o", file)
    assert code == 0, err
    plan = load_plan(file)
    code, out, err = bnnplan("compare", file, "--seconds", "0.1")
    assert code == 0, err
    assert "one batch at a time: latencies are compared; for throughput run this plan" in out
    for row in plan.baselines:
        is_told = f"not compared: {row.name}: " in out
        assert is_told or any(line.startswith(row.name) for line in out.splitlines())
    assert "not compared: replication only: batches are dealt out to several streams" in out


def test_backends_are_listed(bnnplan):
    code, out, _ = bnnplan("backends")
    assert code == 0
    for name in ("reference", "cpu", "opencl", "onnxruntime"):
        assert name in out


def test_backend_check_runs_the_kit(bnnplan):
    code, out, err = bnnplan("backends", "check", "reference", "--examples", "5", "--json")
    assert code == 0, out + err
    document = json.loads(out)
    assert document["schema"] == "bnnplan.conformance"
    assert document["passed"]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["inspect", "no-such-net"], 1, "no-such-net"),
        (["inspect", "missing.onnx"], 1, "missing.onnx"),
        (["solve", "--devices", "gpu9"], 1, "no device 'gpu9'"),
        (["solve", "--devices", ","], 1, "names no device"),
        (["solve", "--board", "missing.json"], 1, "missing.json"),
        (["run", "missing.json"], 1, "missing.json"),
        (["backends", "check", "quantum"], 1, "quantum"),
        (["solve", "--objective", "beauty"], 2, "beauty"),
        (["solve", "--batch", "0"], 2, "batch"),
        (["frobnicate"], 2, "frobnicate"),
        (["evaluate"], 2, "--data"),
        (["evaluate", "--data", "nowhere"], 1, "nowhere"),
    ],
)
def test_mistakes_get_one_line_and_an_exit_code(bnnplan, arguments, code, words):
    got, out, err = bnnplan(*arguments)
    assert got == code
    assert words in err
    assert "Traceback" not in err
    if code == 1:
        assert len(err.strip().splitlines()) == 1
    assert out == ""


def test_debug_shows_the_traceback(bnnplan):
    from bnnplan.models.errors import BnnplanError

    with pytest.raises(BnnplanError):
        bnnplan("--debug", "inspect", "no-such-net")


@pytest.mark.parametrize("size", [0, 7, 60, 400])
def test_truncated_files_are_refused_in_one_line(bnnplan, net, tmp_path, size):
    for name in ("cut.bnn", "cut.onnx", "cut.json"):
        path = tmp_path / name
        path.write_bytes(net.read_bytes()[:size])
        code, _, err = bnnplan("run" if name.endswith("json") else "inspect", path)
        assert code == 1
        assert len(err.strip().splitlines()) == 1
        assert name in err


def test_wrong_input_shape_and_type(bnnplan, net, tmp_path):
    wrong = tmp_path / "wrong.npy"
    np.save(wrong, np.zeros((1, 9, 8, 1), np.uint8))
    code, _, err = bnnplan("run", net, "--input", wrong, "--devices", "cpu0")
    assert code == 1
    assert "(batch, 8, 8, 1)" in err
    np.save(wrong, np.zeros((1, 8, 8, 1), np.float64))
    code, _, err = bnnplan("run", net, "--input", wrong, "--devices", "cpu0")
    assert code == 1
    assert "float64" in err


def test_unwritable_output_leaves_nothing_behind(bnnplan, net, tmp_path):
    code, _, err = bnnplan("solve", net, *QUICK, "-o", tmp_path / "no" / "plan.json")
    assert code == 1
    assert "plan.json" in err
    assert not (tmp_path / "no").exists()


def test_plan_of_another_network_is_refused(bnnplan, net, tmp_path):
    plan = tmp_path / "plan.json"
    bnnplan("solve", net, *QUICK, "-o", plan)
    other = tmp_path / "other.bnn"
    save_network(chain(channels=24), other)
    code, _, err = bnnplan("run", plan, "--network", other)
    assert code == 1
    assert "layers differ" in err


def test_profile_of_another_network_is_refused(bnnplan, net, tmp_path):
    profile = tmp_path / "profile.json"
    assert bnnplan("profile", net, *QUICK, "-o", profile)[0] == 0
    other = tmp_path / "other.bnn"
    save_network(chain(channels=24), other)
    code, _, err = bnnplan("solve", other, "--profile", profile)
    assert code == 1
    assert "layers differ" in err
    code, out, err = bnnplan("solve", net, "--profile", profile)
    assert code == 0, err
    assert "optimal" in out


def test_devices_says_why_there_is_no_opencl(tmp_path):
    environment = {**os.environ, "OCL_ICD_VENDORS": str(tmp_path / "nowhere")}
    program = "from bnnplan.planner.cli import main; main()"
    ran = subprocess.run(
        [sys.executable, "-c", program, "devices"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert "cpu0" in ran.stdout
    assert "unavailable: opencl" in ran.stdout


@pytest.fixture
def plan(bnnplan, net, tmp_path):
    path = tmp_path / "plan.json"
    assert bnnplan("solve", net, *QUICK, "--no-run", "-o", path)[0] == 0
    return path


def test_a_plan_finds_its_network_from_any_folder(bnnplan, net, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert bnnplan("solve", net.name, *QUICK, "--no-run", "-o", "plan.json")[0] == 0
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert bnnplan("run", "../plan.json")[0] == 0
    net.rename(tmp_path / "moved.bnn")
    code, _, err = bnnplan("run", "../plan.json")
    assert code == 1
    assert "--network" in err
    assert bnnplan("run", "../plan.json", "--network", "../moved.bnn")[0] == 0


def test_options_that_would_say_nothing_are_misuse(bnnplan, net, plan):
    assert bnnplan("run", plan, "--batch", "3")[0] == 2
    assert bnnplan("compare", plan, "--devices", "cpu0")[0] == 2
    assert bnnplan("run", net, "--network", net)[0] == 2
    assert bnnplan("solve", net, "--profile", plan, "--devices", "cpu0")[0] == 2
    assert bnnplan("solve", net, "--method", "magic")[0] == 2


def test_a_batch_larger_than_the_images_is_filled_up(bnnplan, net, tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 1), np.uint8)
    np.save(tmp_path / "images.npy", images)
    wanted = evaluate_reference(chain(), {"pixels": images})["logits"]
    code, out, err = bnnplan(
        *("run", net, "--input", tmp_path / "images.npy", "--batch", "4"),
        *("--devices", "reference0", "--repeat", "1", "--json"),
    )
    assert code == 0, err
    np.testing.assert_array_equal(json.loads(out)["outputs"]["logits"], wanted)


@pytest.mark.parametrize(
    ("name", "write", "words"),
    [
        ("one.npy", lambda path: np.save(path, np.float32(3)), "shape (batch, 8, 8, 1), not ()"),
        ("none.npy", lambda path: np.save(path, np.zeros((0, 8, 8, 1), np.uint8)), "no images"),
        ("text.npy", lambda path: path.write_text("hello"), "text.npy: cannot be read"),
        ("other.npz", lambda path: np.savez(path, y=np.zeros(3)), "'pixels' of network"),
        ("photo.png", lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n123"), "photo.png"),
    ],
)
def test_inputs_that_cannot_be(bnnplan, plan, tmp_path, name, write, words):
    write(tmp_path / name)
    code, _, err = bnnplan("run", plan, "--input", tmp_path / name)
    assert code == 1
    assert words in err
    assert len(err.strip().splitlines()) == 1


def test_several_arrays_named_npy_are_refused(bnnplan, plan, tmp_path):
    np.savez(tmp_path / "a.npz", pixels=np.zeros((1, 8, 8, 1), np.uint8))
    (tmp_path / "a.npz").rename(tmp_path / "a.npy")
    code, _, err = bnnplan("run", plan, "--input", tmp_path / "a.npy")
    assert code == 1
    assert "name it .npz" in err


@pytest.mark.parametrize("label", [-1, 10])
def test_labels_that_are_no_class_are_refused(bnnplan, plan, tmp_path, label):
    images = np.zeros((2, 8, 8, 1), np.uint8)
    np.savez(tmp_path / "data.npz", images=images, labels=np.array([0, label]))
    code, _, err = bnnplan("evaluate", plan, "--data", tmp_path / "data.npz")
    assert code == 1
    assert "classes 0 to 9" in err


def test_pixels_that_an_input_cannot_hold_are_refused(bnnplan, tmp_path):
    from networks import branches

    small = tmp_path / "small.bnn"
    network = branches()
    save_network(network.replace(network.nodes, outputs=("total",)), small)
    images = np.full((2, 6, 6, 2), 200, np.uint8)
    np.savez(tmp_path / "data.npz", images=images, labels=np.zeros(2, int))
    code, _, err = bnnplan(
        "evaluate", small, "--data", tmp_path / "data.npz", "--devices", "reference0"
    )
    assert code == 1
    assert "pixels from 0 to 200 do not fit" in err


def test_values_that_json_does_not_have_are_null():
    from bnnplan.planner.cli.run import _plain

    assert _plain(np.array([[1.5, np.nan], [np.inf, 2.0]])) == [[1.5, None], [None, 2.0]]
    assert _plain(np.array([[1, 2]])) == [[1, 2]]


def test_too_little_memory_in_a_board_file_is_infeasible(bnnplan, net, tmp_path):
    board = tmp_path / "board.json"
    assert bnnplan("devices", "-o", board)[0] == 0
    content = json.loads(board.read_text())
    for device in content["devices"]:
        device["space"]["capacity"] = 100
    board.write_text(json.dumps(content))
    code, out, err = bnnplan("solve", net, "--board", board, "--budget", "2")
    assert code == 3
    assert out == ""
    assert "'host', which lacks" in err


def test_a_board_of_another_machine_plans_with_its_profile_and_does_not_run(bnnplan, net, tmp_path):
    profile, plan = tmp_path / "profile.json", tmp_path / "plan.json"
    assert bnnplan("profile", net, *QUICK, "-o", profile)[0] == 0
    content = json.loads(profile.read_text())
    content["board"]["devices"][0]["resources"] = ["core:9999"]
    profile.write_text(json.dumps(content))
    code, _, err = bnnplan("solve", net, "--profile", profile, "-o", plan)
    assert code == 0, err
    code, _, err = bnnplan("run", plan)
    assert code == 1
    assert "is not here (core:9999)" in err


def test_ctrl_c_before_anything_is_timed_is_one_line(bnnplan, net, monkeypatch):
    from bnnplan.planner.profiling import profiler

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(profiler, "measure_transfers", interrupt)
    code, out, err = bnnplan("run", net, "--devices", "reference0")
    assert code == 130
    assert out == ""
    assert err.strip() == "bnnplan: interrupted before layers were timed; nothing new is kept"


def test_ctrl_c_while_layers_are_timed_keeps_them(bnnplan, net, monkeypatch):
    from bnnplan.planner.profiling.rounds import Rounds

    def interrupt(self, *_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Rounds, "time", interrupt)
        code, out, err = bnnplan("solve", net, "--devices", "reference0", "--json")
    assert code == 130
    assert out == ""
    assert "the same command goes on" in err
    assert bnnplan("solve", net, "--devices", "reference0", "--budget", "2", "--json")[0] == 0


def test_commands_that_plan_nothing_import_no_solver_and_no_opencl():
    program = (
        "import sys, bnnplan.planner.cli.app; "
        "sys.exit(any(name in sys.modules for name in ('ortools', 'pyopencl', 'onnx')))"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert ran.returncode == 0, ran.stderr


def test_compare_without_onnxruntime_says_what_is_missing(bnnplan, plan, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    code, out, err = bnnplan("compare", plan, "--seconds", "0.1", "--json")
    assert code == 0, err
    document = json.loads(out)
    assert document["rows"][0]["name"] == "plan"
    assert any("onnxruntime is not installed" in line for line in document["missing"])


def test_ctrl_c_is_one_line_wherever_it_strikes(bnnplan, net, monkeypatch):
    from bnnplan.planner.cli import solve

    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(solve, "solve_on_board", interrupt)
    code, out, err = bnnplan("solve", net, *QUICK)
    assert (code, out, err) == (130, "", "bnnplan: interrupted\n")


MAIN = "from bnnplan.planner.cli import main; main()"


def test_ctrl_c_while_modules_are_imported_is_one_line():
    # The module that sends the signal stands for one that is slow to import.
    program = (
        "import os, signal, sys, types\n"
        "class Slow:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'bnnplan.planner.cli.app':\n"
        "            os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Slow())\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program + MAIN, "devices"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (130, "", "bnnplan: interrupted\n")


def test_closed_standard_output_is_no_fault(net, tmp_path):
    ran = subprocess.run(
        ["/bin/sh", "-c", f'exec "{sys.executable}" -c "{MAIN}" inspect "{net}" >&-'],
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")


def test_an_unknown_instruction_set_is_an_error_of_every_command():
    environment = {**os.environ, "BNNPLAN_ISA": "nonsense"}
    ran = subprocess.run(
        [sys.executable, "-c", MAIN, "solve"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 1
    assert "BNNPLAN_ISA" in ran.stderr
    assert len(ran.stderr.splitlines()) == 1


def test_checking_a_backend_without_devices_says_why_it_has_none(bnnplan, monkeypatch):
    from bnnplan.backends.interface import Unavailable
    from bnnplan.backends.reference import ReferenceBackend

    lost = [Unavailable("reference", "numpy is asleep")]
    monkeypatch.setattr(ReferenceBackend, "devices", lambda self: ([], lost))
    code, out, err = bnnplan("backends", "check", "reference")
    assert (code, out) == (1, "")
    assert "numpy is asleep" in err


def test_devices_that_were_not_asked_for_are_not_excused(bnnplan, net, monkeypatch):
    from bnnplan.backends.interface import Unavailable
    from bnnplan.planner.board import Detection, detect_board
    from bnnplan.planner.cli import common

    found = Detection(detect_board().board, (Unavailable("gpu", "it is raining"),))
    monkeypatch.setattr(common, "detect_board", lambda **_: found)
    assert "raining" not in bnnplan("profile", net, *QUICK)[2]
    code, _, err = bnnplan("profile", net, "--devices", "gpu0")
    assert code == 1
    assert "no device 'gpu0'" in err
    assert "raining" in err


def test_names_in_files_cannot_control_the_terminal(bnnplan, net, tmp_path):
    board = tmp_path / "board.json"
    assert bnnplan("devices", "-o", board)[0] == 0
    content = json.loads(board.read_text())
    content["devices"][0]["name"] = "\x1b[31mred"
    board.write_text(json.dumps(content))
    code, _, err = bnnplan("solve", net, "--board", board, "--devices", "gpu9")
    assert code == 1
    assert "\\x1b[31mred" in err
    assert "\x1b" not in err
    code, out, err = bnnplan("profile", net, "--board", board, "--budget", "0.1")
    assert code == 0, err
    assert "\\x1b[31mred" in out
    assert "\x1b" not in out


def test_files_that_cannot_be_written_are_refused_before_anything_is_measured(
    bnnplan, net, tmp_path, monkeypatch
):
    from bnnplan.planner import cache

    monkeypatch.setattr(cache, "profile_network", lambda *_, **__: pytest.fail("measured"))
    for command in ("solve", "profile"):
        for place in (tmp_path, tmp_path / "no" / "x.json"):
            code, _, err = bnnplan(command, net, *QUICK, "-o", place)
            assert code == 1
            assert "cannot write" in err


def test_an_incomplete_profile_is_told(bnnplan, net, tmp_path):
    profile = tmp_path / "profile.json"
    assert bnnplan("profile", net, *QUICK, "-o", profile)[0] == 0
    assert bnnplan("solve", net, "--profile", profile)[2] == ""
    content = json.loads(profile.read_text())
    content["conditions"]["complete"] = False
    profile.write_text(json.dumps(content))
    code, _, err = bnnplan("solve", net, "--profile", profile)
    assert code == 0
    assert "was interrupted" in err


def test_more_workers_than_any_machine_needs_are_misuse(bnnplan, net):
    code, _, err = bnnplan("solve", net, "--workers", "1000000")
    assert code == 2
    assert "--workers" in err


def test_shells_complete_networks_methods_and_backends(tmp_path, monkeypatch):
    from bnnplan.planner.cli.backends import _complete_backend
    from bnnplan.planner.cli.common import complete_network, complete_plan
    from bnnplan.planner.cli.solve_options import complete_method, complete_objective

    monkeypatch.chdir(tmp_path)
    for name in ("fast.bnn", "fast.json", "fast.txt"):
        (tmp_path / name).touch()
    (tmp_path / "fastfolder").mkdir()
    assert complete_network("fas") == ["fashion", "fast.bnn", "fastfolder/"]
    assert complete_plan("fast.j") == ["fast.json"]
    assert complete_network("nowhere/x") == []
    assert complete_method("gre") == ["greedy"]
    assert complete_objective("thr") == ["throughput"]
    assert "reference" in _complete_backend("ref")


def test_compare_tells_the_interval_of_every_ratio(bnnplan, net):
    code, out, err = bnnplan("compare", net, "--devices", "cpu0", "--seconds", "0.1", "--json")
    assert code == 0, err
    for row in json.loads(out)["rows"]:
        assert row["ratio_low"] <= row["ratio"] <= row["ratio_high"]


def test_ctrl_c_while_a_backend_is_checked_is_one_line(bnnplan, monkeypatch):
    from bnnplan.backends.reference import ReferenceBackend

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(ReferenceBackend, "supports", interrupt)
    code, out, err = bnnplan("backends", "check", "reference", "--examples", "5")
    assert (code, out, err) == (130, "", "bnnplan: interrupted\n")


def test_several_ctrl_c_in_a_row_count_once(monkeypatch):
    from bnnplan.planner import cli, presses

    now = [100.0]
    monkeypatch.setattr(presses.time, "monotonic", lambda: now[0])
    press = cli._InterruptOnce()
    with pytest.raises(KeyboardInterrupt):
        press(2, None)
    now[0] += presses.BURST_SECONDS / 2
    press(2, None)
    now[0] += presses.BURST_SECONDS
    with pytest.raises(KeyboardInterrupt):
        press(2, None)
