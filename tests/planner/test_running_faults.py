"""Pipelines that something happens to while they run, as a user meets it: no hang, one line.

Every command is a process of its own, which is killed after a while.
"""

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time

import attrs
import numpy as np
import pytest
from networks import chain
from pair_plans import stage_of, write_pair_plans

from bnnplan.backends.reference import evaluate
from bnnplan.models.lowering import lower
from bnnplan.planner.board import Board, detect_board
from bnnplan.planner.plan_file import load_plan, save_plan
from bnnplan.planner.planning import find_plan
from bnnplan.planner.problem import Measure
from bnnplan.planner.profile import Time
from bnnplan.planner.profiling import Options, profile_network
from bnnplan.planner.request import Request

PATIENCE = 120
"""Seconds after which a command hangs; it takes a few."""
PIXELS = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 1), np.uint8)
BRITTLE = '''
import os, time
from bnnplan.backends.reference.backend import ReferenceBackend, ReferenceKernel
import attrs

class BrittleKernel(ReferenceKernel):
    """Fails at a turn, if its layer is the one to fail; says that it runs, if asked to."""

    turns = 0

    def run(self, inputs, outputs):
        if begun := os.environ.get("BRITTLE_BEGUN"):
            open(begun, "w").close()
        if self.bound.layer.kind == os.environ.get("BRITTLE_LAYER"):
            if self.turns == int(os.environ["BRITTLE_TURN"]):
                raise ZeroDivisionError("split\\nin two")
            self.turns += 1
        super().run(inputs, outputs)

class BrittleBackend(ReferenceBackend):
    name = "brittle"

    def devices(self):
        found, missing = super().devices()
        mine = [attrs.evolve(device, name="brittle0", backend="brittle") for device in found]
        return mine, missing

    def prepare(self, bound, device, configuration):
        return BrittleKernel(bound, device, configuration)
'''

pytestmark = pytest.mark.skipif(
    not {0, 1} <= os.sched_getaffinity(0), reason="the plans run on cores 0 and 1"
)


@pytest.fixture(scope="module")
def plans(tmp_path_factory, two_references):
    """Plans on a backend that fails where the environment says so."""
    folder = tmp_path_factory.mktemp("plans")
    files = write_pair_plans(two_references, folder)
    for file in files.values():
        plan = load_plan(file)
        devices = [attrs.evolve(device, backend="brittle") for device in plan.board.devices]
        save_plan(attrs.evolve(plan, board=Board("brittle", devices)), file)
    return files


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """An environment in which that backend is installed, as far as entry points can tell."""
    folder = tmp_path_factory.mktemp("brittle")
    (folder / "brittle.py").write_text(BRITTLE)
    info = folder / "brittle-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: brittle\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[bnnplan.backends]\nbrittle = brittle:BrittleBackend\n")
    paths = [str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "COLUMNS": "200"}


@pytest.fixture
def start(environment):
    """Starts commands; those that are left are killed."""
    started = []

    def run(*arguments, stdin=subprocess.DEVNULL, **variables):
        told = tempfile.TemporaryFile("w+")  # noqa: SIM115
        process = subprocess.Popen(
            [
                *(sys.executable, "-c", "from bnnplan.planner.cli import main; main()"),
                *("run", *map(str, arguments)),
            ],
            env={**environment, **variables},
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=told,
            text=True,
        )
        process.stderr = told
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.wait(PATIENCE)
        process.stderr.close()


@contextlib.contextmanager
def in_time(process):
    """Kill a command that hangs: whoever reads its output goes on then."""
    killer = threading.Timer(PATIENCE, process.kill)
    killer.start()
    yield
    killer.cancel()


def first_lines(process, count=1):
    """The first lines of a command's output."""
    with in_time(process):
        return [process.stdout.readline() for _ in range(count)]


def ended(process):
    """Exit code, what is left of the output, and error of a command that must end."""
    with in_time(process):
        # Not `communicate`, which loses what was read ahead of the first lines.
        out = "" if process.stdout.closed else process.stdout.read()
        process.wait()
    process.stderr.seek(0)
    return process.returncode, out, process.stderr.read()


def wait_for(file):
    """Wait until a command has made a file."""
    end = time.monotonic() + PATIENCE
    while not file.exists():
        assert time.monotonic() < end
        time.sleep(0.01)


def frames_told(out):
    return [
        int(line.split(":")[0].removeprefix("frame "))
        for line in out.splitlines()
        if line.startswith("frame ")
    ]


def test_a_stage_that_raises_ends_the_run(start, plans, tmp_path):
    np.save(tmp_path / "a.npy", PIXELS)
    turn = 7
    failing = {"BRITTLE_LAYER": "BinaryConv2d", "BRITTLE_TURN": str(turn)}
    given = ("--input", tmp_path / "a.npy", "--top", "1", "--output", tmp_path / "results.npy")
    code, out, err = ended(start(plans["stages"], *given, **failing))
    assert code == 1
    (line,) = err.splitlines()
    number = stage_of(plans["stages"], "second")
    assert line.startswith(
        f"bnnplan: frame {turn}: stage {number} of stream 0 (second … dense on b) failed"
    )
    assert line.endswith("split in two")
    assert frames_told(out) == [*range(turn)]
    assert os.listdir(tmp_path) == ["a.npy"]


def test_a_stream_that_fails_ends_all_of_them(start, plans, tmp_path):
    np.save(tmp_path / "a.npy", PIXELS)
    failing = {"BRITTLE_LAYER": "BinaryConv2d", "BRITTLE_TURN": "5"}
    given = ("--input", tmp_path / "a.npy", "--frames", "40", "--top", "1")
    code, out, err = ended(start(plans["replicas"], *given, **failing))
    (line,) = err.splitlines()
    assert code == 1
    assert "(first … dense on " in line
    number = int(line.split(":")[1].removeprefix(" frame "))
    assert frames_told(out) == [*range(number)]


