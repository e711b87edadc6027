"""``run --frames``: what is computed, in which order, and what is told of it."""

import io
import itertools
import json
import os
import signal

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from networks import chain
from pair_plans import stage_of, write_pair_plans
from PIL import Image

from bnnplan.backends.reference import evaluate
from bnnplan.backends.reference.backend import ReferenceKernel
from bnnplan.models.errors import FileError, InputError
from bnnplan.models.graph import Network
from bnnplan.models.tensors import TensorType
from bnnplan.planner import presses
from bnnplan.planner.board import Board
from bnnplan.planner.frames import repeating
from bnnplan.planner.frames.repeating import Repeated
from bnnplan.planner.frames.sources import Source
from bnnplan.planner.plan import MeasuredPipeline, MeasuredStage
from bnnplan.planner.plan_file import load_plan, save_plan
from bnnplan.planner.report.running_text import running_lines
from bnnplan.planner.running import energy_use
from bnnplan.planner.running import record as running
from bnnplan.planner.running.results_file import require_results_name, results_file
from bnnplan.planner.running.whole_steps import WholeSteps
from bnnplan.planner.sensors import SensorError
from bnnplan.planner.statistics import summarize

PIXELS = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 1), np.uint8)
WANTED = evaluate(chain(), {"pixels": PIXELS})["logits"]

pytestmark = pytest.mark.skipif(
    not {0, 1} <= os.sched_getaffinity(0), reason="the plans run on cores 0 and 1"
)


@pytest.fixture(scope="module")
def plans(tmp_path_factory, two_references):
    return write_pair_plans(two_references, tmp_path_factory.mktemp("plans"))


@pytest.fixture(params=["replicas", "stages"])
def plan(plans, request):
    return plans[request.param]


@pytest.fixture
def stdin(monkeypatch):
    """Puts bytes on standard input."""

    def put(data):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))

    return put


def npy(*arrays):
    stream = io.BytesIO()
    for array in arrays:
        np.save(stream, array)
    return stream.getvalue()


def test_rate_period_stages_and_latency_are_told(bnnplan, plan):
    code, out, err = bnnplan("run", plan, "--frames", "200")
    assert code == 0, err
    assert err == ""
    for words in (
        "frame 0: ",
        "200 frames in ",
        " frames/s",
        "input: 1 frame of random, again and again",
        "period of a frame: predicted 1.",
        " µs, measured median ",
        "latency of a frame: p50 ",
        "stream  stage  devices  layers ",
        "memory of host: ",
        "memory of far: ",
        "window of ",
    ):
        assert words in out


@pytest.mark.parametrize("command", ["run", "compare"])
def test_what_runs_batch_by_batch_is_of_the_first_stream(bnnplan, plans, command):
    """And says where all of them run."""
    for name, plan in plans.items():
        given = ("--seconds", "0.1") if command == "compare" else ()
        code, out, err = bnnplan(command, plan, *given)
        assert code == 0, err
        words = "2 streams; this is the first one alone, on b, one batch at a time"
        assert (words in out) == (name == "replicas")
        assert ("--frames N'" in out) == (name == "replicas")


def test_a_trace_shows_the_stages_as_that_of_a_simulation_does(bnnplan, plan, tmp_path):
    rows = []
    for command, asked in (("run", "40"), ("simulate", "40")):
        trace = tmp_path / f"{command}.json"
        code, out, err = bnnplan(command, plan, "--frames", asked, "--trace", trace)
        assert code == 0, err
        assert f"trace written to {trace}" in out.replace("\n", "")
        events = json.loads(trace.read_text())["traceEvents"]
        rows.append({e["args"]["name"] for e in events if e["ph"] == "M"})
        batches = [e["name"] for e in events if e.get("cat") == "batch"]
        assert len(set(batches)) >= 40
        told = "its batches are more than the frames" in " ".join(out.split())
        assert told == (command == "run")
    assert rows[0] == rows[1]


def test_figures_are_told_where_a_trace_cannot_be_written(bnnplan, plan, tmp_path, monkeypatch):
    def full(*_):
        raise FileError("no space left")

    monkeypatch.setattr("bnnplan.planner.cli.run_frames.write_atomically", full)
    code, out, err = bnnplan("run", plan, "--frames", "9", "--trace", tmp_path / "trace.json")
    assert (code, err) == (1, "bnnplan: no space left\n")
    assert "9 frames in " in out
    assert "trace written" not in out


