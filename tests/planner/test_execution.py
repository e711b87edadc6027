import json
import os
import threading
import time

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import branches, chain, everywhere

from bnnplan.backends.interface import Configuration, DeviceError
from bnnplan.backends.reference import evaluate
from bnnplan.models.errors import InputError
from bnnplan.models.graph import Network, Node
from bnnplan.models.layers import Add
from bnnplan.models.tensors import TensorType
from bnnplan.planner.board import Board, detect_board
from bnnplan.planner.execution.runner import Runner, check_feeds, run_arrays
from bnnplan.planner.execution.segments import cut
from bnnplan.planner.execution.trace import EventKind, perfetto
from bnnplan.planner.execution.workbench import Workbench
from bnnplan.planner.profiling.oracle import random_feeds


@pytest.mark.parametrize("build", [chain, branches])
@pytest.mark.parametrize("concurrent", [False, True])
def test_any_assignment_equals_the_reference(two_references, build, concurrent):
    network = build()
    bench = Workbench(network, two_references, batch=2)

    @settings(max_examples=20, deadline=None)
    @given(st.lists(st.sampled_from("ab"), min_size=6, max_size=6), st.integers(0, 99))
    def holds(devices, seed):
        assignment = {
            node.name: (device, Configuration())
            for node, device in zip(network.nodes, devices, strict=False)
        }
        feeds = random_feeds(network, 2, seed)
        got = Runner(bench, assignment, concurrent=concurrent).run(feeds)
        wanted = evaluate(network, feeds)
        assert list(got) == list(network.outputs)
        for name, values in wanted.items():
            np.testing.assert_array_equal(got[name], values)

    holds()


def test_segments_are_maximal_runs(two_references):
    network = chain()
    assignment = everywhere(network, "a") | {"second": ("b", Configuration())}
    segments = cut(network, assignment)
    assert [(s.device, [n.name for n in s.nodes]) for s in segments] == [
        ("a", ["first", "pool"]),
        ("b", ["second"]),
        ("a", ["flat", "dense", "scale"]),
    ]


def test_concurrent_segments_keep_branches_apart():
    network = branches()
    assignment = everywhere(network, "a") | {"right": ("b", Configuration())}
    segments = cut(network, assignment, concurrent=True)
    assert [(s.device, [n.name for n in s.nodes]) for s in segments] == [
        ("a", ["first"]),
        ("a", ["left"]),
        ("b", ["right"]),
        ("a", ["sum"]),
    ]


def test_trace_names_layers_and_transfers_and_sums_to_less_than_the_whole(two_references):
    network = chain()
    assignment = everywhere(network, "a") | {"second": ("b", Configuration())}
    runner = Runner(Workbench(network, two_references), assignment)
    arrays = check_feeds(network, random_feeds(network, 1, 0), 1)
    trace = runner.run_timed(arrays)
    assert list(trace.by_name(EventKind.LAYER)) == [node.name for node in network.nodes]
    assert set(trace.by_name(EventKind.TRANSFER)) == {
        "pixels: user → host",
        "pooled: host → far",
        "deep: far → host",
        "logits: host → user",
    }
    parts = sum(trace.sum(kind) for kind in EventKind)
    assert 0 < parts <= trace.total
    events = json.loads(perfetto([trace, trace]))["traceEvents"]
    assert sum(event["ph"] == "X" for event in events) == 2 * len(trace.events)


@pytest.mark.parametrize(
    ("feeds", "words"),
    [
        ({}, "'pixels' of network 'chain' is missing"),
        ({"pixels": np.zeros((1, 8, 8, 1), np.uint8), "more": np.zeros(1)}, "no input 'more'"),
        ({"pixels": np.zeros((1, 8, 8, 2), np.uint8)}, r"shape \(1, 8, 8, 1\)"),
        ({"pixels": np.zeros((2, 8, 8, 1), np.uint8)}, r"shape \(1, 8, 8, 1\)"),
        ({"pixels": np.zeros((1, 8, 8, 1), np.float32)}, "of type uint8, not float32"),
    ],
)
def test_wrong_feeds_are_refused(feeds, words):
    with pytest.raises(InputError, match=words):
        check_feeds(chain(), feeds, 1)


