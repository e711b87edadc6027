"""The layers of binarized networks, and the registry that files and importers name them by."""

from bnnplan.models.layers.base import Layer, content_digest
from bnnplan.models.layers.elementwise import (
    Add,
    BatchNorm,
    Clip,
    MultiThreshold,
    PRelu,
    Quantize,
    Rounding,
    ScaleBias,
    Sign,
    Softmax,
    Threshold,
)
from bnnplan.models.layers.products import (
    BinaryConv2d,
    BinaryDense,
    BinaryProduct,
    BinaryWeightConv2d,
    BinaryWeightDense,
    FloatConv2d,
    FloatDense,
)
from bnnplan.models.layers.shapes import (
    AveragePool2d,
    Concat,
    Flatten,
    MaxPool2d,
    Reshape,
    Split,
    Transpose,
)

LAYER_KINDS: dict[str, type[Layer]] = {
    kind.__name__: kind
    for kind in (
        BinaryConv2d,
        BinaryDense,
        BinaryWeightConv2d,
        BinaryWeightDense,
        FloatConv2d,
        FloatDense,
        Threshold,
        Sign,
        BatchNorm,
        ScaleBias,
        PRelu,
        Clip,
        Quantize,
        MultiThreshold,
        Softmax,
        Add,
        MaxPool2d,
        AveragePool2d,
        Concat,
        Split,
        Flatten,
        Reshape,
        Transpose,
    )
}
"""Every kind of layer by its name."""

__all__ = ["LAYER_KINDS", "BinaryProduct", "Layer", "Rounding", "content_digest", *LAYER_KINDS]
