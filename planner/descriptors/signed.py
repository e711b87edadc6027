"""Products of numbers by ±1: first layers. Of few bytes sums are looked up, others multiplied."""

from __future__ import annotations

from bnnplan.backends.interface import Configuration
from bnnplan.models.graph import BoundLayer
from bnnplan.models.layers import BinaryWeightConv2d, BinaryWeightDense
from bnnplan.models.tensors import ElementType
from bnnplan.planner.descriptors.memory import Memory
from bnnplan.planner.descriptors.sharing import ceil_div, share_of
from bnnplan.planner.descriptors.windows import padded_width, windows_of

BLOCK = 32
"""Filters that are computed together."""
TILE, TRIPLE_TILE = 4, 8
QUAD, TRIPLE = 4, 3
TABLE_BYTES, LINE_BYTES = 16, 64
MOST_TAPS = 255
"""Of a filter whose sums are looked up."""
LOOK_UP = {"avx512bw": MOST_TAPS, "avx2": MOST_TAPS, "neon": MOST_TAPS, "avx512": 3}
"""Most channels whose bytes are looked up in threes, by instruction set."""
BYTES = (ElementType.UINT8, ElementType.INT8)


def is_looked_up(bound: BoundLayer, variant: str) -> bool:
    """Whether sums of three bytes are looked up."""
    layer = bound.layer
    if bound.inputs[0].element not in BYTES:
        return False
    taps = int(layer.weight[0].size)  # type: ignore[attr-defined]
    groups = getattr(layer, "groups", 1)
    few = bound.inputs[0].channels <= LOOK_UP.get(variant, 0)
    return few and groups == 1 and taps <= MOST_TAPS


