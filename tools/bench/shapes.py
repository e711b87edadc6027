"""The layers that are measured alone, as networks of one or more of them.

One layer cannot be timed alone in most engines: calling them takes longer than the layer. So a
layer stands in a network several times, and its time is the difference of that and of the network
that has it once, divided by the number of layers more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from attrs import frozen

from bnnplan.models.graph import Network, Node
from bnnplan.models.layers import BinaryConv2d, BinaryDense, Layer, Sign, Threshold
from bnnplan.models.tensors import ElementType, TensorType

CONVOLUTIONS = ((56, 64), (28, 128), (14, 256), (7, 512))
"""Side and channels of ResNet-18's 3×3 convolutions."""
PRODUCTS = (
    (64, 64, 576),
    (256, 256, 2304),
    (1024, 1024, 1024),
    (3136, 64, 576),
    (784, 128, 1152),
    (196, 256, 2304),
    (49, 512, 4608),
    (1, 2048, 8192),
)
"""M×N×K: rows of bits, columns of weights, bits of each."""
CHAIN, BESIDE, SHORT = 9, 5, 2
"""Layers in the longer network: convolutions one behind the other, products side by side."""
FLIPPED = 0.1


@frozen
class Shape:
    """A layer to measure.

    Parameters
    ----------
    name : str
    macs : int
        Of one layer.
    batch : int
        Images, or rows of a product.
    length : int
        How often it stands in the longer network.
    build : callable
        Network of a number of such layers, for a pad value.
    image : callable or None
        The same product with its rows as the pixels of one image, for engines that have
        convolutions only; None if `build` is one already.
    """

    name: str
    macs: int
    batch: int
    length: int
    build: Callable[[int, int], Network]
    image: Callable[[int, int], Network] | None = None

    @property
    def is_padded(self) -> bool:
        """Whether the pad value matters."""
        return self.image is None


def shapes(*, short: bool = False) -> list[Shape]:
    """All layers, in the order of tables; in shorter networks if wanted."""
    chain, beside = (SHORT, SHORT) if short else (CHAIN, BESIDE)
    return [
        *(convolution(*size, chain) for size in CONVOLUTIONS),
        *(product(*size, beside) for size in PRODUCTS),
    ]


def convolution(side: int, channels: int, most: int) -> Shape:
    """3×3 convolution from bits to bits, padded by one; several stand one behind the other."""

    def build(length: int, pad_value: int) -> Network:
        rng = np.random.default_rng(0)
        taps = 9 * channels
        made = [
            BinaryConv2d(
                weight=_signs(rng, channels, 3, 3, channels),
                pads=(1, 1, 1, 1),
                pad_value=pad_value,
                threshold=Threshold(
                    rng.normal(0, taps**0.5 / 2, channels).astype(np.int32),
                    rng.random(channels) < FLIPPED,
                ),
            )
            for _ in range(length)
        ]
        names = ["bits", *(f"y{index}" for index in range(length))]
        nodes = [
            Node(f"conv{index}", layer, [names[index]], [names[index + 1]])
            for index, layer in enumerate(made)
        ]
        return _behind_sign((side, side, channels), nodes, names[-1:])

    name = f"conv 3×3 {side}²×{channels}, bits to bits"
    return Shape(name, side * side * channels * channels * 9, 1, most, build)


def product(rows: int, columns: int, depth: int, most: int) -> Shape:
    """Binary matrix product to numbers; several stand side by side on the same bits."""

    def weights(length: int) -> list[np.ndarray]:
        rng = np.random.default_rng(0)
        return [_signs(rng, columns, depth) for _ in range(length)]

    def build(length: int, pad_value: int) -> Network:
        return _beside((depth,), [BinaryDense(weight) for weight in weights(length)])

    def image(length: int, pad_value: int) -> Network:
        layers = [
            BinaryConv2d(weight=weight.reshape(columns, 1, 1, depth)) for weight in weights(length)
        ]
        return _beside((1, rows, depth), layers)

    kind = "matrix-vector" if rows == 1 else "product"
    name = f"{kind} {rows}×{columns}×{depth}, bits to numbers"
    return Shape(name, rows * columns * depth, rows, most, build, image)


def feeds(network: Network, batch: int) -> dict[str, np.ndarray]:
    """Random numbers, none of them 0, for the one input."""
    ((name, kind),) = network.inputs.items()
    rng = np.random.default_rng(1)
    # The same numbers in the same order, whether the rows of a product are images or pixels.
    return {name: rng.standard_normal((batch, *kind.shape)).astype(np.float32)}


def _signs(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return 1 - 2 * rng.integers(0, 2, shape, np.int8)


def _beside(shape: tuple[int, ...], layers: Sequence[Layer]) -> Network:
    nodes = [Node(f"layer{i}", layer, ["bits"], [f"y{i}"]) for i, layer in enumerate(layers)]
    return _behind_sign(shape, nodes, [node.outputs[0] for node in nodes])


def _behind_sign(shape: tuple[int, ...], nodes: list[Node], outputs: list[str]) -> Network:
    first = Node("sign", Sign(), ["x"], ["bits"])
    return Network(
        "layers", {"x": TensorType(shape, ElementType.FLOAT32)}, [first, *nodes], outputs
    )
