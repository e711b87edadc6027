"""Plans as pipelines for tests, made by hand; boards whose cores are devices of their own."""

import os

import attrs
import numpy as np

from bnnplan.backends.interface import Configuration, MemorySpace
from bnnplan.planner.board import Board, detect_board
from bnnplan.planner.execution.runner import Runner
from bnnplan.planner.execution.workbench import Workbench
from bnnplan.planner.plan import Plan, PlannedLayer, PlannedStream, Predicted, Proof
from bnnplan.planner.problem import Measure
from bnnplan.planner.profile import shape_fingerprint
from bnnplan.planner.profiling.oracle import random_feeds
from bnnplan.planner.request import Request
from bnnplan.planner.solvers.base import Proven

CORES = sorted(os.sched_getaffinity(0))


def core_board():
    """Two cores as devices c0 and c1; a and b compute with numpy on them, b in another space.

    Where there is only one core, all are on it.
    """
    detected = detect_board(oracles=True).board
    numpy = detected.device("reference0")
    first, last = f"core:{CORES[0]}", f"core:{CORES[min(1, len(CORES) - 1)]}"
    cluster = next(
        d for d in detected.devices if d.backend == "cpu" and {first, last} <= d.resources
    )
    return Board(
        "cores",
        [
            attrs.evolve(cluster, name="c0", resources={first}, threads=1),
            attrs.evolve(cluster, name="c1", resources={last}, threads=1),
            attrs.evolve(numpy, name="a", resources={first}),
            attrs.evolve(numpy, name="b", resources={last}, space=MemorySpace("far")),
        ],
    )


def stream_of(network, devices, stages=None):
    """A stream with a device and a stage for every node, in the order of the network."""
    rows = zip(network.nodes, devices, stages or [None] * len(network.nodes), strict=True)
    layers = [
        PlannedLayer(node.name, node.layer.kind, device, Configuration(), 0, 0, stage=stage)
        for node, device, stage in rows
    ]
    return PlannedStream(layers, [], 10**6, 10**6)


def plan_of(network, board, *streams, **changes):
    """A plan of streams."""
    first, *replicas = streams
    plan = Plan(
        source="fashion",
        network=network.name,
        network_fingerprint=shape_fingerprint(network),
        board=board,
        batch=1,
        request=Request(objectives=[Measure.PERIOD]) if replicas else Request(),
        layers=first.layers,
        transfers=[],
        launches_ns=0,
        concurrent=False,
        predicted=Predicted(10**6, 10**6),
        proof=Proof("feasible", [Proven(Measure.LATENCY, 10**6, 0)], "by hand", 0.0),
        replicas=replicas,
    )
    return attrs.evolve(plan, **changes)


def frames_of(network, count, seed=0):
    """Random frames, by input."""
    feeds = random_feeds(network, count, seed)
    return [{name: array[i] for name, array in feeds.items()} for i in range(count)]


def wanted_of(network, plan, frames):
    """What a runner of the plan's first stream gives for frames, one dict each."""
    used = dict.fromkeys(layer.device for layer in plan.layers)
    runner = Runner(Workbench(network, plan.board.only(used), 1), plan.assignment)
    made = [runner.run({name: array[None] for name, array in f.items()}) for f in frames]
    return [{name: values[0] for name, values in one.items()} for one in made]


def assert_same(network, results, wanted):
    """Results of a pipeline are these, in this order, bit for bit."""
    assert len(results) == len(wanted)
    for result, values in zip(results, wanted, strict=True):
        if not isinstance(result, dict):
            result = {network.outputs[0]: result}
        assert list(result) == list(values)
        for name, array in values.items():
            assert result[name].dtype == array.dtype
            np.testing.assert_array_equal(result[name], array)
