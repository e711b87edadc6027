"""Terms of the memory that native kernels keep: packed weights, and what threads need meanwhile."""

from __future__ import annotations

from bnnplan.backends.interface import Configuration
from bnnplan.models.graph import BoundLayer
from bnnplan.models.layers import (
    BinaryConv2d,
    BinaryDense,
    BinaryWeightConv2d,
    BinaryWeightDense,
    FloatConv2d,
    FloatDense,
)
from bnnplan.planner.descriptors.bits import BLOCK, EIGHT, FEWEST_FOR_VECTOR, WORD
from bnnplan.planner.descriptors.families import is_depthwise
from bnnplan.planner.descriptors.floats import DEPTHWISE_LANES, LANES, USUAL_LANES
from bnnplan.planner.descriptors.generic import generic_weight_terms, generic_workspace_terms
from bnnplan.planner.descriptors.moving import SHORTEST_ROW
from bnnplan.planner.descriptors.sharing import ceil_div, round_up, share_of
from bnnplan.planner.descriptors.signed import BYTES, QUAD, TRIPLE, is_looked_up
from bnnplan.planner.descriptors.windows import border_classes, padded_width, windows_of

POOLED_BYTES = 8192
"""Of windows that are pooled at once."""


def native_weight_terms(bound: BoundLayer, configuration: Configuration) -> dict[str, float]:
    """Terms of the bytes of packed weights and of what is kept with them."""
    layer, filters = bound.layer, float(bound.outputs[0].channels)
    found = {"layer": 1.0, "filters": filters, "bytes of weights": layer.weight_bits() / 8}
    if getattr(layer, "scale_bias", None) is not None:
        found["filters scaled"] = filters
    if getattr(layer, "pool", None) is not None:
        found["words of filters pooled"] = ceil_div(int(filters), WORD) + 1.0
    if isinstance(layer, BinaryConv2d):
        weights = _depthwise_weights if is_depthwise(bound) else _bit_weights
        return found | weights(bound, layer)
    if isinstance(layer, BinaryDense):
        words = ceil_div(layer.weight.shape[1], WORD)
        is_vector = bound.batch == 1 and filters >= FEWEST_FOR_VECTOR
        lanes = round_up(int(filters), BLOCK if is_vector else EIGHT)
        limits = round_up(int(filters), 2 * BLOCK if is_vector else BLOCK)
        return found | {"packed words": float(words * lanes), "limits": float(limits)}
    if isinstance(layer, BinaryWeightConv2d | BinaryWeightDense):
        return found | _signed_weights(bound, configuration, layer)
    if isinstance(layer, FloatConv2d | FloatDense):
        lanes = LANES.get(configuration.variant, USUAL_LANES)
        groups = getattr(layer, "groups", 1)
        if is_depthwise(bound):
            lanes, groups = DEPTHWISE_LANES, 1
        padded = groups * round_up(layer.weight.shape[0] // groups, lanes)
        return found | {"packed numbers": float(padded * (layer.weight[0].size + 1))}
    channels = bound.inputs[0].channels
    # Parameters of few channels are repeated, so that vectors are full.
    repeats = 1 if channels >= SHORTEST_ROW else ceil_div(SHORTEST_ROW, channels)
    rows = sum(array.size for array in layer.arrays().values()) / channels
    found["parameters of rows"] = rows * repeats * channels
    return found | generic_weight_terms(bound)


def _depthwise_weights(bound: BoundLayer, layer: BinaryConv2d) -> dict[str, float]:
    channels = layer.weight.shape[0]
    words, taps = ceil_div(channels, WORD), layer.kernel[0] * layer.kernel[1]
    skips = layer.pad_value == 0
    classes = border_classes(bound, 0) * border_classes(bound, 1) if skips else 1
    found = {
        "packed words": float(taps * words + taps + padded_width(bound) * words),
        "limits": float(classes * channels),
    }
    if layer.threshold is not None:
        found["planes of limits"] = float(classes * words * taps.bit_length())
    return found


def _bit_weights(bound: BoundLayer, layer: BinaryConv2d) -> dict[str, float]:
    view = windows_of(bound)
    group_filters = layer.weight.shape[0] // layer.groups
    group_words = ceil_div(layer.weight.shape[3], WORD)
    blocks = ceil_div(group_filters, BLOCK) * layer.groups
    width = round_up(min(group_filters, BLOCK), EIGHT)
    words = layer.kernel[0] * layer.kernel[1] * group_words
    skips = layer.pad_value == 0
    rows = border_classes(bound, 0) if skips else 1
    classes = rows * (border_classes(bound, 1) if skips else 1)
    return {
        "packed words": float(blocks * words * width),
        "limits": float(classes * blocks * BLOCK),
        "words of a row": float(padded_width(bound) * group_words * layer.groups),
        "classes of outputs": float(rows * view.width),
    }


def _signed_weights(
    bound: BoundLayer,
    configuration: Configuration,
    layer: BinaryWeightConv2d | BinaryWeightDense,
) -> dict[str, float]:
    groups = getattr(layer, "groups", 1)
    lanes = groups * round_up(layer.weight.shape[0] // groups, BLOCK)
    kernel = layer.weight.shape[1:3] if layer.weight.ndim == 4 else (1, 1)
    joined = groups == 1 and getattr(layer, "dilations", (1, 1))[1] == 1
    runs = kernel[0] if joined else kernel[0] * kernel[1]
    run = layer.weight[0].size // runs
    if is_looked_up(bound, configuration.variant):
        return {"indices": float(lanes * runs * ceil_div(run, TRIPLE)), "lanes": float(lanes)}
    length = ceil_div(run, QUAD) if bound.inputs[0].element in BYTES else run
    found = {"packed numbers": float(lanes * runs * length), "lanes": float(lanes)}
    if isinstance(layer, BinaryWeightConv2d):
        channels = bound.inputs[0].channels * bound.inputs[0].element.dtype.itemsize
        found["bytes of a row"] = float(padded_width(bound) * channels)
    return found


def native_workspace_terms(bound: BoundLayer, configuration: Configuration) -> dict[str, float]:
    """Terms of the bytes that all threads need while a layer runs."""
    layer = bound.layer
    if not isinstance(layer, BinaryConv2d | BinaryWeightConv2d):
        # Nothing else keeps anything, but new kernels may.
        return generic_workspace_terms(bound)
    view = windows_of(bound)
    source = bound.inputs[0]
    mine = share_of(configuration, bound.batch, view.rows, ceil_div(layer.weight.shape[0], BLOCK))
    threads = float(configuration.threads)
    found = {"threads": threads}
    columns = padded_width(bound)
    if is_looked_up(bound, configuration.variant):
        spacing = TRIPLE if source.channels % TRIPLE == 0 else 1
        tables = round_up(ceil_div(columns * source.channels, spacing), 4)
        found["tables kept"] = threads * view.reach * tables
        found["bytes of a row"] = threads * columns * source.channels
    elif any(layer.pads) or source.element in BYTES or _regroups(bound, layer):
        if is_depthwise(bound):
            row = columns * ceil_div(source.channels, WORD) * 8
        elif isinstance(layer, BinaryConv2d):
            row = columns * ceil_div(layer.weight.shape[3], WORD) * layer.groups * 8
        else:
            row = columns * source.channels * source.element.dtype.itemsize
        strip = mine.windows if is_depthwise(bound) else view.strip(mine.windows, row)
        rows = view.input_rows(view.product_rows(strip))
        found["bytes of rows copied"] = threads * rows * row
    if view.is_pooled:
        words = ceil_div(layer.weight.shape[0], WORD)
        is_first = isinstance(layer, BinaryWeightConv2d)
        at_once = words if is_first and is_looked_up(bound, configuration.variant) else 1
        line = view.pool_stride * view.width * at_once * 8
        chunk = max(1, min(POOLED_BYTES // line, view.rows))
        found["words pooled"] = threads * view.product_rows(chunk) * view.width * at_once
        one_row = words if is_depthwise(bound) else 1
        found["words pooled, one row"] = threads * view.pool[0] * view.width * one_row
    return found


def _regroups(bound: BoundLayer, layer: BinaryConv2d | BinaryWeightConv2d) -> bool:
    """Whether groups start inside words of the input, but at words of what is kept."""
    starts_inside = layer.groups > 1 and layer.weight.shape[3] % WORD != 0
    return starts_inside and isinstance(layer, BinaryConv2d) and not is_depthwise(bound)
