"""Whatever the streams, stages and devices: a pipeline gives what running the layers one by one
gives, in order."""

import itertools
import os
import threading

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import branches, chain, skips
from pipeline_plans import CORES, assert_same, core_board, frames_of, plan_of, stream_of, wanted_of

from bnnplan.backends.conformance.kinds import KINDS
from bnnplan.backends.conformance.networks import networks
from bnnplan.backends.interface import Configuration
from bnnplan.backends.reference.backend import ReferenceKernel
from bnnplan.backends.registry import get_backend
from bnnplan.models.load import open_network
from bnnplan.models.lowering import lower
from bnnplan.planner.board import Board, detect_board
from bnnplan.planner.cores import part_of
from bnnplan.planner.execution.pipelines import Pipeline
from bnnplan.planner.execution.pipelines.assembly import assemble
from bnnplan.planner.execution.pipelines.units import resources
from bnnplan.planner.execution.workbench import Workbench
from bnnplan.planner.problem import Limit, Measure
from bnnplan.planner.request import Request

BOARD = core_board()
DEVICES = [device.name for device in BOARD.devices]


@st.composite
def streams(draw, network, batch):
    """A device for every layer, and stages that are possible with them."""
    cpu = get_backend("cpu")
    placed, stages = {}, {}
    for node in network.nodes:
        bound = network.bind(node, batch)
        able = DEVICES if cpu.supports(bound, BOARD.device("c0")) is None else ["a", "b"]
        placed[node.name] = draw(st.sampled_from(able))
        busy = resources(BOARD, placed[node.name])
        stages[node.name] = draw(st.integers(0, 1))
        for tensor in node.inputs:
            maker = network.producers.get(tensor)
            if maker is not None:
                apart = busy.isdisjoint(resources(BOARD, placed[maker.name]))
                stages[node.name] = max(stages[node.name], stages[maker.name] + apart)
    return stream_of(network, placed.values(), list(stages.values()))


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_any_pipeline_gives_what_its_layers_give(data):
    drawn = data.draw(networks([*KINDS], lambda bound: True))
    network, batch = drawn.network, drawn.batch
    plan = plan_of(network, BOARD, data.draw(streams(network, batch)), batch=batch)
    slack = data.draw(st.sampled_from((None, 0, 1, 3)))
    window = data.draw(st.sampled_from((None, 1, 2, 5)))
    frames = frames_of(network, data.draw(st.integers(0, 9)), drawn.choice)
    with Pipeline(plan, network, slack=slack, window=window) as pipeline:
        results = list(pipeline.map(frames))
    assert_same(network, results, wanted_of(network, plan, frames))


@given(st.data())
@settings(max_examples=10, deadline=None)
def test_streams_keep_the_order_of_frames(data):
    network = data.draw(st.sampled_from((chain, branches)))()
    pairs = [("c0", "a"), ("c1", "b")]
    drawn = [
        stream_of(network, [data.draw(st.sampled_from(pair)) for _ in network.nodes])
        for pair in pairs
    ]
    batch = data.draw(st.integers(1, 3))
    plan = plan_of(network, BOARD, *drawn, batch=batch)
    frames = frames_of(network, data.draw(st.integers(1, 50)))
    with Pipeline(plan, network) as pipeline:
        for _ in range(2):
            results = list(pipeline.map(frames))
            assert_same(network, results, wanted_of(network, plan, frames))


def test_a_concurrent_plan_runs_in_as_many_stages_as_that_takes():
    network = branches()
    plan = plan_of(network, BOARD, stream_of(network, ["c0", "c0", "c1", "b"]), concurrent=True)
    frames = frames_of(network, 20)
    with Pipeline(plan, network) as pipeline:
        results = list(pipeline.map(frames))
        report = pipeline.report()
    assert_same(network, results, wanted_of(network, plan, frames))
    assert [(s.stage, s.devices, s.layers) for s in report.stages] == [
        (0, ("c0",), ("first", "left")),
        (1, ("c1", "b"), ("right", "sum")),
    ]