def conv_terms(bound: BoundLayer, configuration: Configuration, memory: Memory) -> dict[str, float]:
    """Terms of a convolution of numbers by ±1."""
    layer = bound.layer
    assert isinstance(layer, BinaryWeightConv2d)
    view = windows_of(bound)
    group_blocks = ceil_div(layer.weight.shape[0] // layer.groups, BLOCK)
    blocks = group_blocks * layer.groups
    unit = 2 if view.is_pooled else 1
    mine = share_of(configuration, bound.batch, view.rows, ceil_div(blocks, unit))
    rows = mine.images * mine.windows * view.pool[0]
    my_blocks = min(blocks, mine.neurons * unit)
    if is_looked_up(bound, configuration.variant):
        terms = _looked_up(bound, layer, rows, my_blocks, mine.images, mine.windows)
    else:
        terms = _multiplied(bound, layer, rows, view.width, my_blocks)
        element_bytes = bound.inputs[0].element.dtype.itemsize
        row_bytes = padded_width(bound) * bound.inputs[0].channels * element_bytes
        in_place = not any(layer.pads) and element_bytes == 4
        strip = view.strip(mine.windows, 0 if in_place else row_bytes)
        strips = mine.images * ceil_div(mine.windows, strip)
        if not in_place:
            copied = strips * view.input_rows(view.product_rows(min(strip, mine.windows)))
            terms["rows copied"] = float(copied)
            terms["bytes copied"] = float(copied * row_bytes)
            if bound.inputs[0].element is ElementType.INT8:
                terms["signed bytes turned"] = float(copied * row_bytes)
    if view.is_pooled:
        terms |= view.pooled_terms(mine.images * mine.windows, ceil_div(my_blocks, 2))
    terms |= _finish(layer, rows, view.width, my_blocks)
    return terms | memory.activations(bound, 1 / configuration.threads, BLOCK)


def dense_terms(
    bound: BoundLayer, configuration: Configuration, memory: Memory
) -> dict[str, float]:
    """Terms of a dense layer of numbers by ±1: the images of a batch are one row of windows."""
    layer = bound.layer
    assert isinstance(layer, BinaryWeightDense)
    blocks = ceil_div(layer.weight.shape[0], BLOCK)
    # Threads along X take windows of that row only where it is split as images are.
    mine = share_of(configuration, bound.batch, 1, blocks)
    element_bytes = bound.inputs[0].element.dtype.itemsize
    length = layer.weight.shape[1] if element_bytes == 4 else ceil_div(layer.weight.shape[1], QUAD)
    terms = _steps(bound, mine.images, 1, mine.neurons, length, 1)
    weights = mine.neurons * BLOCK * length * 4
    terms |= memory.again("weights", weights, configuration.threads)
    terms |= _finish(layer, mine.images, 1, mine.neurons)
    return terms | memory.activations(bound, 1 / configuration.threads)


def _multiplied(
    bound: BoundLayer, layer: BinaryWeightConv2d, rows: int, outputs: int, blocks: int
) -> dict[str, float]:
    joined = layer.groups == 1 and layer.dilations[1] == 1
    runs = layer.kernel[0] if joined else layer.kernel[0] * layer.kernel[1]
    numbers = layer.weight.shape[3] * (layer.kernel[1] if joined else 1)
    is_bytes = bound.inputs[0].element in BYTES
    length = ceil_div(numbers, QUAD) if is_bytes else numbers
    return _steps(bound, rows, outputs, blocks, length, runs)


def _steps(
    bound: BoundLayer, rows: int, outputs: int, blocks: int, length: int, runs: int
) -> dict[str, float]:
    """Terms of rows of outputs times blocks; a row that ends within a tile has some twice."""
    element = bound.inputs[0].element
    kind = "bytes" if element in BYTES else element.value
    whole = outputs >= TILE
    tiles = ceil_div(outputs, TILE) if whole else 0
    lone = 0 if whole else outputs
    return {
        f"products of {kind}": float(rows * blocks * (tiles * TILE + lone) * length * runs),
        f"steps of tiles of {kind}": float(rows * blocks * tiles * length * runs),
        f"steps of lone outputs of {kind}": float(rows * blocks * lone * length * runs),
        "runs of tiles": float(rows * blocks * (tiles + lone) * runs),
        "tiles": float(rows * blocks * (tiles + lone)),
        "rows of blocks": float(rows * blocks),
    }


def _looked_up(
    bound: BoundLayer,
    layer: BinaryWeightConv2d,
    rows: int,
    blocks: int,
    images: int,
    windows: int,
) -> dict[str, float]:
    """Terms of sums of three neighbouring bytes: their tables are made once a row of pixels."""
    view = windows_of(bound)
    channels = bound.inputs[0].channels
    joined = layer.dilations[1] == 1
    run = layer.kernel[1] * channels if joined else channels
    row_triples = layer.kernel[1] * channels // run * ceil_div(run, TRIPLE)
    triples = layer.kernel[0] * row_triples
    kinds = (run >= TRIPLE) + (run % TRIPLE != 0)
    spacing = TRIPLE if channels % TRIPLE == 0 else 1
    tables = ceil_div(padded_width(bound) * channels, spacing)
    span = view.product_rows(windows)
    made = images * min(view.input_rows(span), span * view.reach)
    half = TRIPLE_TILE // 2
    whole, rest = divmod(view.width, TRIPLE_TILE)
    halves = ceil_div(rest, half) if view.width >= half else 0
    lone = 0 if view.width >= half else view.width
    tiles = whole + halves + lone
    step = layer.strides[1] * channels // spacing * TABLE_BYTES
    turned = made * bound.inputs[0].shape[1] * channels
    return {
        "signed bytes turned": float(turned * (bound.inputs[0].element is ElementType.INT8)),
        "lines of tables read": float(
            rows * blocks * triples * ceil_div(view.width * step, LINE_BYTES)
        ),
        "tables made": float(made * tables * kinds),
        "rows of tables": float(made),
        "triples looked up": float(
            rows * blocks * (whole * TRIPLE_TILE + halves * half + lone) * triples
        ),
        "triples of tiles": float(rows * blocks * tiles * triples),
        "tables found": float(rows * triples),
        "tiles": float(rows * blocks * tiles),
        "rows of blocks": float(rows * blocks),
        "rows": float(rows),
    }


def _finish(
    layer: BinaryWeightConv2d | BinaryWeightDense, rows: int, outputs: int, blocks: int
) -> dict[str, float]:
    if layer.threshold is not None:
        return {"bits finished": float(rows * outputs * blocks)}
    terms = {"sums finished": float(rows * outputs * blocks)}
    if layer.scale_bias is not None:
        terms["sums scaled"] = float(rows * outputs * blocks)
        terms["rows scaled"] = float(rows * blocks)
    return terms
