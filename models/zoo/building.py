"""What the zoo builds networks with: one method a layer, weights random or given.

Random networks behave like trained ones: the builder keeps an estimate of mean and deviation of
every channel of every tensor, and gives each batch norm the statistics it would have learned,
give or take. So bits are balanced, thresholds are spread, and some channels are flipped.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Mapping

import numpy as np

from bnnplan.models.errors import InputError
from bnnplan.models.graph import Network, Node
from bnnplan.models.layers import (
    Add,
    AveragePool2d,
    BatchNorm,
    BinaryConv2d,
    BinaryDense,
    BinaryWeightConv2d,
    Clip,
    Concat,
    Flatten,
    FloatConv2d,
    FloatDense,
    Layer,
    MaxPool2d,
    ScaleBias,
    Sign,
    Softmax,
    Split,
)
from bnnplan.models.tensors import ElementType, TensorType

Weights = Mapping[str, np.ndarray]
Statistics = tuple[np.ndarray, np.ndarray]
"""Mean and deviation of every channel."""

PIXELS: tuple[float, float] = (127.5, 73.9)
"""Mean and deviation of evenly spread pixels."""
FLIPPED = 0.1
"""Share of channels that a random batch norm scales by a negative number."""

RANDOM_WEIGHTS = "random weights"
"""How the note of a network that nobody trained begins."""

_SAMPLES = np.random.default_rng(0).standard_normal((1000, 9))


def same(extent: int, kernel: int, stride: int) -> tuple[int, int]:
    """Pads before and after that make ``ceil(extent / stride)`` outputs, as in TensorFlow."""
    total = max((-(-extent // stride) - 1) * stride + kernel - extent, 0)
    return total // 2, total - total // 2


class Builder:
    """Adds layers one after the other; every tensor has the name of the node that makes it.

    Parameters
    ----------
    name : str
    image : (height, width, channels)
        Of the input ``pixels``, uint8.
    seed : int
        Of random weights; each depends on the seed and its own name only.
    weights : mapping of str to ndarray, optional
        All arrays as ``node_field``, such as ``conv1_weight`` or ``bn1_gamma``, instead.
    """

    def __init__(
        self, name: str, image: tuple[int, int, int], seed: int, weights: Weights | None
    ) -> None:
        self.name = name
        self.input = TensorType(image, ElementType.UINT8)
        self.types = {"pixels": self.input}
        self._seed = seed
        self._weights = weights
        self._used: set[str] = set()
        self._nodes: list[Node] = []
        self._statistics = {"pixels": self._constant(image[-1], *PIXELS)}

    def finish(self, output: str, classes: tuple[str, ...] = ()) -> Network:
        """The network with one output.

        Raises
        ------
        InputError
            If weights were given that the network does not have.
        """
        if unknown := sorted(set(self._weights or ()) - self._used):
            raise InputError(f"network {self.name!r} has no weights {unknown[0]!r}")
        given = self._weights is not None
        origin = "given weights" if given else f"{RANDOM_WEIGHTS}, seed {self._seed}"
        notes = (f"zoo network {self.name}", origin)
        return Network(self.name, {"pixels": self.input}, self._nodes, [output], classes, notes)

    def conv(
        self,
        name: str,
        x: str,
        filters: int,
        kernel: int,
        stride: int = 1,
        *,
        pads: tuple[int, int, int, int] | None = None,
        pad_value: int = 0,
    ) -> str:
        """Convolution with ±1 weights of bits or numbers; pads of half the kernel by default."""
        source = self.types[x]
        around = pads or (kernel // 2,) * 4
        weight = self._signs(name, filters, kernel, kernel, source.channels)
        layer: Layer
        if source.element is ElementType.BIT:
            layer = BinaryConv2d(
                weight=weight, strides=(stride, stride), pads=around, pad_value=pad_value
            )
        else:
            layer = BinaryWeightConv2d(weight=weight, strides=(stride, stride), pads=around)
        return self._add(name, layer, x, statistics=self._product(x, weight))

    def dense(self, name: str, x: str, neurons: int) -> str:
        """Dense layer of bits with ±1 weights."""
        weight = self._signs(name, neurons, self.types[x].channels)
        return self._add(name, BinaryDense(weight), x, statistics=self._product(x, weight))

    def float_conv(
        self, name: str, x: str, filters: int, kernel: int, stride: int = 1, *, groups: int = 1
    ) -> str:
        """Float convolution, padded to keep ``ceil(extent / stride)``, without bias."""
        height, width, channels = self.types[x].shape
        shape = (filters, kernel, kernel, channels // groups)
        weight = self._get(name, "weight", shape, lambda rng: _he_normal(rng, shape))
        return self._float_conv(name, x, weight, (height, width), stride, groups)

    def blur(self, name: str, x: str, stride: int) -> str:
        """Each channel smoothed by a fixed 3×3 binomial filter."""
        height, width, channels = self.types[x].shape
        binomial = np.outer([1, 2, 1], [1, 2, 1]) / 16
        weight = np.tile(binomial[np.newaxis, :, :, np.newaxis], (channels, 1, 1, 1))
        return self._float_conv(name, x, weight, (height, width), stride, channels)

    def float_dense(self, name: str, x: str, neurons: int) -> str:
        """Float dense layer with bias."""
        shape = (neurons, self.types[x].channels)
        weight = self._get(name, "weight", shape, lambda rng: _he_normal(rng, shape))
        bias = self._get(name, "bias", (neurons,), lambda rng: rng.normal(0, 0.1, neurons))
        return self._add(name, FloatDense(weight, bias), x, statistics=self._product(x, weight))

    def norm(self, name: str, x: str, *, plain: bool = False, epsilon: float = 1e-5) -> str:
        """Batch norm; a plain one has scale 1 and bias 0 after normalising."""
        mean, deviation = self._statistics[x]
        channels = mean.size

        def gamma(rng: np.random.Generator) -> np.ndarray:
            flips = np.where(rng.random(channels) < FLIPPED, -1, 1)
            return np.ones(channels) if plain else flips * rng.uniform(0.5, 1.5, channels)

        def beta(rng: np.random.Generator) -> np.ndarray:
            return np.zeros(channels) if plain else rng.normal(0, 0.2, channels)

        def centre(rng: np.random.Generator) -> np.ndarray:
            return mean + rng.normal(0, 0.1, channels) * deviation

        def variance(rng: np.random.Generator) -> np.ndarray:
            return deviation**2 * rng.uniform(0.8, 1.25, channels)

        makers = {"gamma": gamma, "beta": beta, "mean": centre, "variance": variance}
        arrays = {
            field: self._get(name, field, (channels,), make) for field, make in makers.items()
        }
        given = self._get(name, "epsilon", (), lambda rng: np.array(epsilon))
        layer = BatchNorm(**arrays, epsilon=float(given))
        after = layer.beta.astype(float), np.abs(layer.gamma).astype(float)
        return self._add(name, layer, x, statistics=after)

    def sign(self, name: str, x: str) -> str:
        """Bits; 0 becomes +1."""
        balanced = self._constant(self.types[x].channels, 0, 1)
        return self._add(name, Sign(), x, statistics=balanced)

    def scale(self, name: str, x: str, scale: float = 1, bias: float = 0) -> str:
        """Numbers as float32, scaled and shifted alike in all channels."""
        mean, deviation = self._statistics[x]
        layer = ScaleBias(np.full(mean.size, scale), np.full(mean.size, bias))
        return self._add(name, layer, x, statistics=(mean * scale + bias, deviation * abs(scale)))

    def relu(self, name: str, x: str) -> str:
        """Negative numbers become 0."""
        mean, deviation = self._statistics[x]
        samples = np.maximum(_SAMPLES[:, :1] * deviation + mean, 0)
        return self._add(name, Clip(), x, statistics=(samples.mean(0), samples.std(0)))

    def max_pool(
        self,
        name: str,
        x: str,
        size: int = 2,
        stride: int = 2,
        pads: tuple[int, int, int, int] = (0, 0, 0, 0),
    ) -> str:
        """Largest of each window."""
        mean, deviation = self._statistics[x]
        largest = _SAMPLES[:, : size * size].max(axis=1)
        after = mean + deviation * largest.mean(), deviation * largest.std()
        return self._add(name, MaxPool2d((size, size), (stride, stride), pads), x, statistics=after)

    def average_pool(self, name: str, x: str, size: int) -> str:
        """Mean of each window; windows do not overlap."""
        mean, deviation = self._statistics[x]
        layer = AveragePool2d((size, size), (size, size))
        return self._add(name, layer, x, statistics=(mean, deviation / size))

    def flatten(self, name: str, x: str) -> str:
        """A vector of all elements."""
        mean, deviation = self._statistics[x]
        places = self.types[x].elements // mean.size
        after = np.tile(mean, places), np.tile(deviation, places)
        return self._add(name, Flatten(), x, statistics=after)

    def add(self, name: str, x: str, y: str) -> str:
        """Sum of two tensors."""
        (mean, deviation), (other_mean, other_deviation) = (self._statistics[t] for t in (x, y))
        after = mean + other_mean, np.hypot(deviation, other_deviation)
        return self._add(name, Add(), x, y, statistics=after)

    def concat(self, name: str, *parts: str) -> str:
        """Channels one after the other."""
        means, deviations = zip(*(self._statistics[part] for part in parts), strict=True)
        after = np.concatenate(means), np.concatenate(deviations)
        return self._add(name, Concat(), *parts, statistics=after)

    def split(self, name: str, x: str, first: int) -> tuple[str, str]:
        """The first channels, and the rest."""
        mean, deviation = self._statistics[x]
        channels, names = mean.size, (f"{name}_first", f"{name}_rest")
        layer = Split((first, channels - first))
        self._nodes.append(Node(name, layer, [x], names))
        self.types.update(zip(names, layer.infer((self.types[x],)), strict=True))
        self._statistics[names[0]] = mean[:first], deviation[:first]
        self._statistics[names[1]] = mean[first:], deviation[first:]
        return names

    def softmax(self, name: str, x: str) -> str:
        """Probabilities of the classes."""
        return self._add(name, Softmax(), x, statistics=self._statistics[x])

    def _add(self, name: str, layer: Layer, *inputs: str, statistics: Statistics) -> str:
        self._nodes.append(Node(name, layer, inputs, [name]))
        (self.types[name],) = layer.infer(tuple(self.types[tensor] for tensor in inputs))
        self._statistics[name] = statistics
        return name

    def _float_conv(
        self,
        name: str,
        x: str,
        weight: np.ndarray,
        extent: tuple[int, int],
        stride: int,
        groups: int,
    ) -> str:
        kernel = weight.shape[1]
        (top, bottom), (left, right) = (same(size, kernel, stride) for size in extent)
        pads = (top, left, bottom, right)
        layer = FloatConv2d(weight=weight, strides=(stride, stride), pads=pads, groups=groups)
        return self._add(name, layer, x, statistics=self._product(x, weight, groups))

    def _product(self, x: str, weight: np.ndarray, groups: int = 1) -> Statistics:
        """Statistics of sums of independent inputs."""
        mean, deviation = self._statistics[x]
        taps = weight.reshape(len(weight), -1, weight.shape[-1])
        first, second = taps.sum(axis=1, dtype=np.float32), (taps.astype(np.float32) ** 2).sum(1)
        if groups > 1:
            return first[:, 0] * mean, np.sqrt(second[:, 0]) * deviation
        return first @ mean, np.sqrt(second @ deviation**2)

    def _signs(self, name: str, *shape: int) -> np.ndarray:
        def random(rng: np.random.Generator) -> np.ndarray:
            bits = np.frombuffer(rng.bytes(-(-math.prod(shape) // 8)), np.uint8)
            plain = np.unpackbits(bits, count=math.prod(shape)).reshape(shape)
            return np.int8(1) - 2 * plain.view(np.int8)

        return self._get(name, "weight", shape, random)

    def _get(
        self,
        node: str,
        field: str,
        shape: tuple[int, ...],
        random: Callable[[np.random.Generator], np.ndarray],
    ) -> np.ndarray:
        name = f"{node}_{field}"
        if self._weights is None:
            return random(np.random.default_rng([self._seed, zlib.crc32(name.encode())]))
        if name not in self._weights:
            raise InputError(f"weights for network {self.name!r} lack {name!r}")
        self._used.add(name)
        given = np.asarray(self._weights[name])
        if given.shape != shape:
            raise InputError(f"weights {name!r} must have shape {shape}, not {given.shape}")
        return given

    @staticmethod
    def _constant(channels: int, mean: float, deviation: float) -> Statistics:
        return np.full(channels, float(mean)), np.full(channels, float(deviation))


def _he_normal(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.normal(0, math.sqrt(2 / math.prod(shape[1:])), shape)