def test_of_few_frames_no_period_is_told(bnnplan, plan):
    code, out, err = bnnplan("run", plan, "--frames", "1")
    assert code == 0, err
    assert "\n1 frame in " in out
    assert "; too few frames to measure it" in out
    found = json.loads(bnnplan("run", plan, "--frames", "1", "--json")[1])
    assert found["measured_period_ns"] is found["mean_period_ns"] is found["period_ratio"] is None


@pytest.mark.parametrize(("seconds", "is_told"), [(0.11, False), (0.2, True)])
def test_a_mean_far_above_the_median_is_told(plans, seconds, is_told):
    """Of 100 frames of 1 ms."""
    measured = MeasuredPipeline(summarize([10**6] * 9, tolerance=0.03), 100, *[10**6] * 3, ())
    ran = running.Running(load_plan(plans["stages"]), 100, seconds, measured, "random", 1)
    lines = [str(line) for line in running_lines(ran)]
    assert any("measured median 1.00 ms" in line for line in lines), lines
    assert any("the cores were taken away" in line for line in lines) == is_told


@pytest.mark.parametrize(("busy_ns", "is_told"), [(10**6, False), (4 * 10**6, True)])
def test_stages_of_a_mean_above_the_period_are_explained(plans, busy_ns, is_told):
    stage = MeasuredStage(0, 0, ("a",), ("first",), busy_ns, 0.95)
    measured = MeasuredPipeline(summarize([10**6] * 9, tolerance=0.03), 100, *[10**6] * 3, [stage])
    ran = running.Running(
        load_plan(plans["stages"]), 100, 0.1, measured, "random", 1, only_rate=True
    )
    lines = [str(line) for line in running_lines(ran)]
    assert any("more --frames level that out" in line for line in lines) == is_told


@pytest.mark.parametrize("only_rate", [True, False])
@pytest.mark.parametrize("busy", [0.24, 0.95])
def test_idle_stages_are_told_of_where_nothing_should_hold_them_up(plans, busy, only_rate):
    stage = MeasuredStage(0, 0, ("a",), ("first",), 10**5, busy)
    measured = MeasuredPipeline(summarize([10**6] * 9, tolerance=0.03), 100, *[10**6] * 3, [stage])
    ran = running.Running(
        load_plan(plans["stages"]), 100, 0.2, measured, "random", 1, only_rate=only_rate
    )
    lines = [str(line) for line in running_lines(ran)]
    assert any("other programs kept the cores" in line for line in lines) == (
        only_rate and busy < 0.5
    )


def test_json_states_every_stage(bnnplan, plans):
    documents = {}
    for name, plan in plans.items():
        code, out, err = bnnplan("run", plan, "--frames", "60", "--window", "8", "--json")
        assert code == 0, err
        found = documents[name] = json.loads(out)
        assert (found["schema"], found["version"]) == ("bnnplan.running", 1)
        assert (found["frames"], found["distinct"], found["source"]) == (60, 1, "random")
        assert (found["interrupted"], found["only_rate"], found["window"]) == (False, True, 8)
        assert found["frames_per_second"] == pytest.approx(60 / found["seconds"])
        ratio = found["measured_period_ns"] / found["predicted_period_ns"]
        assert found["period_ratio"] == pytest.approx(ratio)
        assert found["mean_period_ns"] == pytest.approx(1e9 * found["seconds"] / 60, abs=1)
        latencies = [found["latency_ns"][key] for key in ("p50", "p90", "p99")]
        assert latencies == sorted(latencies)
        assert all(0 < stage["busy"] <= 1 for stage in found["stages"])
        assert len(found["top"]["logits"]) == 1
    streams = {(row["stream"], *row["devices"]) for row in documents["replicas"]["stages"]}
    assert streams == {(0, "b"), (1, "a")}
    first, last = documents["stages"]["stages"]
    assert (first["devices"], last["devices"]) == (["a"], ["b"])
    assert first["layers"] == ["first"]
    # A layer of 1 µs on a and three of 0.5 µs on b, and a launch of 0.1 µs each.
    assert (first["predicted_ns"], last["predicted_ns"]) == (1100, 1600)


