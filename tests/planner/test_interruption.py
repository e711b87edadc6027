"""Ctrl-C and SIGTERM while a plan is searched for: the best so far, or an end without traces."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time

import pytest
from made_up import made_up_profile
from networks import chain

from bnnplan.models.lowering import lower
from bnnplan.planner import batches, fronts, presses, solving
from bnnplan.planner.baselines import baselines_of
from bnnplan.planner.problem import (
    Device,
    Edge,
    Measure,
    Option,
    Port,
    Problem,
    Space,
    Task,
    Tensor,
    TensorSize,
)
from bnnplan.planner.problem_format import problem_to_dict
from bnnplan.planner.profile import save_profile
from bnnplan.planner.request import Request
from bnnplan.planner.solvers import Status, check, pareto, skipping, solve
from bnnplan.planner.solvers.base import SolverError, told
from bnnplan.planner.solvers.checking.checker import measures
from bnnplan.planner.solvers.cpsat import engine as cpsat_engine
from bnnplan.planner.solvers.exact import exhaustive
from bnnplan.planner.solvers.heuristics import list_scheduling
from bnnplan.planner.solvers.interruption import heeding, interruptible, is_asked, over
from bnnplan.planner.solving import encodings_of


def shop(objectives=(Measure.LATENCY,), jobs=15):
    """A flexible job shop of jobs with 5 steps; of 15 nobody proves the optimum in a minute."""
    dice = random.Random(1)
    devices = [f"m{number}" for number in range(5)]
    tasks, tensors, edges = [], [], []
    for job in range(jobs):
        for step in range(5):
            options = tuple(
                Option(
                    *(f"on {device}", device, dice.randint(100, 1000)),
                    *(("p",) * (step > 0), ("p",) * (step < 4), "all", 1, 0, ""),
                    energy=dice.randint(1, 1000),
                )
                for device in dice.sample(devices, 3)
            )
            tasks.append(Task(f"{job}.{step}", options))
            if step < 4:
                tensors.append(Tensor(f"x{job}.{step}", f"{job}.{step}", 0, (TensorSize("p", 1),)))
            if step > 0:
                edges.append(Edge(f"x{job}.{step - 1}", f"{job}.{step}"))
    return Problem(
        name="shop",
        tasks=tuple(tasks),
        tensors=tuple(tensors),
        edges=tuple(edges),
        devices=tuple(Device(name, frozenset([name])) for name in devices),
        spaces=(Space("all"),),
        ports=(Port("p", "all"),),
        objectives=objectives,
    )


SHOP = shop()


@pytest.fixture(autouse=True)
def handlers():
    """Ctrl-C as Python has it, and what was there before afterwards."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def solve_heeding(problem, *arguments, **named):
    with heeding():
        return solve(problem, *arguments, **named)


@pytest.fixture
def press(monkeypatch):
    """Press Ctrl-C when a function is called for the n-th time; gives the list of its calls."""

    def patch(module, name, turn=1):
        real = getattr(module, name)
        calls = []

        def pressed(*arguments, **named):
            calls.append(arguments)
            if len(calls) == turn:
                signal.raise_signal(signal.SIGINT)
            return real(*arguments, **named)

        monkeypatch.setattr(module, name, pressed)
        return calls

    return patch


def assert_best_so_far(problem, result):
    assert (result.status, result.interrupted) == (Status.FEASIBLE, True)
    assert check(problem, result.solution) == []
    assert result.bound < result.objective
    assert told(result).startswith(f"interrupted: best plan so far, gap {100 * result.gap:.3g} %")


@pytest.mark.parametrize("workers", [1, 2])
def test_in_cp_sat(monkeypatch, workers):
    found = threading.Event()
    real = cpsat_engine.interruptible

    def pressed(work, stop, is_over):
        # From another thread, while the main one waits for the search.
        threading.Timer(0.2, lambda: (found.set(), os.kill(os.getpid(), signal.SIGINT))).start()
        return real(work, stop, is_over)

    monkeypatch.setattr(cpsat_engine, "interruptible", pressed)
    result = solve_heeding(SHOP, "cpsat", workers=workers)
    assert found.is_set()
    assert_best_so_far(SHOP, result)


@pytest.mark.parametrize("name", ["improve", "starts"])
def test_in_a_search_of_our_own(press, name):
    begun = press(list_scheduling, name)
    searches = press(cpsat_engine, "_run", turn=0)
    result = solve_heeding(SHOP)
    assert begun
    assert_best_so_far(SHOP, result)
    assert searches == [], "nothing is begun after Ctrl-C"


