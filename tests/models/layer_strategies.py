"""Hypothesis strategies for layers of every kind with inputs that fit them, and for their data."""

import math

import numpy as np
from hypothesis import strategies as st

from bnnplan.models import layers
from bnnplan.models.graph import Network, Node
from bnnplan.models.layers import LAYER_KINDS
from bnnplan.models.tensors import ElementType, TensorType

BIT, UINT8, INT8, INT32, FLOAT32 = ElementType
NUMBERS = (UINT8, INT8, INT32, FLOAT32)
IMAGES = st.tuples(*[st.integers(1, 6)] * 3)
SHAPES = IMAGES | st.tuples(st.integers(1, 9))
GENERATORS = st.integers(0, 2**32 - 1).map(np.random.default_rng)


def signs(rng, *shape):
    return np.where(rng.random(shape) < 0.5, -1, 1).astype(np.int8)


def floats(rng, *shape):
    """Floats of a few magnitudes, with zeros."""
    scale = rng.choice([0, 0.25, 1, 1, 1, 100], shape)
    return (rng.standard_normal(shape) * scale).astype(np.float32)


def values(rng, batch, type):
    """A logical array of a tensor type."""
    shape = (batch, *type.shape)
    if type.element is BIT:
        return signs(rng, *shape)
    if type.element is FLOAT32:
        return floats(rng, *shape)
    if type.element is INT32:
        return rng.integers(-300, 300, shape, dtype=np.int32)
    limits = np.iinfo(type.element.dtype)
    return rng.integers(limits.min, limits.max, shape, dtype=limits.dtype, endpoint=True)


def threshold(rng, channels, element):
    dtype = np.float32 if element is FLOAT32 else np.int32
    return layers.Threshold(rng.normal(0, 5, channels).astype(dtype), rng.random(channels) < 0.5)


@st.composite
def _window(draw, shape):
    """Strides, pads and dilations of a window of up to 3 by 3 that fits the image."""
    kernel = tuple(draw(st.integers(1, 3)) for _ in range(2))
    pads = tuple(draw(st.integers(0, kernel[axis % 2] - 1)) for axis in range(4))
    kernel = tuple(
        min(kernel[axis], shape[axis] + pads[axis] + pads[axis + 2]) for axis in range(2)
    )
    pads = tuple(min(pads[axis], kernel[axis % 2] - 1) for axis in range(4))
    kernel = tuple(
        min(kernel[axis], shape[axis] + pads[axis] + pads[axis + 2]) for axis in range(2)
    )
    dilations = tuple(
        draw(st.integers(1, 2))
        if 2 * (kernel[axis] - 1) < shape[axis] + pads[axis] + pads[axis + 2]
        else 1
        for axis in range(2)
    )
    strides = tuple(draw(st.integers(1, 2)) for _ in range(2))
    return kernel, {"strides": strides, "pads": pads}, {"dilations": dilations}


@st.composite
def _product(draw, kind, rng):
    name = kind.__name__
    element = BIT if name.startswith("BinaryC") or name == "BinaryDense" else FLOAT32
    if name.startswith("BinaryWeight"):
        element = draw(st.sampled_from(NUMBERS))
    filters = draw(st.integers(1, 5))
    if name.endswith("Dense"):
        channels = draw(st.integers(1, 9))
        source, shape, more = TensorType((channels,), element), (filters, channels), {}
    else:
        height, width, channels = draw(IMAGES)
        kernel, more, dilations = draw(_window((height, width)))
        groups = draw(st.integers(1, 2))
        filters *= groups
        source = TensorType((height, width, channels * groups), element)
        shape = (filters, *kernel, channels)
        more |= dilations | {"groups": groups}
    if name == "BinaryConv2d":
        more["pad_value"] = draw(st.sampled_from([0, 1, -1]))
    if name.startswith("Float"):
        bias = floats(rng, filters) if draw(st.booleans()) else None
        return kind(floats(rng, *shape), bias, **more), (source,)
    carried = draw(st.sampled_from(["nothing", "threshold", "pool", "scale_bias"]))
    if carried == "scale_bias":
        more[carried] = layers.ScaleBias(floats(rng, filters), floats(rng, filters))
    elif carried != "nothing":
        more["threshold"] = threshold(rng, filters, FLOAT32 if element is FLOAT32 else INT32)
    weight = signs(rng, *shape)
    if carried == "pool" and name.endswith("2d"):
        height, width, _ = kind(weight, **more).infer((source,))[0].shape
        kernel = draw(st.integers(1, min(2, height))), draw(st.integers(1, min(2, width)))
        strides = tuple(size + draw(st.integers(0, 1)) for size in kernel)
        minimum = rng.random(filters) < 0.5 if draw(st.booleans()) else None
        more["pool"] = layers.MaxPool2d(kernel, strides, minimum=minimum)
    return kind(weight, **more), (source,)