def test_a_layer_without_inputs_from_others_is_no_reason_to_wait(monkeypatch):
    """Both branches read the network's input: each is a first stage of its own."""
    network = chain()
    both = attrs.evolve(
        network,
        nodes=[network.nodes[0], attrs.evolve(network.nodes[0], name="twin", outputs=["more"])],
        outputs=["bits", "more"],
    )
    plan = plan_of(both, BOARD, stream_of(both, ["a", "b"], [0, 0]))
    frames = frames_of(both, 6)
    with Pipeline(plan, both) as pipeline:
        results = list(pipeline.map(frames))
    assert_same(both, results, wanted_of(both, plan, frames))


@pytest.mark.parametrize("devices", ["aabba", ["c0", "c0", "c1", "c1", "c0"]])
def test_rings_of_different_lengths(devices):
    network = skips()
    plan = plan_of(network, BOARD, stream_of(network, devices, [0, 0, 1, 1, 2]))
    frames = frames_of(network, 20)
    with Pipeline(plan, network, slack=0) as pipeline:
        results = list(pipeline.map(frames))
    assert_same(network, results, wanted_of(network, plan, frames))


@pytest.mark.parametrize(
    ("devices", "stages"),
    [("accaa", [0, 1, 1, 2, 2]), ("cacac", [0, 1, 1, 2, 2]), ("ccccc", [0, 1, 2, 3, 4])],
)
def test_rings_in_the_memory_of_a_device(devices, stages):
    """Of OpenCL, whose programs cannot follow slots: what they make is held on the device."""
    found = [d for d in detect_board().board.devices if d.backend == "opencl"]
    if not found:
        pytest.skip("there is no OpenCL device here")
    opencl = attrs.evolve(found[0], resources=sorted(found[0].resources)[-1:] or ["queue:0"])
    board = Board("both", [BOARD.device("c0"), opencl])
    network = skips()
    names = {"a": "c0", "c": opencl.name}
    plan = plan_of(network, board, stream_of(network, [names[one] for one in devices], stages))
    frames = frames_of(network, 12)
    with Pipeline(plan, network) as pipeline:
        results = list(pipeline.map(frames))
    assert_same(network, results, wanted_of(network, plan, frames))


def test_a_stage_that_reads_from_another_memory_has_a_native_thread():
    """It is the other one that copies, by way of the interpreter."""
    network = chain()
    stream = stream_of(network, ["b"] * 3 + ["c0"] * 3, [0] * 3 + [1] * 3)
    plan = plan_of(network, BOARD, stream)
    found = assemble(Workbench(network, BOARD, 1), plan, slack=None, window=None)
    assert [stage.turns is None for stage in found.streams[0].stages] == [False, True]


def test_threads_of_the_interpreter_stay_on_the_cores_of_their_devices(monkeypatch):
    network = chain()
    plan = plan_of(network, BOARD, stream_of(network, "aaabbb", [0] * 3 + [1] * 3))
    seen = {}
    run = ReferenceKernel.run

    def looking(kernel, inputs, outputs):
        seen.setdefault(kernel.device.name, set()).update(os.sched_getaffinity(0))
        run(kernel, inputs, outputs)

    monkeypatch.setattr(ReferenceKernel, "run", looking)
    before = os.sched_getaffinity(0)
    with Pipeline(plan, network) as pipeline:
        list(pipeline.map(frames_of(network, 3)))
    cores = {
        d.name: {int(name.removeprefix("core:")) for name in d.resources} for d in BOARD.devices
    }
    assert seen == {"a": cores["a"], "b": cores["b"]}
    assert os.sched_getaffinity(0) == before


def test_frames_are_taken_as_they_are_needed():
    network = chain()
    plan = plan_of(network, BOARD, stream_of(network, ["c0"] * 6))
    (frame,) = frames_of(network, 1)
    pulled = []

    def endless():
        for number in itertools.count():
            pulled.append(number)
            yield frame["pixels"]

    with Pipeline(plan, network, window=8) as pipeline:
        results = pipeline.map(endless())
        assert not pulled
        for _ in range(100):
            next(results)
            # A window, and what is gathered to enter next.
            assert len(pulled) <= _ + 1 + 8 + 8
    assert not [thread for thread in threading.enumerate() if "bnnplan-stage" in thread.name]


def test_an_empty_stream_gives_nothing():
    network = chain()
    plan = plan_of(network, BOARD, stream_of(network, ["c0"] * 6))
    with Pipeline(plan, network) as pipeline:
        assert list(pipeline.map([])) == []
        assert pipeline.report().frames == 0


