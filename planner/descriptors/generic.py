"""Terms of layers on backends of which nothing is known but what every layer says of itself."""

from __future__ import annotations

from bnnplan.models.graph import BoundLayer
from bnnplan.models.tensors import WORD_BITS, ElementType
from bnnplan.planner.descriptors.sharing import ceil_div, round_up

GROUP = 64
"""Work items of which devices start whole groups."""


def generic_terms(bound: BoundLayer) -> dict[str, float]:
    """Terms that hold for any backend: products, words, elements, bytes."""
    source, target = bound.inputs[0], bound.outputs[0]
    outputs = bound.batch * target.elements
    products = float(bound.layer.macs(bound.inputs) * bound.batch)
    terms = {
        "outputs": float(outputs),
        "groups of outputs": float(round_up(outputs, GROUP)),
        "bytes read": float(sum(kind.nbytes(bound.batch) for kind in bound.inputs)),
        "bytes written": float(sum(kind.nbytes(bound.batch) for kind in bound.outputs)),
        "bytes of weights": bound.layer.weight_bits() / 8,
    }
    kernel = getattr(bound.layer, "kernel", (1, 1))
    if not products:
        terms["taps"] = float(outputs * kernel[0] * kernel[1])
        return terms
    terms["products"] = products
    if source.element is ElementType.BIT:
        channels = source.channels // getattr(bound.layer, "groups", 1)
        terms["words of products"] = products / channels * ceil_div(channels, WORD_BITS)
        terms["taps of outputs"] = products / channels
    return terms


def generic_weight_terms(bound: BoundLayer) -> dict[str, float]:
    """Terms of the memory that weights and parameters take."""
    arrays = bound.layer.arrays().values()
    outputs = bound.outputs[0].channels
    return {
        "weights": float(sum(array.size for array in arrays)),
        "bytes of weights": bound.layer.weight_bits() / 8,
        "output channels": float(outputs),
        "layer": 1.0,
    }


def generic_workspace_terms(bound: BoundLayer) -> dict[str, float]:
    """Terms of the memory that is needed while the layer runs."""
    return {
        "bytes read": float(sum(kind.nbytes(bound.batch) for kind in bound.inputs)),
        "bytes written": float(sum(kind.nbytes(bound.batch) for kind in bound.outputs)),
        "layer": 1.0,
    }