def test_ctrl_c_tells_what_was_measured(start, plans, tmp_path):
    np.save(tmp_path / "a.npy", PIXELS)
    output = tmp_path / "results.npy"
    given = ("--input", tmp_path / "a.npy", "--frames", 10**9, "--top", "1", "-o", output)
    process = start(plans["replicas"], *given)
    before = first_lines(process, 50)
    process.send_signal(signal.SIGINT)
    code, out, err = ended(process)
    numbers = frames_told("".join(before) + out)
    assert code == 130
    assert numbers == [*range(len(numbers))]
    assert err == f"bnnplan: interrupted after {len(numbers):,} frames\n"
    assert f"{len(numbers):,} frames in " in out
    assert "period of a frame: predicted " in out
    wanted = np.resize(evaluate(chain(), {"pixels": PIXELS})["logits"], (len(numbers), 10))
    np.testing.assert_array_equal(np.load(output), wanted)


def test_ctrl_c_where_only_the_rate_is_asked_for(start, plans, tmp_path):
    begun = tmp_path / "begun"
    process = start(plans["stages"], "--frames", 10**9, "--json", BRITTLE_BEGUN=str(begun))
    wait_for(begun)
    process.send_signal(signal.SIGINT)
    code, _, err = ended(process)
    assert code == 130
    assert err.startswith("bnnplan: interrupted")
    assert len(err.splitlines()) == 1


def test_ctrl_c_while_standard_input_has_nothing(start, plans, tmp_path):
    begun = tmp_path / "begun"
    given = ("--input", "-", "--top", "1")
    process = start(plans["stages"], *given, stdin=subprocess.PIPE, BRITTLE_BEGUN=str(begun))
    process.stdin.buffer.write(PIXELS[:3].tobytes())
    process.stdin.flush()
    wait_for(begun)
    time.sleep(0.2)  # Until the rest is read, mostly: it must end as well before that.
    process.send_signal(signal.SIGINT)
    code, _, err = ended(process)
    assert code == 130
    assert err.startswith("bnnplan: interrupted")


def test_sigterm_leaves_nothing(start, plans, tmp_path):
    np.save(tmp_path / "a.npy", PIXELS)
    given = ("--input", tmp_path / "a.npy", "--frames", 10**9, "--top", "1")
    process = start(plans["stages"], *given, "-o", tmp_path / "results.npy")
    first_lines(process)
    process.send_signal(signal.SIGTERM)
    code, _, err = ended(process)
    assert (code, err) == (143, "bnnplan: terminated\n")
    assert os.listdir(tmp_path) == ["a.npy"]


@pytest.fixture(scope="module")
def native_plan(tmp_path_factory, plans):
    """A plan whose stages native threads run, on cores 0 and 1.

    All layers take equally long, so that whatever was measured the best plan is one for both.
    """
    board = detect_board().board.only(["cpu0"])
    if not {"core:0", "core:1"} <= board.devices[0].resources:
        pytest.skip("cores 0 and 1 are of different clusters")
    network = lower(chain())
    profile = profile_network(network, board, options=Options(tolerance=0.5, budget=1.0))
    equal = Time(1000, 1000, 1000, 1000, 100)
    layers = {
        name: attrs.evolve(
            costs, placements=[attrs.evolve(c, time=equal, loaded=None) for c in costs.placements]
        )
        for name, costs in profile.layers.items()
    }
    profile = attrs.evolve(profile, layers=layers)
    file = tmp_path_factory.mktemp("native") / "native.json"
    source = str(plans["stages"].with_name("chain.bnn"))
    request = Request(objectives=(Measure.PERIOD,))
    save_plan(find_plan(network, profile, source=source, request=request), file)
    return file


@pytest.mark.parametrize("by", ["native", "interpreter"])
def test_a_core_that_is_taken_away_is_named(start, plans, native_plan, tmp_path, by):
    np.save(tmp_path / "a.npy", PIXELS)
    given = ("--input", tmp_path / "a.npy", "--frames", 10**9, "--top", "1")
    process = start(native_plan if by == "native" else plans["stages"], *given)
    first_lines(process)
    for thread in os.listdir(f"/proc/{process.pid}/task"):
        # Threads that have ended meanwhile do not matter.
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(int(thread), {0})
    code, _, err = ended(process)
    (line,) = err.splitlines()
    assert code == 1
    assert "core 1" in line
    assert "failed" in line


def test_a_reader_that_stops_ends_the_run(start, plans, tmp_path):
    np.save(tmp_path / "a.npy", PIXELS)
    given = ("--input", tmp_path / "a.npy", "--frames", 10**9, "--top", "1")
    process = start(plans["stages"], *given)
    assert first_lines(process)[0].startswith("frame 0: ")
    process.stdout.close()
    code, _, err = ended(process)
    assert code == 1
    assert "Traceback" not in err


def test_a_reader_that_is_slow_loses_nothing(start, plans, tmp_path):
    np.save(tmp_path / "a.npy", PIXELS)
    given = ("--input", tmp_path / "a.npy", "--frames", 400, "--top", "1", "--window", "2")
    process = start(plans["replicas"], *given)
    # Smaller than what is printed, so that the command has to wait.
    fcntl.fcntl(process.stdout, fcntl.F_SETPIPE_SZ, 4096)
    lines = first_lines(process)
    time.sleep(0.5)
    code, out, err = ended(process)
    assert code == 0, err
    assert frames_told(lines[0] + out) == [*range(400)]