def test_further_objectives_are_not_begun(press):
    problem = shop((Measure.LATENCY, Measure.ENERGY))
    heuristics = press(list_scheduling, "improve")
    result = solve_heeding(problem, "cpsat")
    assert_best_so_far(problem, result)
    values = measures(problem, result.solution)
    assert [(one.measure, one.value) for one in result.proofs] == [
        (measure, values[measure]) for measure in problem.objectives
    ]
    assert len(heuristics) <= list_scheduling.IMPROVED


def test_further_problems_are_not_begun(press):
    heuristics = press(list_scheduling, "improve")
    searches = press(cpsat_engine, "_run", turn=0)
    with heeding():
        first = solve(SHOP)
        begun = len(heuristics)
        second = solve(SHOP)
    assert len(heuristics) == begun
    assert searches == []
    assert_best_so_far(SHOP, first)
    assert (second.status, second.interrupted) == (Status.UNKNOWN, True)
    assert 0 < second.bound <= first.objective
    assert told(second) == "interrupted: no plan so far"


def test_baselines_that_were_not_begun_say_so(two_references):
    network = lower(chain())
    encodings = encodings_of(network, made_up_profile(two_references, network), Request())
    with heeding():
        signal.raise_signal(signal.SIGINT)
        rows = baselines_of(encodings, two_references)
    unknown = [row for row in rows if row.predicted is None]
    assert unknown
    assert {row.note for row in unknown} == {"not begun: interrupted"}


def test_a_front_ends_with_its_points(press):
    solved = press(pareto, "solve", turn=3)
    few = shop(jobs=2)
    with heeding():
        found = pareto.front(few, (Measure.LATENCY, Measure.ENERGY))
    assert len(solved) == 3
    assert (found.interrupted, found.complete) == (True, False)
    first, last = found.points
    assert first.values[0] < last.values[0]
    assert first.values[1] > last.values[1]
    for point in found.points:
        assert check(few, point.solution) == []


def test_the_other_end_of_a_front_is_a_point(press):
    press(list_scheduling, "improve")
    with heeding():
        found = pareto.front(SHOP, (Measure.LATENCY, Measure.ENERGY))
    assert found.interrupted
    assert len(found.points) == 1


def test_nothing_remains_of_an_interruption(press):
    press(list_scheduling, "improve")
    before = signal.getsignal(signal.SIGINT)
    assert solve_heeding(SHOP).interrupted
    assert signal.getsignal(signal.SIGINT) is before
    assert not is_asked()
    assert not solve_heeding(shop((Measure.ENERGY,))).interrupted


def test_the_second_ctrl_c_is_what_it_was(monkeypatch):
    with heeding():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)  # Of the same burst.
        assert over(time.perf_counter() + 60)
        monkeypatch.setattr(presses, "BURST_SECONDS", 0.0)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert not is_asked()


def test_where_ctrl_c_is_ignored_it_stays_so():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with heeding():
        signal.raise_signal(signal.SIGINT)
        assert not is_asked()
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_other_threads_can_search():
    results = []
    thread = threading.Thread(target=lambda: results.append(solve_heeding(shop((Measure.ENERGY,)))))
    thread.start()
    thread.join()
    assert results[0].status is Status.OPTIMAL


def test_what_a_search_raises_comes_out_of_its_thread():
    def work():
        raise ZeroDivisionError("inside")

    with pytest.raises(ZeroDivisionError, match="inside"):
        interruptible(work, lambda: None)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_fault_in_a_callback_is_one_line(workers):
    model = cpsat_engine.cp_model.CpModel()
    value = model.new_int_var(0, 10, "value")
    model.minimize(value)

    def watch(_):
        raise ValueError("cannot read it")

    effort = cpsat_engine.Effort(time.perf_counter() + 30, workers, 0)
    with pytest.raises(SolverError, match=r"^a solution of CP-SAT could not be read: .*cannot"):
        cpsat_engine.run(model, effort, watch=watch)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "problem.json"
    path.write_text(json.dumps(problem_to_dict(SHOP)))
    return path


def test_command_solves_a_problem_so_far(bnnplan, file, tmp_path, press):
    press(list_scheduling, "improve")
    code, out, err = bnnplan("solve", "--problem", file, "-o", tmp_path / "best.json")
    assert (code, err) == (0, "")
    assert "interrupted: best plan so far, gap " in out
    written = json.loads((tmp_path / "best.json").read_text())
    assert (written["status"], len(written["tasks"])) == ("feasible", len(SHOP.tasks))
    assert written["message"].startswith("interrupted: ")


def test_command_tells_of_an_interrupted_front(bnnplan, file, tmp_path, press):
    press(list_scheduling, "improve")
    front = ("--pareto", "latency,energy", "-o", tmp_path / "front.json")
    code, out, err = bnnplan("solve", "--problem", file, *front)
    assert (code, err) == (0, "")
    assert "1 point, not proven: interrupted" in out
    assert not json.loads((tmp_path / "front.json").read_text())["complete"]


