"""The one table of layer kinds: what each takes, and how to draw a layer for given inputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from attrs import frozen
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from bnnplan.backends.conformance.geometry import convolution, filters, split_sizes, window
from bnnplan.backends.conformance.values import (
    Spread,
    fill,
    flags,
    normals,
    signs,
    threshold,
)
from bnnplan.models.layers import (
    Add,
    AveragePool2d,
    BatchNorm,
    BinaryConv2d,
    BinaryDense,
    BinaryWeightConv2d,
    BinaryWeightDense,
    Clip,
    Concat,
    Flatten,
    FloatConv2d,
    FloatDense,
    Layer,
    MaxPool2d,
    MultiThreshold,
    PRelu,
    Quantize,
    Reshape,
    Rounding,
    ScaleBias,
    Sign,
    Softmax,
    Split,
    Transpose,
)
from bnnplan.models.layers.base import windows
from bnnplan.models.tensors import ElementType, TensorType

BIT, FLOAT32 = ElementType.BIT, ElementType.FLOAT32
INTEGERS = (ElementType.UINT8, ElementType.INT8, ElementType.INT32)
NUMBERS = (*INTEGERS, FLOAT32)

Types = tuple[TensorType, ...]


@frozen
class LayerKind:
    """How to draw layers of one kind.

    Parameters
    ----------
    elements : tuple of ElementType
        What its inputs may consist of.
    ranks : tuple of int
        Axes of its inputs: 1 for vectors, 3 for images.
    layer : callable
        Draws a layer for given inputs; weights come from the generator.
    arity : tuple of int
        Fewest and most inputs.
    exact : bool
        Whether results are defined to the last bit.
    """

    elements: tuple[ElementType, ...]
    ranks: tuple[int, ...]
    layer: Callable[[DrawFn, np.random.Generator, Types], Layer]
    arity: tuple[int, int] = (1, 1)
    exact: bool = True


def _spread(draw: DrawFn) -> Spread:
    return draw(st.sampled_from(Spread))


def _fused(
    draw: DrawFn, rng: np.random.Generator, source: TensorType, weight: np.ndarray
) -> dict[str, Any]:
    """What a product carries: nothing, a threshold, or a scale and bias."""
    carried = draw(st.sampled_from(("nothing", "threshold", "scale_bias")))
    if carried == "threshold":
        element = FLOAT32 if source.element is FLOAT32 else ElementType.INT32
        reach, spread = weight[0].size, _spread(draw)
        return {carried: threshold(rng, element, len(weight), reach, spread)}
    if carried == "scale_bias":
        spread = _spread(draw)
        scale, bias = (_per_channel(rng, spread, len(weight)) for _ in range(2))
        return {carried: ScaleBias(scale, bias)}
    return {}


def _fused_image(
    draw: DrawFn,
    rng: np.random.Generator,
    source: TensorType,
    weight: np.ndarray,
    settings: dict[str, Any],
) -> dict[str, Any]:
    """The same for a convolution, whose bits may also be pooled."""
    carried = _fused(draw, rng, source, weight)
    if "threshold" not in carried or not draw(st.booleans()):
        return carried
    window = settings["strides"], settings["pads"], settings["dilations"]
    outputs = windows(source.shape, weight.shape[1:3], *window, "a drawn convolution")
    rows, columns = (draw(st.sampled_from([k for k in (2, 1, 3) if k <= n])) for n in outputs)
    down, across = (draw(st.sampled_from((0, 0, 1))) for _ in outputs)
    minimum = flags(rng, len(weight)) if draw(st.booleans()) else None
    pool = MaxPool2d((rows, columns), (rows + down, columns + across), minimum=minimum)
    return carried | {"pool": pool}


def _sign_weight(draw: DrawFn, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Mixed signs, or filters of one sign, whose sums reach the ends of their range."""
    if draw(st.booleans()):
        return np.ones(shape, np.int8) * signs(rng, (shape[0], *[1] * (len(shape) - 1)))
    return signs(rng, shape)


def _binary_conv2d(draw: DrawFn, rng: np.random.Generator, inputs: Types) -> Layer:
    shape, settings = convolution(draw, inputs[0])
    weight = _sign_weight(draw, rng, shape)
    return BinaryConv2d(
        weight=weight,
        pad_value=draw(st.sampled_from((0, 1, -1))),
        **_fused_image(draw, rng, inputs[0], weight, settings),
        **settings,
    )


