"""Small networks and boards for the planner's tests."""

import attrs
import numpy as np

from bnnplan.backends.interface import Configuration
from bnnplan.models.graph import Network, Node
from bnnplan.models.layers import (
    Add,
    BinaryConv2d,
    BinaryDense,
    BinaryWeightConv2d,
    Flatten,
    MaxPool2d,
    ScaleBias,
    Threshold,
)
from bnnplan.models.tensors import TensorType


def signs(random, *shape):
    return random.choice(np.array([-1, 1], np.int8), shape)


def threshold(random, channels):
    return Threshold(
        random.integers(-3, 4, channels).astype(np.int32), random.random(channels) < 0.3
    )


def chain(seed=0, size=8, channels=16):
    """An image through a first layer, a pooling, a binary convolution and a dense layer."""
    random = np.random.default_rng(seed)
    half = size // 2
    return Network(
        "chain",
        {"pixels": TensorType((size, size, 1), "uint8")},
        [
            Node(
                "first",
                BinaryWeightConv2d(
                    signs(random, channels, 3, 3, 1),
                    pads=1,
                    threshold=threshold(random, channels),
                ),
                ["pixels"],
                ["bits"],
            ),
            Node("pool", MaxPool2d(2, 2), ["bits"], ["pooled"]),
            Node(
                "second",
                BinaryConv2d(
                    signs(random, channels, 3, 3, channels),
                    pads=1,
                    threshold=threshold(random, channels),
                ),
                ["pooled"],
                ["deep"],
            ),
            Node("flat", Flatten(), ["deep"], ["vector"]),
            Node(
                "dense",
                BinaryDense(signs(random, 10, half * half * channels)),
                ["vector"],
                ["sums"],
            ),
            Node("scale", ScaleBias(np.ones(10), np.arange(10)), ["sums"], ["logits"]),
        ],
        ["logits"],
    )


def branches(seed=0, channels=16):
    """Two convolutions of the same bits, added."""
    random = np.random.default_rng(seed)

    def convolution():
        return BinaryConv2d(signs(random, channels, 3, 3, channels), pads=1)

    return Network(
        "branches",
        {"pixels": TensorType((6, 6, 2), "int8")},
        [
            Node(
                "first",
                BinaryWeightConv2d(
                    signs(random, channels, 1, 1, 2), threshold=threshold(random, channels)
                ),
                ["pixels"],
                ["bits"],
            ),
            Node("left", convolution(), ["bits"], ["l"]),
            Node("right", convolution(), ["bits"], ["r"]),
            Node("sum", Add(), ["l", "r"], ["total"]),
        ],
        ["total", "bits"],
    )


def skips(channels=16):
    """The branches, and what the first layer makes read once more at the end."""
    network = branches(channels=channels)
    again = attrs.evolve(network.nodes[2], name="again", outputs=["more"])
    return network.replace([*network.nodes, again], name="skips", outputs=("total", "more"))


def everywhere(network, device):
    return {node.name: (device, Configuration()) for node in network.nodes}


def with_threads(profile):
    """The same, with a second configuration of two threads of every layer."""
    layers = {
        name: attrs.evolve(
            costs,
            placements=[
                *costs.placements,
                *(attrs.evolve(c, configuration=Configuration("Y", 2)) for c in costs.placements),
            ],
        )
        for name, costs in profile.layers.items()
    }
    return attrs.evolve(profile, layers=layers)
