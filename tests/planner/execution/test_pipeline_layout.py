"""Which threads a stream has, what they wait for, and how often tensors are held between them."""

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up import made_up_profile
from networks import branches, chain, skips
from pipeline_plans import stream_of

from bnnplan.backends.conformance.kinds import KINDS
from bnnplan.backends.conformance.networks import networks
from bnnplan.backends.interface import MemorySpace
from bnnplan.planner.board import Board
from bnnplan.planner.encoding import encode_problem
from bnnplan.planner.execution.pipelines.layout import Wait, lay_out
from bnnplan.planner.execution.pipelines.units import resources, with_stages
from bnnplan.planner.problem import Measure
from bnnplan.planner.request import Request
from bnnplan.planner.solvers.schedules.pipelining import pipelined
from bnnplan.planner.solvers.structure import Graph


@pytest.fixture(scope="module")
def four(reference_board):
    """Devices that share cores in a row: a with b, b with c; d shares none, in its own space."""
    (device,) = reference_board.devices
    cores = {"a": {"core:0"}, "b": {"core:0", "core:1"}, "c": {"core:1"}}
    shared = [attrs.evolve(device, name=name, resources=busy) for name, busy in cores.items()]
    far = attrs.evolve(device, name="d", resources=(), space=MemorySpace("far"))
    return Board("four", [*shared, far])


def formats_of(network):
    def formats(node):
        both = [
            [network.types[tensor].format for tensor in side]
            for side in (node.inputs, node.outputs)
        ]
        return tuple(both[0]), tuple(both[1])

    return formats


def laid(network, board, devices, stages=None, slack=0):
    stream = stream_of(network, devices, stages)
    return lay_out(network, board, stream, formats_of(network), slack=slack)


def held(layout):
    return {(tensor, space): count for (tensor, space, _), count in layout.rings.items()}


def test_a_chain_on_two_devices(four):
    layout = laid(chain(), four, "aaddda", [0, 0, 1, 1, 1, 2])
    first, second, third = layout.stages
    assert [stage.names for stage in layout.stages] == [
        ("first", "pool"), ("second", "flat", "dense"), ("scale",),
    ]  # fmt: skip
    assert held(layout) == {("pooled", "host"): 2, ("sums", "host"): 2}
    assert first.waits == (Wait(1, 2),)
    assert second.waits == (Wait(0, 0), Wait(2, 2))
    assert third.waits == (Wait(1, 0),)
    # The device with a memory of its own copies, both ways; the caller's ends lie in the window.
    assert [[(s[1], t[1]) for s, t in copies] for copies in second.copies] == [[("host", "far")]]
    assert [(s[1], t[1]) for s, t in second.exports] == [("far", "host")]
    assert not any(third.copies)
    assert not first.exports
    assert not third.exports
    assert {place[0] for place in layout.windows} == {"pixels", "logits"}
    assert all(not stage.uploads and not stage.downloads for stage in layout.stages)


def test_ends_in_another_space_are_carried_by_the_stages(four):
    layout = laid(chain(), four, "ddaaad", [0, 0, 1, 1, 1, 2])
    assert [[place[0] for place in stage.uploads] for stage in layout.stages] == [
        ["pixels"],
        [],
        [],
    ]
    assert [[place[0] for place in stage.downloads] for stage in layout.stages] == [
        [], [], ["logits"],
    ]  # fmt: skip
    assert not layout.windows


def test_layers_of_one_stage_that_share_nothing_are_side_by_side(four):
    layout = laid(branches(), four, "aacd", [0, 1, 1, 2])
    assert [(stage.number, stage.names) for stage in layout.stages] == [
        (0, ("first",)), (1, ("left",)), (1, ("right",)), (2, ("sum",)),
    ]  # fmt: skip
    assert layout.stages[3].waits == (Wait(1, 0), Wait(2, 0))


def test_a_tensor_leaves_another_memory_once(four):
    """`bits` is made in the other space, and read by stages of a and of c."""
    layout = laid(branches(), four, "daca", [0, 1, 1, 2])
    (copy,) = layout.stages[0].exports
    assert [place[:2] for place in copy] == [("bits", "far"), ("bits", "host")]
    assert held(layout)["bits", "host"] == 2
    assert not any(copies for stage in layout.stages for copies in stage.copies)
    assert {(w.stage, w.lag) for w in layout.stages[0].waits} == {(1, 2), (2, 2)}


def test_devices_that_share_by_way_of_others_are_one_stage(four):
    layout = laid(branches(), four, "abcc", [0, 0, 0, 0])
    (stage,) = layout.stages
    assert stage.devices == ("a", "b", "c")
    assert layout.rings == {}