def _binary_weight_conv2d(draw: DrawFn, rng: np.random.Generator, inputs: Types) -> Layer:
    shape, settings = convolution(draw, inputs[0])
    weight = _sign_weight(draw, rng, shape)
    fused = _fused_image(draw, rng, inputs[0], weight, settings)
    return BinaryWeightConv2d(weight=weight, **fused, **settings)


def _float_conv2d(draw: DrawFn, rng: np.random.Generator, inputs: Types) -> Layer:
    shape, settings = convolution(draw, inputs[0])
    bias = _bias(draw, rng, shape[0])
    return FloatConv2d(weight=normals(rng, shape), bias=bias, **settings)


def _dense_weight(draw: DrawFn, rng: np.random.Generator, source: TensorType) -> np.ndarray:
    return _sign_weight(draw, rng, (filters(draw, source.channels), source.channels))


def _binary_dense(draw: DrawFn, rng: np.random.Generator, inputs: Types) -> Layer:
    weight = _dense_weight(draw, rng, inputs[0])
    return BinaryDense(weight, **_fused(draw, rng, inputs[0], weight))


def _binary_weight_dense(draw: DrawFn, rng: np.random.Generator, inputs: Types) -> Layer:
    weight = _dense_weight(draw, rng, inputs[0])
    return BinaryWeightDense(weight, **_fused(draw, rng, inputs[0], weight))


def _float_dense(draw: DrawFn, rng: np.random.Generator, inputs: Types) -> Layer:
    channels = inputs[0].channels
    weight = normals(rng, (filters(draw, channels), channels))
    return FloatDense(weight, bias=_bias(draw, rng, len(weight)))


def _bias(draw: DrawFn, rng: np.random.Generator, size: int) -> np.ndarray | None:
    return normals(rng, size) if draw(st.booleans()) else None


def _threshold(draw: DrawFn, rng: np.random.Generator, inputs: Types) -> Layer:
    return threshold(rng, inputs[0].element, inputs[0].channels, 100, _spread(draw))


def _sign(draw: DrawFn, rng: np.random.Generator, inputs: Types) -> Layer:
    return Sign(draw(st.sampled_from((1, -1))))


def _per_channel(rng: np.random.Generator, spread: Spread, channels: int) -> np.ndarray:
    return fill(rng, TensorType((channels,), FLOAT32), 1, spread)[0]


def _batch_norm(draw: DrawFn, rng: np.random.Generator, inputs: Types) -> Layer:
    channels, spread = inputs[0].channels, _spread(draw)
    gamma, beta, mean = (_per_channel(rng, spread, channels) for _ in range(3))
    return BatchNorm(gamma, beta, mean, normals(rng, channels) ** 2)


def _scale_bias(draw: DrawFn, rng: np.random.Generator, inputs: Types) -> Layer:
    channels, spread = inputs[0].channels, _spread(draw)
    return ScaleBias(_per_channel(rng, spread, channels), _per_channel(rng, spread, channels))


def _prelu(draw: DrawFn, rng: np.random.Generator, inputs: Types) -> Layer:
    return PRelu(_per_channel(rng, _spread(draw), inputs[0].channels))


def _clip(draw: DrawFn, rng: np.random.Generator, inputs: Types) -> Layer:
    limits = (0.0, float("inf")), (-1.0, 1.0), (0.5, 0.5), (float("-inf"), 0.25)
    return Clip(*draw(st.sampled_from(limits)))


def _quantize(draw: DrawFn, rng: np.random.Generator, inputs: Types) -> Layer:
    channels = inputs[0].channels
    exact = draw(st.booleans())
    steps = rng.choice(np.array([0.25, 0.5, 1.0, 2.0], np.float32), channels)
    scale = steps if exact else np.abs(normals(rng, channels)) + np.float32(0.01)
    low, high = draw(st.sampled_from(((-128, 127), (0, 3), (-1, 1), (-np.inf, np.inf))))
    return Quantize(
        scale,
        rng.integers(-3, 4, channels).astype(np.float32),
        low,
        high,
        draw(st.sampled_from(Rounding)),
    )


