"""Networks: their order, and what they refuse."""

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnnplan.models.errors import NetworkError
from bnnplan.models.graph import Network, Node
from bnnplan.models.layers import Add, Clip, ScaleBias
from bnnplan.models.tensors import TensorType

FLOATS = TensorType((2,), "float32")


def add(name, *inputs):
    return Node(name, Add(), inputs, [name])


def network(nodes, outputs):
    return Network("test", {"x": FLOATS}, nodes, outputs)


def in_rounds(nodes):
    """The order by definition: rounds through what is left, taking what is ready."""
    known, ordered, pending = {"x"}, [], list(nodes)
    while pending:
        waiting = []
        for node in pending:
            if known.issuperset(node.inputs):
                ordered.append(node)
                known.update(node.outputs)
            else:
                waiting.append(node)
        pending = waiting
    return tuple(ordered)


@st.composite
def shuffled_nodes(draw):
    names = ["x", *(f"n{index}" for index in range(draw(st.integers(1, 12))))]
    nodes = [
        add(name, draw(st.sampled_from(names[:place])), draw(st.sampled_from(names[:place])))
        for place, name in enumerate(names)
        if place
    ]
    return draw(st.permutations(nodes))


@given(shuffled_nodes())
def test_nodes_stand_in_the_order_of_rounds(nodes):
    made = network(nodes, [nodes[0].name])
    assert made.nodes == in_rounds(nodes)
    assert made.replace(made.nodes).nodes == made.nodes


def test_a_long_chain_in_reverse_order_takes_no_square_of_its_length():
    nodes = [Node(f"n{k}", Clip(), [f"n{k - 1}" if k else "x"], [f"n{k}"]) for k in range(20_000)]
    start = time.process_time()
    made = network(nodes[::-1], ["n19999"])
    assert time.process_time() - start < 10
    assert [node.name for node in made.nodes] == [node.name for node in nodes]


@pytest.mark.parametrize(
    ("nodes", "outputs", "words"),
    [
        ([add("a", "x", "x"), Node("a", Add(), "xx", "b")], ["a"], "layer name 'a' stands twice"),
        ([add("a", "x", "x"), Node("b", Add(), "xx", "a")], ["a"], "tensor 'a' is made twice"),
        ([Node("a", Add(), "xx", "x")], ["x"], "tensor 'x' is made twice"),
        ([add("a", "x", "y")], ["a"], "layer 'a' reads 'y', which nothing makes"),
        ([add("a", "x", "a")], ["a"], "cycle through 'a'"),
        ([add("end", "x", "b"), add("b", "c", "x"), add("c", "b", "x")], ["end"], "cycle .*'[bc]'"),
        ([add("a", "x", "x")], ["b"], "output 'b' is no tensor"),
        ([add("a", "x", "x")], [], "at least one input and one output"),
        ([Node("a", Add(), "xx", "ab")], ["a"], "'a' has 1 outputs, but 2 tensors are named"),
        ([Node("a", ScaleBias([1.0], [0.0]), "x", "a")], ["a"], "layer 'a': ScaleBias expects 1"),
    ],
)
def test_networks_that_cannot_be_are_refused(nodes, outputs, words):
    with pytest.raises(NetworkError, match=words):
        network(nodes, outputs)


def test_readers_and_makers_are_known():
    made = network([add("a", "x", "x"), add("b", "a", "x"), add("c", "a", "b")], ["c"])
    assert [node.name for node in made.consumers["a"]] == ["b", "c"]
    assert [node.name for node in made.consumers["x"]] == ["a", "b"]
    assert made.producers["b"].name == "b"
    assert "x" not in made.producers


def test_fingerprints_tell_weights_and_wiring_apart():
    def scaled(scale, *, name="a"):
        return network([Node(name, ScaleBias(scale, [0.0, 0.0]), "x", "y")], ["y"])

    one = scaled([1.0, 2.0])
    assert one.fingerprint == scaled([1.0, 2.0]).fingerprint
    assert one.fingerprint != scaled([1.0, 3.0]).fingerprint
    assert one.fingerprint != scaled([1.0, 2.0], name="b").fingerprint
    # Layers that differ in nothing but the values of their weights cost the same.
    bound, other = (n.bind(n.nodes[0], 3) for n in (one, scaled(np.array([7.0, 8.0]))))
    assert bound.signature == other.signature
    assert bound.signature != one.bind(one.nodes[0], 4).signature