@pytest.mark.parametrize("source", ["a.npy", "a.npz", "photos", "-", "- records"])
def test_results_are_written_in_order(bnnplan, plan, stdin, tmp_path, source):
    np.save(tmp_path / "a.npy", PIXELS)
    np.savez(tmp_path / "a.npz", pixels=PIXELS)
    (tmp_path / "photos").mkdir()
    for number, image in enumerate(PIXELS):
        Image.fromarray(image[..., 0]).save(tmp_path / "photos" / f"{number}.png")
    stdin(npy(*PIXELS[:2], PIXELS[2:]) if "records" in source else PIXELS.tobytes())
    text = "-" if source[0] == "-" else tmp_path / source
    for frames, wanted in (((), WANTED), (("--frames", "12"), np.resize(WANTED, (12, 10)))):
        if frames:
            stdin(PIXELS.tobytes())
        code, out, err = bnnplan(
            "run", plan, "--input", text, *frames, "-o", tmp_path / "results.npy"
        )
        assert code == 0, err
        np.testing.assert_array_equal(np.load(tmp_path / "results.npy"), wanted)
        assert f"{len(wanted)} results written to {tmp_path / 'results.npy'}" in out
        assert f"input: 5 frames of {'standard input' if text == '-' else text}" in out
        assert ("again and again" in out) == bool(frames)


def test_fewer_frames_than_there_are(bnnplan, plan, stdin, tmp_path):
    stdin(PIXELS.tobytes())
    code, _, err = bnnplan("run", plan, "-i", "-", "--frames", "3", "-o", tmp_path / "a.npz")
    assert code == 0, err
    np.testing.assert_array_equal(np.load(tmp_path / "a.npz")["logits"], WANTED[:3])


def test_top_is_of_every_frame(bnnplan, plan, stdin):
    best = WANTED.argmax(axis=1)
    stdin(PIXELS.tobytes())
    code, out, err = bnnplan("run", plan, "--input", "-", "--top", "1")
    assert code == 0, err
    for number, label in enumerate(best):
        assert f"frame {number}: {label} (" in out.splitlines()[number]
    stdin(PIXELS.tobytes())
    document = json.loads(bnnplan("run", plan, "--input", "-", "--top", "2", "--json")[1])
    rows = document["top"]["logits"]
    assert [row[0]["class"] for row in rows] == [str(label) for label in best]
    assert all(len(row) == 2 for row in rows)


def test_top_without_frames_is_of_the_images(bnnplan, plan, tmp_path):
    np.save(tmp_path / "a.npy", PIXELS)
    code, out, err = bnnplan("run", plan, "--input", tmp_path / "a.npy", "--top", "1")
    assert code == 0, err
    assert out.splitlines()[0].count("(") == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--output", "x.npy"), "say how many with --frames"),
        (("--frames", "3", "--repeat", "2"), "--repeat is of runs one after the other"),
        (("--frames", "0"), "--frames"),
        (("--frames", "3", "--window", "0"), "--window"),
    ],
)
def test_options_that_do_not_go_together_are_misuse(bnnplan, plans, tmp_path, arguments, words):
    code, out, err = bnnplan("run", plans["stages"], *arguments)
    assert (code, out) == (2, "")
    assert words in err


def test_results_do_not_replace_what_is_read(bnnplan, plans, tmp_path):
    np.save(tmp_path / "a.npy", PIXELS)
    given = ("run", plans["stages"], "-i", tmp_path / "a.npy", "-o", tmp_path / "a.npy")
    assert bnnplan(*given)[0] == 2
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), PIXELS)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "standard input: holds no frames"),
        (npy(PIXELS[:0]), "standard input: frame 0: input 'pixels' holds no images"),
        (npy(PIXELS[:3], PIXELS[:, :7]), "standard input: frame 3: input 'pixels' must have shape"),
        (PIXELS.tobytes()[:-1], "standard input: frame 4: cut off after 63 of 64 bytes"),
    ],
)
def test_a_frame_that_does_not_fit_ends_the_run(bnnplan, plan, stdin, tmp_path, data, words):
    stdin(data)
    code, out, err = bnnplan("run", plan, "--input", "-", "--output", tmp_path / "x.npy")
    assert (code, out) == (1, "")
    assert err.startswith(f"bnnplan: {words}")
    assert len(err.splitlines()) == 1
    assert os.listdir(tmp_path) == ["cache"] or os.listdir(tmp_path) == []