def _multi_threshold(draw: DrawFn, rng: np.random.Generator, inputs: Types) -> Layer:
    steps = draw(st.sampled_from((1, 2, 3, 7, 15)))
    levels = fill(rng, TensorType((inputs[0].channels, 1, steps), FLOAT32), 1, _spread(draw))
    thresholds = np.sort(levels[0, :, 0], axis=1)
    scale, bias = draw(st.sampled_from(((1.0, 0.0), (2.0, -1.0), (0.1, -0.3))))
    return MultiThreshold(thresholds, scale, bias)


def _max_pool2d(draw: DrawFn, rng: np.random.Generator, inputs: Types) -> Layer:
    minimum = flags(rng, inputs[0].channels) if draw(st.booleans()) else None
    return MaxPool2d(minimum=minimum, **_pooling(draw, inputs[0]))


def _average_pool2d(draw: DrawFn, rng: np.random.Generator, inputs: Types) -> Layer:
    return AveragePool2d(count_pads=draw(st.booleans()), **_pooling(draw, inputs[0]))


def _pooling(draw: DrawFn, source: TensorType) -> dict[str, Any]:
    kernel, strides, pads, _ = window(draw, source, pads_below_kernel=True)
    return {"kernel": kernel, "strides": strides, "pads": pads}


def _split(draw: DrawFn, rng: np.random.Generator, inputs: Types) -> Layer:
    return Split(split_sizes(draw, inputs[0].channels))


def _reshape(draw: DrawFn, rng: np.random.Generator, inputs: Types) -> Layer:
    source = inputs[0]
    shapes = [(source.elements,), (1, 1, source.elements), (source.elements, 1, 1)]
    if len(source.shape) == 3:
        height, width, channels = source.shape
        shapes += [(width, height, channels), (1, height, width * channels), source.shape[::-1]]
    return Reshape(draw(st.sampled_from(shapes)))


def _transpose(draw: DrawFn, rng: np.random.Generator, inputs: Types) -> Layer:
    axes = draw(st.permutations((0, 1, 2)))
    return Transpose((axes[0], axes[1], axes[2]))


ALL = (BIT, *NUMBERS)
SUMS = (ElementType.INT32, FLOAT32)
VECTOR, IMAGE, BOTH = (1,), (3,), (1, 3)

KINDS: dict[str, LayerKind] = {
    "BinaryConv2d": LayerKind((BIT,), IMAGE, _binary_conv2d),
    "BinaryDense": LayerKind((BIT,), VECTOR, _binary_dense),
    "BinaryWeightConv2d": LayerKind(NUMBERS, IMAGE, _binary_weight_conv2d),
    "BinaryWeightDense": LayerKind(NUMBERS, VECTOR, _binary_weight_dense),
    "FloatConv2d": LayerKind((FLOAT32,), IMAGE, _float_conv2d),
    "FloatDense": LayerKind((FLOAT32,), VECTOR, _float_dense),
    "Threshold": LayerKind(NUMBERS, BOTH, _threshold),
    "Sign": LayerKind(NUMBERS, BOTH, _sign),
    "BatchNorm": LayerKind(ALL, BOTH, _batch_norm),
    "ScaleBias": LayerKind(ALL, BOTH, _scale_bias),
    "PRelu": LayerKind((FLOAT32,), BOTH, _prelu),
    "Clip": LayerKind((FLOAT32,), BOTH, _clip),
    "Quantize": LayerKind((FLOAT32,), BOTH, _quantize),
    "MultiThreshold": LayerKind(NUMBERS, BOTH, _multi_threshold),
    "Softmax": LayerKind(
        (FLOAT32,), BOTH, lambda draw, rng, inputs: Softmax(draw(st.booleans())), exact=False
    ),
    "Add": LayerKind(SUMS, BOTH, lambda draw, rng, inputs: Add(), arity=(2, 2)),
    "MaxPool2d": LayerKind(ALL, IMAGE, _max_pool2d),
    "AveragePool2d": LayerKind(SUMS, IMAGE, _average_pool2d),
    "Concat": LayerKind(ALL, BOTH, lambda draw, rng, inputs: Concat(), arity=(2, 4)),
    "Split": LayerKind(ALL, BOTH, _split),
    "Flatten": LayerKind(ALL, BOTH, lambda draw, rng, inputs: Flatten()),
    "Reshape": LayerKind(ALL, BOTH, _reshape),
    "Transpose": LayerKind(ALL, IMAGE, _transpose),
}
"""Every kind of layer by its name."""