def test_any_number_of_images_runs_in_batches(two_references):
    network = chain()
    runner = Runner(Workbench(network, two_references, batch=4), everywhere(network, "a"))
    feeds = random_feeds(network, 7, 3)
    np.testing.assert_array_equal(
        run_arrays(runner, feeds)["logits"], evaluate(network, feeds)["logits"]
    )


def test_a_device_that_is_gone_is_named(reference_board):
    from bnnplan.backends.interface import MemorySpace

    (device,) = reference_board.devices
    lost = attrs.evolve(device, name="gpu7", space=MemorySpace("gone"), resources={"queue:7"})
    board = Board("b", [lost])
    with pytest.raises(DeviceError, match="gpu7"):
        Workbench(chain(), board)


def test_an_error_in_a_concurrent_stage_surfaces(two_references, monkeypatch):
    network = branches()
    assignment = everywhere(network, "a") | {"right": ("b", Configuration())}
    runner = Runner(Workbench(network, two_references), assignment, concurrent=True)

    def fail():
        raise DeviceError("device b was lost")

    failing = next(stage for stage in runner.stages if stage.segment.device == "b")
    monkeypatch.setattr(failing.program, "run", fail)
    with pytest.raises(DeviceError, match="device b was lost"):
        runner.run(random_feeds(network, 1, 0))


def test_disjoint_devices_run_at_the_same_time(two_references, monkeypatch):
    network = branches()
    assignment = everywhere(network, "a") | {"right": ("b", Configuration())}
    runner = Runner(Workbench(network, two_references), assignment, concurrent=True)
    # Neither branch gets past the barrier unless the other one runs as well.
    barrier = threading.Barrier(2, timeout=60)
    for stage in runner.stages:
        if stage.segment.nodes[0].name in ("left", "right"):
            run = stage.program.run
            monkeypatch.setattr(stage.program, "run", lambda run=run: (barrier.wait(), run()))
    feeds = random_feeds(network, 1, 0)
    np.testing.assert_array_equal(runner.run(feeds)["total"], evaluate(network, feeds)["total"])


def test_devices_that_share_a_core_never_run_at_the_same_time(two_references, monkeypatch):
    shared = attrs.evolve(
        two_references,
        devices=[attrs.evolve(d, resources={"core:0"}) for d in two_references.devices],
    )
    network = branches()
    assignment = everywhere(network, "a") | {"right": ("b", Configuration())}
    runner = Runner(Workbench(network, shared), assignment, concurrent=True)
    busy = threading.Lock()

    def alone(run):
        assert busy.acquire(blocking=False)
        time.sleep(0.01)
        run()
        busy.release()

    for stage in runner.stages:
        run = stage.program.run
        monkeypatch.setattr(stage.program, "run", lambda run=run: alone(run))
    runner.run(random_feeds(network, 1, 0))


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="needs two cores")
def test_a_cluster_split_in_two_runs_branches_exactly():
    (cluster,) = detect_board().board.only(["cpu0"]).devices
    halves = [
        attrs.evolve(cluster, name=f"half{i}", resources={core}, threads=1)
        for i, core in enumerate(sorted(cluster.resources)[:2])
    ]
    network = branches(channels=64)
    assignment = everywhere(network, "half0") | {"right": ("half1", Configuration())}
    bench = Workbench(network, Board("split", halves), batch=3)
    runner = Runner(bench, assignment, concurrent=True)
    for seed in range(10):
        feeds = random_feeds(network, 3, seed)
        wanted = evaluate(network, feeds)
        for name, array in runner.run(feeds).items():
            np.testing.assert_array_equal(array, wanted[name])


def test_inputs_of_different_numbers_of_images_are_refused(two_references):
    kind = TensorType((4,), "int32")
    network = Network("two", {"x": kind, "y": kind}, [Node("sum", Add(), ["x", "y"], ["z"])], ["z"])
    runner = Runner(Workbench(network, two_references), everywhere(network, "a"))
    feeds = {"x": np.zeros((3, 4), np.int32), "y": np.zeros((5, 4), np.int32)}
    with pytest.raises(InputError, match="differ in batch size"):
        run_arrays(runner, feeds)
