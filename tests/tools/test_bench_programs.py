"""The benchmark programs: the form of their results, and what they do with what they cannot run."""

import importlib.metadata
import itertools
import json
import os
import platform
import re
import subprocess
import sys

import attrs
import numpy as np
import pytest
from bench_path import BENCH, on_path

from bnnplan.backends.cpu.native import best_variant
from bnnplan.models.tensors import decode
from bnnplan.planner.execution.measure import Measurement

on_path()

from bench import Result, line, quantity  # noqa: E402
from choosing import plan_row, worst  # noqa: E402
from shapes import shapes  # noqa: E402
from timing import FEWEST, QUICK, compared, in_turns, refusal  # noqa: E402

FIELDS = {
    "name": str,
    "threads": int,
    "ours": float,
    "unit": str,
    "peer": str,
    "peer_value": float | None,
    "ratio": float | None,
    "spread": float,
    "runs": int,
}


ASIDE = ": memory beyond weights"


def called(program, *options, **environment):
    kept = {name: value for name, value in os.environ.items() if name != "BNNPLAN_ISA"}
    return subprocess.run(
        [sys.executable, BENCH / program, *options],
        env={**kept, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def run(program, tmp_path, *options):
    file = tmp_path / "results.json"
    ran = called(program, "--quick", "--json", file, *options)
    assert ran.returncode == 0, ran.stderr
    document = json.loads(file.read_text())
    assert document["schema"] == "bnnplan.bench"
    assert document["version"] == 1
    assert {"cpu", "cores", "isa", "date", "commit"} <= set(document["machine"])
    for row in document["results"]:
        assert set(row) == set(FIELDS)
        assert all(isinstance(row[name], kind) for name, kind in FIELDS.items())
        assert row["name"].removesuffix(": all layers").removesuffix(ASIDE) in ran.stdout
    return document, ran.stdout


def test_a_layer_against_an_engine_and_one_that_cannot(tmp_path):
    pytest.importorskip("onnxruntime")
    options = ["--only", "3×3 7²×512", "--threads", "1", "--peer", "onnxruntime-float32", "numba"]
    isa = ["--isa", "avx2"] if platform.machine() == "x86_64" else []
    document, _ = run("kernels.py", tmp_path, *options, *isa)
    rate, *others = document["results"]
    assert document["machine"]["isa"] == (isa[-1] if isa else best_variant())
    assert document["machine"]["peers"]
    assert rate["name"] == "conv 3×3 7²×512, bits to bits: rate"
    assert rate["ours"] > 0
    (timed,) = (row for row in others if row["peer"].startswith("onnxruntime"))
    assert timed["peer_value"] > 0
    assert timed["runs"] >= 3
    assert timed["peer"] == f"onnxruntime {importlib.metadata.version('onnxruntime')} float32"
    (refused,) = (row for row in others if row["peer"].startswith("numba"))
    assert refused["ratio"] is None
    assert refused["peer"].partition(": ")[2]


def test_hand_over_between_stages(tmp_path):
    document, _ = run("pipeline.py", tmp_path, "--only", "hand-over")
    names = ["hand-over, spinning", "hand-over, asleep"]
    assert [row["name"] for row in document["results"]] == names
    if document["machine"]["cores"] > 1:
        assert all(row["ours"] > 0 and row["peer_value"] > 0 for row in document["results"])


@pytest.mark.slow
def test_plans_for_throughput_against_one_core(tmp_path):
    document, _ = run("pipeline.py", tmp_path, "--quick", "--only", "throughput")
    rows = document["results"]
    assert all(row["ours"] > 0 for row in rows) or document["machine"]["cores"] < 2
    if document["machine"]["cores"] > 1:
        assert {row["peer"] for row in rows} >= {"one core", "one program on all cores", "measured"}


@pytest.mark.slow
def test_plans_from_less_than_a_whole_profile(tmp_path):
    document, _ = run("choosing.py", tmp_path, "--only", "fashion")
    rows = {row["name"]: row for row in document["results"]}
    assert rows["fashion: elimination"]["peer"] == "profile in full"
    assert all(row["ours"] > 0 for name, row in rows.items() if name.startswith("fashion"))
    share = rows["share of the time, elimination, largest"]["ours"]
    assert share == pytest.approx(100 / rows["fashion: elimination"]["ratio"])


def test_the_ratio_of_plans_is_above_1_where_less_found_a_faster_one():
    fast, slow = (Measurement([ns, ns + 1, ns + 2] * 20, []) for ns in (1000, 2000))
    measured = {f"elimination {i}": fast for i in range(3)}
    measured |= {f"profile in full {i}": one for i, one in enumerate((slow, fast, slow))}
    row = plan_row("net: plan of elimination", 2, "elimination", measured, 3)
    assert (row.ours, row.peer_value, row.runs) == (1.001, 2.001, 180)
    assert row.ratio == pytest.approx(2, rel=1e-2)
    assert row.spread == pytest.approx(1, rel=1e-2)


def test_the_worst_of_all_networks():
    kinds = "elimination", "elimination with a model"
    rows = [
        Result(f"{net}: {what}", 2, 1.0, "µs", ratio=ratio)
        for net, ratio in (("a", 5.0), ("b", 0.8))
        for what in (
            *kinds,
            *(f"plan of {kind}" for kind in (*kinds, "predictions alone")),
            "latency by predictions alone",
        )
    ]
    assert {row.name: round(row.ours, 6) for row in worst(rows)} == {
        **{f"share of the time, {kind}, largest": 125.0 for kind in kinds},
        **{f"loss of plans, {kind}, largest": 25.0 for kind in (*kinds, "predictions alone")},
        "error of latencies, median": 210.0,
        "error of latencies, largest": 400.0,
    }


def test_a_network_against_an_engine(tmp_path):
    pytest.importorskip("onnxruntime")
    options = ["--only", "fashion", "--threads", "1", "--batch", "1"]
    document, printed = run("networks.py", tmp_path, *options, "--peer", "onnxruntime-int8")
    timed, layers, memory = document["results"]
    assert timed["name"] == "fashion batch 1"
    assert timed["peer_value"] > 0
    assert layers["name"] == "fashion batch 1: all layers"
    # None on a machine that is too busy.
    assert layers["ratio"] in (None, pytest.approx(layers["ours"] / layers["peer_value"]))
    assert memory["name"] == "fashion batch 1: memory beyond weights"
    assert memory["ours"] >= memory["peer_value"] > 0
    assert "\n  layers' share of the whole call " in printed
    assert re.search(r"\n  memory beyond weights [\d.]+ KiB of [\d.]+ KiB alive\n", printed)


@pytest.mark.parametrize("program", ["kernels.py", "networks.py"])
def test_an_unknown_name_is_told_with_those_that_there_are(program):
    ran = called(program, "--quick", "--only", "nosuch")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert re.fullmatch(r"--only nosuch: no such name; there are .+; .+\n", ran.stderr)


@pytest.mark.parametrize("program", ["kernels.py", "networks.py"])
def test_an_unknown_instruction_set_is_one_line(program):
    for options, forced in ((["--isa", "mmx"], {}), ([], {"BNNPLAN_ISA": "mmx"})):
        ran = called(program, "--quick", *options, **forced)
        assert (ran.returncode, ran.stdout) == (1, "")
        assert re.fullmatch(r'BNNPLAN_ISA is "mmx"; it must be .+\n', ran.stderr)


def test_our_inputs_stay_what_they_are():
    from mine import Mine, board_of
    from shapes import feeds

    (shape,) = (shape for shape in shapes(short=True) if "7²×512" in shape.name)
    network = shape.build(2, 0)
    given = feeds(network, 1)
    mine = Mine(network, board_of(1), 1, {})
    wanted = mine.results(given)
    program = mine.program(given)
    for buffer in mine.runner.buffers.values():
        buffer.array[...] = 0
    program.run()
    first = [buffer.array.copy() for buffer in program.steps[-1].outputs]
    program.run()
    (output,) = program.steps[-1].outputs
    np.testing.assert_array_equal(first[0], output.array)
    np.testing.assert_array_equal(decode(output.array, output.type), *wanted.values())


def test_quick_runs_have_the_same_layers():
    quick, whole = shapes(short=True), shapes()
    assert [shape.name for shape in quick] == [shape.name for shape in whole]
    assert all(1 < a.length < b.length for a, b in zip(quick, whole, strict=True))


@pytest.mark.parametrize("shape", shapes(short=True), ids=lambda shape: shape.name)
def test_layers_have_the_products_they_are_said_to_have(shape):
    network = shape.build(1, 0)
    counted = sum(node.layer.macs(network.bind(node).inputs) for node in network.nodes)
    assert counted * shape.batch == shape.macs
    if shape.image:
        image = shape.image(1, 0)
        assert sum(n.layer.macs(image.bind(n).inputs) for n in image.nodes) == shape.macs


def test_turns_are_interleaved_and_equally_many():
    calls = []
    found = in_turns({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, QUICK)
    assert len(found["a"]) == len(found["b"]) >= QUICK.rounds
    hasty = attrs.evolve(QUICK, seconds=0.0, patience=0.0)
    assert len(in_turns({"a": lambda: None}, hasty)["a"]) == FEWEST == 3
    changes = sum(x != y for x, y in itertools.pairwise(calls))
    assert changes >= QUICK.rounds


def test_a_ratio_is_above_one_where_we_are_faster():
    result = compared("x", 2, [1000.0, 2000.0, 3000.0], "other", [3000.0, 4000.0, 6000.0])
    assert (result.ours, result.peer_value, result.ratio) == (2.0, 4.0, 2.0)
    refused = refusal("x", 2, [1000.0, 2000.0, 3000.0], "other", "no such layer")
    assert (refused.ours, refused.peer, refused.ratio) == (2.0, "other: no such layer", None)


def test_there_is_no_ratio_where_either_was_disturbed():
    calm, disturbed = [2000.0] * 5, [2000.0, 2000.0, 2000.0, 30000.0, 30000.0]
    assert compared("x", 1, calm, "other", calm).ratio == 1.0
    for ours, theirs in ((calm, disturbed), (disturbed, calm)):
        result = compared("x", 1, ours, "other", theirs)
        assert (result.ours, result.peer_value, result.ratio) == (2.0, 2.0, None)
        assert " – " in line(result)


def test_quantities_have_no_powers_of_ten():
    assert quantity(94604.0, "µs") == "94.6 ms"
    assert quantity(2.5e6, "µs") == "2.5 s"
    assert quantity(12345.6, "KiB") == "12346 KiB"


def test_a_layer_is_what_more_layers_take_more():
    from kernels import one_layer

    assert one_layer(90.0, 10.0, 9) == 10.0
    assert one_layer(9.0, 10.0, 9) == 1.0


def test_tables_show_every_result_of_a_file(tmp_path):
    rows = [
        compared("a layer", 1, [1000.0, 2000.0, 3000.0], "fast", [2000.0, 5000.0, 6000.0]),
        refusal("a layer", 1, [1000.0, 2000.0, 3000.0], "slow", "no such layer"),
        compared("a layer", 1, [1000.0, 2000.0, 3000.0], "busy", [2e3, 5e3, 9e6]),
        attrs.evolve(refusal("a layer: rate", 1, [1.0, 1.0], "", ""), ours=1.5, peer=""),
    ]
    machine = {"cpu": "some", "date": "today"}
    document = {"schema": "bnnplan.bench", "version": 1, "machine": machine}
    file = tmp_path / "results.json"
    file.write_text(json.dumps({**document, "results": [attrs.asdict(row) for row in rows]}))
    ran = subprocess.run(
        [sys.executable, BENCH / "tables.py", file], capture_output=True, text=True, check=True
    )
    assert "| a layer | 2 µs | 1.50 | 5 µs (–) | 5 µs (2.00) | – | 100% |" in ran.stdout
    assert "A dash for a ratio: " in ran.stdout
    assert "- a layer: slow: no such layer" in ran.stdout