def test_results_before_a_wrong_frame_are_told(bnnplan, plan, stdin):
    stdin(npy(PIXELS[:3], PIXELS[:, :7]))
    code, out, err = bnnplan("run", plan, "--input", "-", "--top", "1")
    assert code == 1
    assert [line.split(":")[0] for line in out.splitlines()] == ["frame 0", "frame 1", "frame 2"]
    assert "frame 3: " in err


def test_empty_sources(bnnplan, plans, tmp_path):
    (tmp_path / "empty").mkdir()
    np.save(tmp_path / "none.npy", PIXELS[:0])
    for name in ("empty", "none.npy"):
        code, _, err = bnnplan("run", plans["stages"], "--frames", "9", "-i", tmp_path / name)
        assert code == 1
        assert name in err


def test_a_stage_that_raises_where_only_the_rate_is_asked_for(bnnplan, plans, monkeypatch):
    real, turns = ReferenceKernel.run, []

    def run(kernel, inputs, outputs):
        if kernel.bound.layer.kind == "BinaryConv2d":
            turns.append(kernel)
            if len(turns) > 7:
                raise ZeroDivisionError("split\nin two")
        real(kernel, inputs, outputs)

    monkeypatch.setattr(ReferenceKernel, "run", run)
    code, out, err = bnnplan("run", plans["stages"], "--frames", "5000")
    assert (code, out) == (1, "")
    assert len(err.splitlines()) == 1
    number = stage_of(plans["stages"], "second")
    assert f"stage {number} of stream 0 (second … dense on b) failed: split in two" in err


def test_a_plan_for_another_board(bnnplan, plans, tmp_path):
    plan = load_plan(plans["stages"])
    first, other = plan.board.devices
    board = Board("other", [attrs.evolve(first, resources={"core:4000"}), other])
    save_plan(attrs.evolve(plan, board=board), tmp_path / "plan.json")
    code, out, err = bnnplan("run", tmp_path / "plan.json", "--frames", "9")
    assert (code, out) == (1, "")
    assert len(err.splitlines()) == 1
    assert "device a of board 'other' is not here (core:4000)" in err


def test_a_source_that_is_too_slow_is_told(bnnplan, plans, stdin, monkeypatch):
    stdin(PIXELS.tobytes())
    monkeypatch.setattr(running, "STARVED", 1.1)
    out = bnnplan("run", plans["stages"], "-i", "-")[1]
    assert "no stage was busy all the time" in out
    assert "leave out --output and --top" in " ".join(out.split())
    assert "measured (mean)" in out
    assert "no stage was busy" not in bnnplan("run", plans["stages"], "--frames", "9")[1]


@given(count=st.integers(1, 6), most=st.integers(0, 20) | st.none(), once=st.booleans())
def test_frames_are_repeated_in_turns(count, most, once):
    numbers = [np.array([number]) for number in range(count)]
    left = iter(numbers)
    source = Source("numbers", lambda: left if once else iter(numbers), once=once)
    frames = Repeated(source, most)
    got = [int(frame[0]) for frame in frames]
    wanted = count if most is None else most
    assert got == [*itertools.islice(itertools.cycle(range(count)), wanted)]
    assert (frames.taken, frames.distinct) == (wanted, min(count, wanted))


def test_what_is_too_large_to_be_kept_is_not_repeated(monkeypatch):
    monkeypatch.setattr(repeating, "KEPT", 4 * 8)
    left = iter([np.zeros(1) for _ in range(5)])
    frames = Repeated(Source("stream", lambda: left, once=True), 100)
    assert len([*frames]) == 5


def test_a_source_without_frames_is_not_repeated():
    assert [*Repeated(Source("nothing", lambda: iter(())), 3)] == []