@st.composite
def elementwise(draw, source, kinds=None):
    """A layer that takes one tensor of the given type, of one of the kinds (names)."""
    rng, channels = draw(GENERATORS), source.channels
    makers = {
        "Sign": lambda: layers.Sign(draw(st.sampled_from([1, -1]))),
        "ScaleBias": lambda: layers.ScaleBias(floats(rng, channels), floats(rng, channels)),
        "BatchNorm": lambda: layers.BatchNorm(
            floats(rng, channels),
            floats(rng, channels),
            floats(rng, channels),
            np.abs(floats(rng, channels)),
            draw(st.sampled_from([1e-5, 1e-3])),
        ),
        "PRelu": lambda: layers.PRelu(floats(rng, channels) * rng.choice([1, 0, -0.1])),
        "Clip": lambda: layers.Clip(*sorted(draw(st.sampled_from(CLIPS)))),
        "Quantize": lambda: layers.Quantize(
            rng.uniform(0.1, 3, channels),
            rng.integers(-3, 3, channels),
            *draw(st.sampled_from([(-8, 7), (-math.inf, math.inf), (0, 255)])),
            draw(st.sampled_from(layers.Rounding)),
        ),
        "Softmax": lambda: layers.Softmax(draw(st.booleans())),
        "Threshold": lambda: threshold(rng, channels, source.element),
        "MultiThreshold": lambda: layers.MultiThreshold(
            np.sort(floats(rng, channels, draw(st.integers(1, 3))), axis=1),
            draw(st.sampled_from([1.0, 2.0, -0.5])),
            draw(st.sampled_from([0.0, -1.0])),
        ),
    }
    only_float = {"PRelu", "Clip", "Quantize", "Softmax"}
    no_bits = only_float | {"Sign", "Threshold", "MultiThreshold"}
    refused = no_bits if source.element is BIT else only_float
    if source.element is FLOAT32:
        refused = set()
    return makers[draw(st.sampled_from(sorted(set(kinds or makers) - refused)))]()


CLIPS = [(0, math.inf), (-1, 1), (-math.inf, math.inf), (0, 6), (-math.inf, -2), (3, 3)]


@st.composite
def bound_layers(draw, kind):
    """A layer of the given kind and the types of inputs that it takes."""
    rng, name = draw(GENERATORS), kind.__name__
    if "Conv" in name or "Dense" in name:
        return draw(_product(kind, rng))
    if name in ("MaxPool2d", "AveragePool2d"):
        allowed = list(ElementType) if name == "MaxPool2d" else [INT32, FLOAT32]
        source = TensorType(draw(IMAGES), draw(st.sampled_from(allowed)))
        kernel, more, _ = draw(_window(source.shape))
        if name == "AveragePool2d":
            more["count_pads"] = draw(st.booleans())
        elif draw(st.booleans()):
            more["minimum"] = rng.random(source.channels) < 0.5
        return kind(kernel, **more), (source,)
    if name in ("Add", "Concat"):
        allowed = [INT32, FLOAT32] if name == "Add" else list(ElementType)
        source = TensorType(draw(SHAPES), draw(st.sampled_from(allowed)))
        return kind(), (source, source)
    source = TensorType(draw(SHAPES), draw(st.sampled_from(ElementType)))
    if name == "Flatten":
        return kind(), (source,)
    if name == "Split":
        first = draw(st.integers(1, source.channels))
        return kind(tuple(s for s in (first, source.channels - first) if s)), (source,)
    if name == "Reshape":
        return kind((1, source.elements, 1)), (source,)
    if name == "Transpose":
        source = TensorType(draw(IMAGES), source.element)
        return kind(draw(st.permutations(range(3)))), (source,)
    numbers = [FLOAT32] if name in ("PRelu", "Clip", "Quantize", "Softmax") else NUMBERS
    source = TensorType(source.shape, draw(st.sampled_from(numbers)))
    return draw(elementwise(source, [name])), (source,)


def alone(layer, types):
    """A network of one layer."""
    names = [f"in{index}" for index in range(len(types))]
    outputs = [f"out{index}" for index in range(len(layer.infer(types)))]
    node = Node("only", layer, names, outputs)
    return Network("alone", dict(zip(names, types, strict=True)), [node], outputs)


ONE_LAYER_NETWORKS = (
    st.sampled_from(list(LAYER_KINDS.values()))
    .flatmap(bound_layers)
    .map(lambda bound: alone(*bound))
)
