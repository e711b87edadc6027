"""What may be fed, and what is refused with a reason."""

import numpy as np
import pytest

from bnnplan.models.errors import InputError
from bnnplan.models.feeds import check_feeds, describe_input
from bnnplan.models.graph import Network, Node
from bnnplan.models.layers import Concat, ScaleBias
from bnnplan.models.tensors import TensorType


def small_network():
    scale = ScaleBias(np.ones(2), np.zeros(2))
    nodes = [
        Node("float", scale, ["bits"], ["float"]),
        Node("join", Concat(), ["float", "numbers"], ["out"]),
    ]
    inputs = {"bits": TensorType((2,), "bit"), "numbers": TensorType((3,), "float32")}
    return Network("small", inputs, nodes, ["out"])


def feeds(**changes):
    given = {"bits": np.ones((2, 2), np.int8), "numbers": np.zeros((2, 3), np.float32)}
    return {name: array for name, array in (given | changes).items() if array is not None}


def test_the_number_of_images_is_told():
    assert check_feeds(small_network(), feeds()) == 2
    assert check_feeds(small_network(), feeds(), 2) == 2


@pytest.mark.parametrize(
    ("changes", "batch", "words"),
    [
        ({"bits": None}, None, "input 'bits' of network 'small' is missing"),
        ({"other": np.zeros(1)}, None, "has no input 'other'; it has bits, numbers"),
        ({"numbers": np.zeros((2, 3))}, None, "'numbers' must be of type float32, not float64"),
        ({"bits": np.ones((2, 2), np.uint64)}, None, "'bits' must be of type int8, not uint64"),
        ({"bits": np.zeros((2, 2), np.int8)}, None, r"every element must be \+1 or -1"),
        ({"bits": np.full((2, 2), -128, np.int8)}, None, r"every element must be \+1 or -1"),
        ({"bits": np.ones((2, 3), np.int8)}, None, r"must have shape \(batch, 2\), not \(2, 3\)"),
        ({"bits": np.ones(2, np.int8)}, None, r"must have shape \(batch, 2\), not \(2,\)"),
        ({"numbers": np.float32(1)}, None, r"must have shape \(batch, 3\), not \(\)"),
        ({"bits": np.ones((0, 2), np.int8)}, None, "'bits' holds no images"),
        ({"bits": np.ones((1, 2), np.int8)}, None, r"differ in batch size: \[1, 2\]"),
        ({}, 4, r"must have shape \(4, 2\), not \(2, 2\)"),
    ],
)
def test_what_does_not_fit_is_refused(changes, batch, words):
    with pytest.raises(InputError, match=words) as caught:
        check_feeds(small_network(), feeds(**changes), batch)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("type", "text"),
    [
        (
            TensorType((2, 3, 1), "uint8"),
            "uint8 of shape (N, 2, 3, 1): batch, height, width, channels; from 0 to 255",
        ),
        (TensorType((7,), "bit"), "int8 of shape (N, 7): batch, elements; every element +1 or -1"),
        (
            TensorType((7,), "float32"),
            "float32 of shape (N, 7): batch, elements; scaled as in training",
        ),
    ],
)
def test_what_to_feed_is_told(type, text):
    assert describe_input(type) == text