@given(rows=st.integers(0, 12), shape=st.sampled_from([(3,), (2, 1, 4)]))
def test_a_results_file_is_what_numpy_reads(tmp_path_factory, rows, shape):
    network = Network("wire", {"x": TensorType(shape, "int32")}, [], ["x"])
    array = np.arange(rows * int(np.prod(shape)), dtype=np.int32).reshape(rows, *shape)
    folder = tmp_path_factory.mktemp("results")
    for name in ("a.npy", "a.npz"):
        with results_file(folder / name, network) as file:
            for row in array:
                file.add(row)
        found = np.load(folder / name)
        np.testing.assert_array_equal(found["x"] if name == "a.npz" else found, array)


def test_outputs_by_name_are_written_together(tmp_path):
    types = {"a": TensorType((2,), "int32"), "b": TensorType((3,), "float32")}
    network = Network("two", types, [], ["a", "b"])
    with pytest.raises(InputError, match=r"has 2 outputs: \.npz"):
        require_results_name(tmp_path / "x.npy", network)
    with pytest.raises(InputError, match=r"written as \.npy"):
        require_results_name(tmp_path / "x.txt", chain())
    with results_file(tmp_path / "x.npz", network) as file:
        for number in range(3):
            file.add({"a": np.full(2, number, np.int32), "b": np.full(3, number, np.float32)})
    found = np.load(tmp_path / "x.npz")
    assert found["a"].tolist() == [[0, 0], [1, 1], [2, 2]]
    assert found["b"].dtype == np.float32


def test_half_a_row_is_left_out(tmp_path, monkeypatch):
    types = {"a": TensorType((2,), "int32"), "b": TensorType((3,), "int32")}
    network = Network("two", types, [], ["a", "b"])
    with results_file(tmp_path / "x.npz", network) as file:
        file.add({"a": np.ones(2, np.int32), "b": np.ones(3, np.int32)})
        with pytest.raises(KeyError):
            # As where Ctrl-C comes between two outputs.
            file.add({"a": np.zeros(2, np.int32)})
    found = np.load(tmp_path / "x.npz")
    assert (found["a"].shape, found["b"].shape) == ((1, 2), (1, 3))


def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path, monkeypatch):
    def full(_number):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with (
        pytest.raises(FileError, match=r"x\.npy: No space left"),
        results_file(tmp_path / "x.npy", chain()) as file,
    ):
        file.add(WANTED[0])
    assert os.listdir(tmp_path) == []


def test_energy_is_told_by_sensor(bnnplan, plans, stdin, monkeypatch):
    class Counter:
        """Counts 3 J from one reading to the next."""

        name = "rapl package-0"
        value = 0

        def read(self):
            Counter.value += 3
            return Counter.value

        def energy(self, before, after, seconds):
            return float(after - before)

    class Gone(Counter):
        name = "gone"

        def read(self):
            raise SensorError("cannot be read")

    assert "energy: " not in bnnplan("run", plans["stages"], "--frames", "9")[1]
    monkeypatch.setattr(energy_use, "sensors", lambda: ([Counter(), Gone()], []))
    for arguments in (("--frames", "9"), ("--input", "-")):
        stdin(PIXELS.tobytes())
        code, out, err = bnnplan("run", plans["stages"], *arguments)
        assert code == 0, err
        (line,) = [line for line in out.splitlines() if line.startswith("energy: ")]
        assert line.endswith(" J a frame (rapl package-0)") or "mJ a frame" in line
        stdin(PIXELS.tobytes())
        document = json.loads(bnnplan("run", plans["stages"], *arguments, "--json")[1])
        assert list(document["millijoules_per_frame"]) == ["rapl package-0"]
        assert document["millijoules_per_frame"]["rapl package-0"] > 0


def test_ctrl_c_comes_between_steps(monkeypatch):
    done = []

    def step():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)  # Of the same burst.
        done.append("whole")

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), WholeSteps() as steps:
        steps.run(step)
    assert done == ["whole"]
    assert signal.getsignal(signal.SIGINT) is before
    with pytest.raises(KeyboardInterrupt), WholeSteps():
        signal.raise_signal(signal.SIGINT)
    monkeypatch.setattr(presses, "BURST_SECONDS", 0.0)
    with pytest.raises(KeyboardInterrupt), WholeSteps() as steps:
        steps.run(step)
    assert done == ["whole"]
