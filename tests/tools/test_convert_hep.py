"""HEP-BNN's recorded runs: its greedy choices again, and plans that are never above them."""

import os
import re
from pathlib import Path

import pytest
from bench_path import CONVERT, on_path

from bnnplan.models.errors import FileError
from bnnplan.planner.solvers import Status, solve

on_path(CONVERT)

from hep_bnn import NS_PER_SECOND, Time, best_batch, greedy, problem, read  # noqa: E402

DATA = Path(os.environ.get("BNNPLAN_DATA", Path(__file__).parents[3] / "shared" / "data"))
RUNS = [
    "server_results/14-10-22_16-29-49",
    "server_results/24-11-22_10-57-23",
    "server_tx2_results/23-11-22_10-17-28",
    "server_tx2_results/24-11-22_10-59-03",
]
HEADER = "batch_size,layer_nr,implem,cpu time [s],gpu time [s],total time [s]\n"


@pytest.fixture(params=RUNS)
def folder(request):
    path = DATA / "planner" / "hep-bnn" / request.param
    if not path.exists():
        pytest.skip(f"no {path}; set BNNPLAN_DATA")
    return path


def seconds(ns):
    return f"{ns / NS_PER_SECOND:.2f}"


def test_greedy_reproduces_what_hep_bnn_chose(folder):
    run = read(folder)
    choices = greedy(run)
    told = (folder / "optimal.txt").read_text()
    sums = re.findall(r"^batch_size (\d+): (\S+) \+ (\S+) = (\S+)$", told, re.MULTILINE)
    assert len(sums) == len(run)
    for batch, *wanted in sums:
        times = [
            layer[name] for layer, name in zip(run[int(batch)], choices[int(batch)], strict=True)
        ]
        found = [sum(time.cpu for time in times), sum(time.gpu for time in times)]
        assert [seconds(one) for one in (*found, sum(found))] == wanted
    assert best_batch(run) == int(sums[0][0])
    assert choices[best_batch(run)] == re.findall(r"^\d+: implem: (\w+)$", told, re.MULTILINE)


def test_the_greedy_method_is_hep_bnns_and_no_plan_is_above_it(folder):
    run = read(folder)
    for batch, layers in run.items():
        made = problem(f"batch {batch}", layers)
        result = solve(made, "greedy")
        names = [
            task.options[index].name
            for task, index in zip(made.tasks, result.solution.choice, strict=True)
        ]
        assert names == greedy(run)[batch]
        best = solve(made)
        assert best.status is Status.OPTIMAL
        assert (
            best.objective
            == result.objective
            == sum(layer[name].total for layer, name in zip(layers, names, strict=True))
        )


def written(folder, configuration, *rows, batch=4):
    (folder / configuration).mkdir(parents=True, exist_ok=True)
    file = folder / configuration / f"timings_{configuration}_{batch}.csv"
    file.write_text(HEADER + "\n".join(rows) + "\n")
    return file


def test_equal_times_are_taken_in_alphabetical_order(tmp_path):
    written(tmp_path, "y", "4,1,y,0.1,0.2,0.3", "4,2,y,0.5,0.0,0.5")
    written(tmp_path, "xz", "4,1,xz,0.3,0.0,0.3", "4,2,xz,0.4,0.0,0.4")
    run = read(tmp_path)
    assert run == {
        4: [
            {"xz": Time(300_000_000, 0), "y": Time(100_000_000, 200_000_000)},
            {"xz": Time(400_000_000, 0), "y": Time(500_000_000, 0)},
        ]
    }
    assert greedy(run) == {4: ["xz", "xz"]}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("4,1,x,0.1,0.2", "5 columns instead of 6"),
        ("4,one,x,0.1,0.2,0.3", "layer_nr must be a whole number, not 'one'"),
        ("4,1,x,0.1,0.2,0.4", "0.1 s and 0.2 s are not 0.4 s"),
        ("4,1,x,nan,0.2,0.3", "'nan' is no time in seconds"),
        ("4,1,x,-1,1,0", "'-1' is no time in seconds"),
        ("4,1,y,0.1,0.2,0.3", "configuration 'y'"),
    ],
)
def test_what_is_wrong_with_a_row_is_one_line(tmp_path, row, message):
    file = written(tmp_path, "x", row)
    with pytest.raises(FileError) as caught:
        read(tmp_path)
    assert str(caught.value) == f"{file}, line 2: {message}"


def test_layers_are_there_once_and_all(tmp_path):
    written(tmp_path, "x", "4,1,x,0,0,0", "4,1,x,0,0,0")
    with pytest.raises(FileError, match="line 3: layer 1 twice"):
        read(tmp_path)
    written(tmp_path, "x", "4,2,x,0,0,0")
    with pytest.raises(FileError, match="batch size 4: layers must be numbered from 1"):
        read(tmp_path)
    with pytest.raises(FileError, match="holds no CONFIGURATION/timings_"):
        read(tmp_path / "x")
