"""The exact semantics of every layer, and of networks, on logical arrays.

A logical array has the batch axis first and one element per value: bits are int8 arrays of +1
and -1, numbers have the type of their elements. Clarity comes before speed here: all other
backends are checked against this one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from bnnplan.backends.reference import elementwise, products, shapes
from bnnplan.models.errors import UnsupportedError
from bnnplan.models.feeds import check_feeds
from bnnplan.models.graph import Network
from bnnplan.models.layers import Layer

COMPUTE: dict[str, Callable[..., Any]] = {
    "BinaryConv2d": products.binary_conv2d,
    "BinaryDense": products.binary_dense,
    "BinaryWeightConv2d": products.binary_weight_conv2d,
    "BinaryWeightDense": products.binary_dense,
    "FloatConv2d": products.float_conv2d,
    "FloatDense": products.float_dense,
    "Threshold": elementwise.threshold,
    "Sign": elementwise.sign,
    "BatchNorm": elementwise.batch_norm,
    "ScaleBias": elementwise.scale_bias,
    "PRelu": elementwise.prelu,
    "Clip": elementwise.clip,
    "Quantize": elementwise.quantize,
    "MultiThreshold": elementwise.multi_threshold,
    "Softmax": elementwise.softmax,
    "Add": elementwise.add,
    "MaxPool2d": shapes.max_pool2d,
    "AveragePool2d": shapes.average_pool2d,
    "Concat": shapes.concat,
    "Split": shapes.split,
    "Flatten": shapes.flatten,
    "Reshape": shapes.reshape,
    "Transpose": shapes.transpose,
}
"""The function of every kind of layer: layer and logical inputs to one output or a list."""


def compute(layer: Layer, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Run one layer.

    Parameters
    ----------
    layer : Layer
    inputs : sequence of ndarray
        Logical arrays that fit the layer; they are not checked.

    Returns
    -------
    list of ndarray
        A logical array for every output.

    Raises
    ------
    UnsupportedError
        For a kind of layer that bnnplan does not define.
    """
    function = COMPUTE.get(layer.kind)
    if function is None:
        raise UnsupportedError(f"the reference backend does not know layers of kind {layer.kind}")
    # Overflow to infinity and NaN are results like others, defined by IEEE 754.
    with np.errstate(all="ignore"):
        outputs = function(layer, *inputs)
    return outputs if isinstance(outputs, list) else [outputs]


def evaluate(network: Network, feeds: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Run a whole network, layer by layer.

    Parameters
    ----------
    network : Network
    feeds : mapping of str to ndarray
        A logical array for every network input, all of the same batch size.

    Returns
    -------
    dict of str to ndarray
        A logical array for every network output.

    Raises
    ------
    InputError
        If an input is missing, unknown, or of a wrong shape, element type or range.
    """
    check_feeds(network, feeds)
    values = dict(feeds)
    for node in network.nodes:
        outputs = compute(node.layer, [values[name] for name in node.inputs])
        values.update(zip(node.outputs, outputs, strict=True))
    return {name: values[name] for name in network.outputs}