def test_a_tensor_is_held_until_the_last_of_its_readers(four):
    """`bits` is read by the next stage and by the one after it, and is an output besides."""
    layout = laid(branches(), four, "adac", [0, 1, 2, 3], slack=1)
    # In ordinary memory, an output lies in the window; the far ends are used in stage 1 alone.
    assert held(layout) == {("l", "host"): 4, ("r", "host"): 3}


def test_of_several_rings_the_shortest_counts(four):
    """Stage 1 reads `bits`, which stage 2 reads as well, and `l`, which it reads alone."""
    layout = laid(skips(), four, "aadda", [0, 0, 1, 1, 2])
    assert held(layout) == {("bits", "host"): 3, ("l", "host"): 2}
    assert layout.stages[0].waits == (Wait(1, 2), Wait(2, 3))


def test_layers_without_stages_are_one(four):
    (stage,) = laid(chain(), four, "adadad").stages
    assert [segment.device for segment in stage.segments] == list("adadad")
    assert stage.waits == ()


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_no_order_of_events_overwrites_what_is_still_read(four, data):
    """Stages run whenever they need not wait: all end, and read what their own turn is to read."""
    network = data.draw(networks([*KINDS], lambda bound: True)).network
    devices = [data.draw(st.sampled_from("abcd")) for _ in network.nodes]
    stages = {}
    for node, device in zip(network.nodes, devices, strict=True):
        stages[node.name] = data.draw(st.integers(0, 1))
        for maker in filter(None, map(network.producers.get, node.inputs)):
            other = devices[network.nodes.index(maker)]
            apart = resources(four, device).isdisjoint(resources(four, other))
            stages[node.name] = max(stages[node.name], stages[maker.name] + apart)
    slack = data.draw(st.integers(0, 2))
    layout = laid(network, four, devices, list(stages.values()), slack)

    turns = 8
    ended = [0] * len(layout.stages)
    memory = {}

    def slot(place, turn):
        if place in layout.windows:
            return place, turn
        return place, turn % layout.rings.get(place, 1)

    def write(place, turn):
        memory[slot(place, turn)] = turn

    def read(place, turn):
        if place in layout.windows and place[0] in network.inputs:
            return
        assert memory[slot(place, turn)] == turn

    def may_run(number):
        turn = ended[number]
        waits = layout.stages[number].waits
        return turn < turns and all(ended[wait.stage] > turn - wait.lag for wait in waits)

    def run(number):
        turn, stage = ended[number], layout.stages[number]
        for place in stage.uploads:
            write(place, turn)
        for copies, layers in zip(stage.copies, stage.layers, strict=True):
            for source, target in copies:
                read(source, turn)
                write(target, turn)
            for layer in layers:
                for place in layer.inputs:
                    read(place, turn)
                for place in layer.outputs:
                    write(place, turn)
        for source, target in stage.exports:
            read(source, turn)
            write(target, turn)
        for place in stage.downloads:
            read(place, turn)
        ended[number] += 1

    order = data.draw(st.randoms(use_true_random=False))
    while ready := [number for number in range(len(ended)) if may_run(number)]:
        run(order.choice(ready))
    assert ended == [turns] * len(ended)


@given(st.data())
@settings(max_examples=30, deadline=None)
def test_stages_are_those_of_the_solver(two_references, profiles, data):
    """Where nothing has to be moved, since that may be a stage of its own."""
    network, profile = data.draw(st.sampled_from(profiles))
    devices = data.draw(st.tuples(*(st.sampled_from("ab") for _ in network.nodes)))
    encoding = encode_problem(network, profile, Request(objectives=[Measure.PERIOD]))
    chosen = {
        node.name: next(
            cost for cost in profile.layers[node.name].placements if cost.device == device
        )
        for node, device in zip(network.nodes, devices, strict=True)
    }
    solution = pipelined(Graph(encoding.problem), encoding.choice(chosen))
    names = [task.name for task in encoding.problem.tasks]
    wanted = dict(zip(names, solution.stages, strict=True))
    staged = with_stages(network, profile.board, stream_of(network, devices))
    assert {layer.name: layer.stage for layer in staged.layers} == {
        node.name: wanted[node.name] for node in network.nodes
    }


@pytest.fixture(scope="module")
def profiles(two_references):
    """Of both networks, on two devices of one space."""
    one, other = two_references.devices
    board = Board("pair", [one, attrs.evolve(other, space=one.space)])
    return [(network, made_up_profile(board, network)) for network in (chain(), branches())]