@pytest.mark.parametrize("front", [(), ("--pareto", "latency,energy")])
def test_command_without_a_plan_so_far(bnnplan, file, tmp_path, press, front):
    press(exhaustive, "over")
    few = shop(jobs=1)
    file.write_text(json.dumps(problem_to_dict(few)))
    search = ("--method", "exhaustive", *front, "-o", tmp_path / "none.json")
    code, out, err = bnnplan("solve", "--problem", file, *search)
    assert (code, out) == (130, "")
    what = "solution" if front else "plan"
    assert err == f"bnnplan: interrupted before a {what} was found for 'shop'\n"
    assert not (tmp_path / "none.json").exists()


@pytest.mark.parametrize("front", [(), ("--pareto", "latency,memory")])
def test_command_ends_all_problems_of_a_network(
    bnnplan, net, tmp_path, two_references, press, front, monkeypatch
):
    profile = tmp_path / "profile.json"
    save_profile(made_up_profile(two_references, lower(chain())), profile)
    # As if there were two limits on threads, and the second one's problem might be far better.
    monkeypatch.setattr(skipping, "least_objective", lambda *_, **__: 1)
    for module in (batches, fronts):
        monkeypatch.setattr(module, "encodings_of", lambda *asked: 2 * encodings_of(*asked))
    module, name = (fronts, "front") if front else (solving, "solve")
    searches = press(module, name, turn=2)
    output = tmp_path / "out.json"
    code, out, err = bnnplan("solve", net, "--profile", profile, *front, "-o", output)
    assert (code, err) == (0, "")
    assert ("not proven: interrupted" if front else "interrupted: best plan so far, gap ") in out
    assert json.loads(output.read_text())
    assert len(searches) == 2


MAIN = "from bnnplan.planner.cli import main\nmain()\n"
SEARCHING = """\
import sys
from bnnplan.planner.solvers.cpsat import engine as cpsat_engine
real = cpsat_engine.interruptible
def announced(*arguments):
    print("searching", file=sys.stderr, flush=True)
    return real(*arguments)
cpsat_engine.interruptible = announced
"""
DEAF = "cpsat_engine.cp_model.CpSolver.stop_search = lambda solver: None\n"
WRITING = """\
import sys, time
from bnnplan.models import files
def announced(number):
    print("writing", file=sys.stderr, flush=True)
    time.sleep(60)
files.os.fsync = announced
"""


class Command:
    """A command in a process of its own, from the moment that it says what it does."""

    def __init__(self, program, *arguments, cwd, says):
        self.process = subprocess.Popen(
            [sys.executable, "-c", program + MAIN, *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=cwd,
        )
        assert self.process.stderr.readline() == says

    def end(self, number, again=False):
        """Send a signal, and others until it ends if so asked; exit code, output, error."""
        self.process.send_signal(number)
        while again and self.process.poll() is None:
            time.sleep(0.05)
            self.process.send_signal(number)
        out, err = self.process.communicate(timeout=60)
        return self.process.returncode, out, err


@pytest.fixture
def command(file, tmp_path):
    """Start to solve the problem into a file."""
    started = []

    def start(program, says, *arguments):
        run = Command(
            *(program, "solve", "--problem", file.name, "-o", "best.json", *arguments),
            cwd=tmp_path,
            says=says,
        )
        started.append(run.process)
        return run

    yield start
    for process in started:
        process.kill()


def test_ctrl_c_gives_the_best_so_far(command, tmp_path):
    code, out, err = command(SEARCHING, "searching\n").end(signal.SIGINT)
    assert (code, err) == (0, "")
    assert "interrupted: best plan so far, gap " in out
    assert len(json.loads((tmp_path / "best.json").read_text())["tasks"]) == len(SHOP.tasks)


def test_ctrl_c_again_ends_also_a_search_that_does_not_listen(command, tmp_path):
    code, out, err = command(SEARCHING + DEAF, "searching\n").end(signal.SIGINT, again=True)
    assert (code, out, err) == (130, "", "bnnplan: interrupted\n")
    assert os.listdir(tmp_path) == ["problem.json"]


def test_sigterm_in_a_search(command, tmp_path):
    code, out, err = command(SEARCHING, "searching\n").end(signal.SIGTERM)
    assert (code, out, err) == (143, "", "bnnplan: terminated\n")
    assert os.listdir(tmp_path) == ["problem.json"]


def test_sigterm_while_a_file_is_written(command, tmp_path):
    quick = ("--method", "greedy")
    code, out, err = command(WRITING, "writing\n", *quick).end(signal.SIGTERM)
    assert (code, out, err) == (143, "", "bnnplan: terminated\n")
    assert os.listdir(tmp_path) == ["problem.json"]
