"""Layers without products: elements are changed one by one, compared in windows, or moved."""

from __future__ import annotations

from bnnplan.backends.interface import Configuration
from bnnplan.models.graph import BoundLayer
from bnnplan.models.layers import (
    AveragePool2d,
    Concat,
    Flatten,
    MaxPool2d,
    MultiThreshold,
    Reshape,
    Split,
    Transpose,
)
from bnnplan.models.tensors import WORD_BITS, ElementType
from bnnplan.planner.descriptors.memory import Memory
from bnnplan.planner.descriptors.sharing import ceil_div, round_up, share_of

VECTOR_BYTES = 64
UNIT = 16
"""Numbers that one thread keeps together."""
SHORTEST_ROW = 64
"""Channels; fewer repeat their parameters."""
MOVERS = (Concat, Split, Transpose)
"""They copy parts of pixels."""


def moving_terms(
    bound: BoundLayer, configuration: Configuration, memory: Memory
) -> dict[str, float]:
    """Terms of any layer without products."""
    source, target = bound.inputs[0], bound.outputs[0]
    shared = _share(bound, configuration)
    pixels = bound.batch * target.elements // target.channels
    elements = bound.batch * source.elements
    terms: dict[str, float] = {}
    if isinstance(bound.layer, MaxPool2d | AveragePool2d):
        terms |= _pool_terms(bound, bound.layer, shared)
    elif isinstance(bound.layer, Flatten | Reshape):
        terms |= _reshape_terms(bound, shared)
    elif isinstance(bound.layer, MOVERS):
        parts = max(len(bound.inputs), len(bound.outputs))
        terms |= {"parts of pixels": pixels * parts * shared, "elements": elements * shared}
    else:
        terms |= _element_terms(bound, shared)
    return terms | memory.activations(bound, shared)


def _element_terms(bound: BoundLayer, shared: float) -> dict[str, float]:
    """Terms of layers that change one element after the other, vectors of them at once."""
    source, target = bound.inputs[0], bound.outputs[0]
    kind = source.element.value
    elements, channels = bound.batch * target.elements * shared, target.channels
    terms = {f"elements of {kind}": elements}
    if isinstance(bound.layer, MultiThreshold):
        terms[f"thresholds of {kind}"] = elements * bound.layer.thresholds.shape[1]
    if ElementType.BIT in (source.element, target.element):
        terms[f"words of bits from {kind}"] = elements / channels * ceil_div(channels, WORD_BITS)
        terms[f"pixels of {kind}"] = elements / channels
        terms[f"rests of pixels of {kind}"] = elements / channels * (channels % UNIT != 0)
    elif bound.layer.arrays():
        # Parameters of few channels are repeated, so that vectors are full.
        row = channels * ceil_div(SHORTEST_ROW, channels) if channels < SHORTEST_ROW else channels
        terms["rows of parameters"] = elements / row
        terms["rests of rows"] = elements / row * (row % UNIT != 0)
    return terms


def _share(bound: BoundLayer, configuration: Configuration) -> float:
    """What the busiest thread has of all."""
    if configuration.threads == 1:
        return 1.0
    layer, target = bound.layer, bound.outputs[0]
    is_image = len(target.shape) == 3
    rows = target.shape[0] if is_image else 1
    pixels = target.elements // target.channels
    is_bit = bound.inputs[0].element is ElementType.BIT
    if isinstance(layer, MaxPool2d) and is_bit:
        parts = bound.batch, rows, 1
    elif isinstance(layer, Flatten | Reshape) and is_bit and not _is_copy(bound):
        parts = bound.batch, 1, 1
        return ceil_div(bound.batch, configuration.threads) / bound.batch
    elif isinstance(layer, Flatten | Reshape):
        return 1.0 / configuration.threads
    else:
        unit = WORD_BITS if is_bit else UNIT
        parts = bound.batch, pixels, ceil_div(target.channels, unit)
    mine = share_of(configuration, *parts)
    images, windows, neurons = parts
    return mine.work / (images * windows * neurons)


def _is_copy(bound: BoundLayer) -> bool:
    """Whether the words of bits stay as they are."""
    channels = bound.inputs[0].channels, bound.outputs[0].channels
    return channels[0] == channels[1] or not any(count % WORD_BITS for count in channels)


def _pool_terms(
    bound: BoundLayer, layer: MaxPool2d | AveragePool2d, shared: float
) -> dict[str, float]:
    source, target = bound.inputs[0], bound.outputs[0]
    taps = layer.kernel[0] * layer.kernel[1]
    windows = bound.batch * target.shape[0] * target.shape[1] * shared
    kind = source.element.value
    if source.element is ElementType.BIT:
        words = windows * ceil_div(target.channels, WORD_BITS)
        is_usual = layer.kernel == (2, 2) and not any(layer.pads)
        name = "taps of words" if not is_usual else "taps of words, 2 × 2"
        return {name: words * taps, "words finished": words, "windows": windows}
    lanes = VECTOR_BYTES // source.element.dtype.itemsize
    whole, rest = divmod(target.channels, lanes)
    is_wide = isinstance(layer, MaxPool2d) and layer.minimum is not None
    if is_wide:
        whole, rest = 0, target.channels
    blocks, vectors = divmod(whole, 4)
    columns = target.shape[1]
    borders = (any(layer.pads)) * 2 / columns if columns > 2 else float(any(layer.pads))
    return {
        f"taps of vectors of {kind}": windows * taps * whole,
        "taps of blocks": windows * taps * (blocks + vectors),
        f"taps of rests of {kind}": windows * taps * rest,
        "vectors finished": windows * whole,
        "blocks": windows * (blocks + vectors),
        "rows of windows": windows * layer.kernel[0] * (blocks + vectors + rest),
        "rests finished": windows * rest,
        "windows": windows,
        "runs of windows": windows / columns + windows * borders,
    }


def _reshape_terms(bound: BoundLayer, shared: float) -> dict[str, float]:
    source, target = bound.inputs[0], bound.outputs[0]
    if source.element is not ElementType.BIT or _is_copy(bound):
        return {"copies": 1.0}
    pixels = source.elements // source.channels
    # The longest pieces that lie in one word on both sides.
    pieces = pixels * ceil_div(source.channels, WORD_BITS) + ceil_div(
        target.elements, max(target.channels, 1)
    )
    whole = round_up(source.channels, WORD_BITS) != source.channels
    return {
        "pieces of bits": bound.batch * pieces * shared,
        "pieces across words": bound.batch * pieces * shared * whole,
    }