def test_the_network_is_opened_from_the_source_of_the_plan():
    network = lower(open_network("fashion"))
    plan = plan_of(network, BOARD, stream_of(network, ["c0"] * len(network.nodes)))
    frames = frames_of(network, 3)
    with Pipeline(plan) as pipeline:
        results = list(pipeline.map(frame["pixels"] for frame in frames))
    assert_same(network, results, wanted_of(network, plan, frames))


def test_one_batch_again_and_again_is_measured():
    network = chain()
    plan = plan_of(
        network,
        BOARD,
        stream_of(network, ["c0"] * 3 + ["c1"] * 3, [0] * 3 + [1] * 3),
        batch=2,
    )
    arrays = {"pixels": np.zeros((2, 8, 8, 1), np.uint8)}
    with Pipeline(plan, network) as pipeline:
        for count in (1, 500):
            measured = pipeline.run_batches(arrays, count)
            assert measured.batches >= count
            assert measured.period.median > 0
            assert 0 < measured.latency_p50_ns <= measured.latency_p90_ns
            assert [stage.devices for stage in measured.stages] == [("c0",), ("c1",)]
            assert all(0 < stage.busy <= 1 and stage.busy_ns > 0 for stage in measured.stages)
        assert pipeline.report().frames >= 1000
        frames = frames_of(network, 5)
        results = list(pipeline.map(frames))
    assert_same(network, results, wanted_of(network, plan, frames))


@pytest.mark.parametrize("slack", [0, 1, 4])
def test_memory_counts_rings_as_often_as_they_are_held(slack):
    network = chain()
    stream = stream_of(network, ["c0"] * 3 + ["c1"] * 3, [0] * 3 + [1] * 3)
    with Pipeline(plan_of(network, BOARD, stream), network, slack=slack) as pipeline:
        (host,) = pipeline.memory
    ring = network.types["deep"].nbytes()
    with Pipeline(plan_of(network, BOARD, stream), network, slack=0) as least:
        (base,) = least.memory
    assert host.activation_bytes - base.activation_bytes == slack * max(64, ring)
    assert host.alive_bytes <= host.activation_bytes


@pytest.mark.skipif(len(CORES) < 2, reason="two cores are divided")
def test_weights_that_streams_share_are_counted_once():
    network = chain()
    whole = attrs.evolve(BOARD.device("c0"), resources={f"core:{n}" for n in CORES[:2]}, threads=2)
    parts = [part_of(whole, [core]) for core in CORES[:2]]
    board = attrs.evolve(BOARD, devices=[whole, *parts, *BOARD.devices[1:]])
    one, same = (stream_of(network, [part.name] * len(network.nodes)) for part in parts)
    others = [
        attrs.evolve(row, configuration=Configuration("Z"))
        if row.name == network.nodes[0].name
        else row
        for row in same.layers
    ]
    held = [
        Pipeline(plan_of(network, board, *streams), network).memory[0].weight_bytes
        for streams in ([one], [one, same], [one, attrs.evolve(same, layers=others)])
    ]
    assert held[0] == held[1] < held[2] < 2 * held[0]


@pytest.mark.parametrize(
    ("wishes", "slack"),
    [
        (Request(), 1),
        (Request(memory={"host": 10**6}), 1),
        (Request(memory={"host": 1}), 0),
        (Request(limits=[Limit(Measure.LATENCY, 10**6)]), 0),
    ],
)
def test_there_is_slack_where_nothing_forbids_it(wishes, slack):
    network = chain()
    stream = stream_of(network, ["c0"] * 3 + ["c1"] * 3, [0] * 3 + [1] * 3)
    plan = plan_of(network, BOARD, stream, request=wishes)
    assert Pipeline(plan, network).memory == Pipeline(plan, network, slack=slack).memory


def test_stages_of_the_interpreter_hold_their_ends_apart_from_the_window():
    network = chain()
    native, interpreted = (
        Pipeline(plan_of(network, BOARD, stream_of(network, [device] * 6)), network).memory[0]
        for device in ("c0", "a")
    )
    ends = network.types["pixels"].nbytes() + network.types["logits"].nbytes()
    assert interpreted.activation_bytes - native.activation_bytes == ends
