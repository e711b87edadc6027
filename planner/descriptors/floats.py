"""Products of numbers by numbers: convolutions, depthwise ones, dense layers."""

from __future__ import annotations

from collections.abc import Iterator

from attrs import frozen

from bnnplan.backends.interface import Configuration
from bnnplan.models.graph import BoundLayer
from bnnplan.models.layers import FloatConv2d, FloatDense
from bnnplan.planner.descriptors.memory import Memory
from bnnplan.planner.descriptors.sharing import ceil_div, share_of
from bnnplan.planner.descriptors.windows import product_size, taps_inside

LANES = {"avx512": 16, "avx512bw": 16, "avx2": 8, "neon": 4, "portable": 4}
TILE_VECTORS = {"avx512": 24, "avx512bw": 24, "avx2": 12, "neon": 24, "portable": 12}
"""Sums of a tile, in vectors."""
USUAL_LANES, USUAL_VECTORS = 8, 12
MOST_WINDOWS = 12
WINDOW_VECTORS, MOST_VECTORS = 4, 8
STRIP_FLOATS, STRIP_WINDOWS = 4096, 24
WAITING = 6
"""Sums that must be under way lest additions wait for each other."""
DEPTHWISE_LANES, DEPTHWISE_WINDOWS = 16, 8
COUNTED = (
    "products",
    "numbers spread",
    "weights loaded",
    "additions waited for",
    "tiles",
    "rows of taps",
    "vectors stored",
    "lone windows",
)
"""Terms that are summed up over tiles."""


@frozen
class Blocks:
    """Filters of a group, cut into blocks of vectors."""

    vectors: int
    last_vectors: int
    count: int

    @property
    def sizes(self) -> Iterator[tuple[int, int]]:
        """Vectors of a block, and how many blocks have so many."""
        yield self.vectors, self.count - 1
        yield self.last_vectors, 1


def blocks_of(filters: int, row: int, configuration: Configuration) -> Blocks:
    """How the filters of a group are cut.

    Parameters
    ----------
    filters : int
        Of a group.
    row : int
        Windows of a row.
    configuration : Configuration
    """
    lanes = LANES.get(configuration.variant, USUAL_LANES)
    vectors = ceil_div(filters, lanes)
    most = MOST_VECTORS if row == 1 else WINDOW_VECTORS
    wanted = configuration.threads if "Z" in configuration.axes else 1
    blocks = ceil_div(vectors, most)
    if blocks < wanted:
        blocks = min(vectors, wanted)
    each = ceil_div(vectors, blocks)
    blocks = ceil_div(vectors, each)
    return Blocks(each, vectors - (blocks - 1) * each, blocks)


def tiles(windows: int, most: int) -> Iterator[int]:
    """Windows of each tile of neighbours; none is narrow where that can be helped."""
    while windows > 0:
        taken = windows if windows <= most else most if windows >= 2 * most else -(-windows // 2)
        yield taken
        windows -= taken


def conv_terms(bound: BoundLayer, configuration: Configuration, memory: Memory) -> dict[str, float]:
    """Terms of a float convolution that is not depthwise."""
    layer = bound.layer
    assert isinstance(layer, FloatConv2d)
    height, width = product_size(bound)
    inputs = layer.weight.shape[3]
    is_pixel = layer.kernel == (1, 1)
    is_flat = is_pixel and layer.strides == (1, 1) and not any(layer.pads)
    columns = taps_inside(bound, 1)
    rows_of_taps = sum(taps_inside(bound, 0))
    if is_flat:
        height, width, rows_of_taps = 1, height * width, 1
        columns = [1] * width
    return _conv(
        bound,
        configuration,
        memory,
        Row(height, columns, rows_of_taps, inputs, layer.kernel[1]),
        layer.groups,
        layer.weight.shape[0] // layer.groups,
        bound.batch,
        _strip(is_pixel, width, bound.inputs[0].channels),
    )


def _strip(is_pixel: bool, width: int, channels: int) -> int:
    """Windows of a row that all blocks are computed for in turn."""
    if not is_pixel:
        return width
    return (STRIP_FLOATS // channels // STRIP_WINDOWS + 1) * STRIP_WINDOWS


@frozen
class Row:
    """Rows of windows: how many, taps of each window, and rows of taps of all of them."""

    count: int
    columns: list[int]
    rows_of_taps: int
    inputs: int
    kernel: int


def dense_terms(
    bound: BoundLayer, configuration: Configuration, memory: Memory
) -> dict[str, float]:
    """Terms of a float dense layer: a window of one tap over a row whose pixels are the images."""
    layer = bound.layer
    assert isinstance(layer, FloatDense)
    filters, inputs = layer.weight.shape
    axes = configuration.axes.replace("X", "Y")
    turned = Configuration(axes, configuration.threads, configuration.variant)
    row = Row(1, [1] * bound.batch, 1, inputs, 1)
    return _conv(bound, turned, memory, row, 1, filters, 1, _strip(True, bound.batch, inputs))


def _conv(
    bound: BoundLayer,
    configuration: Configuration,
    memory: Memory,
    row: Row,
    groups: int,
    filters: int,
    images: int,
    strip: int,
) -> dict[str, float]:
    variant = configuration.variant
    width = len(row.columns)
    windows = row.count * width
    blocks = blocks_of(filters, width, configuration)
    mine = share_of(configuration, images, windows, groups * blocks.count)
    share = mine.work / (images * windows * groups * blocks.count)
    most_vectors = TILE_VECTORS.get(variant, USUAL_VECTORS)
    whole = [taps == row.kernel for taps in row.columns]
    terms = dict.fromkeys(COUNTED, 0.0)
    for vectors, count in blocks.sizes:
        most = min(most_vectors // vectors, MOST_WINDOWS)
        for size, taps, times in _row_tiles(row.columns, whole, strip, most):
            many = count * times
            steps = many * row.rows_of_taps * taps * row.inputs
            terms["products"] += steps * size * vectors
            terms["numbers spread"] += steps * size
            terms["weights loaded"] += steps * vectors
            terms["additions waited for"] += steps * max(0, WAITING - size * vectors)
            terms["rows of taps"] += many * row.rows_of_taps
            terms["tiles"] += many * row.count
            terms["vectors stored"] += many * row.count * size * vectors
            terms["lone windows"] += many * row.count * (size == 1)
    terms = {name: value * groups * images * share for name, value in terms.items()}
    terms["strips"] = mine.images * ceil_div(mine.windows, min(strip, width)) * mine.neurons
    lanes, taps = LANES.get(variant, USUAL_LANES), bound.layer.weight[0].size  # type: ignore[attr-defined]
    vectors = sum(size * count for size, count in blocks.sizes)
    weights = vectors * lanes * taps * 4 * mine.neurons / blocks.count
    terms |= memory.again("weights read first", weights, configuration.threads)
    # Every tile reads the weights of its block again, from where they have stayed.
    block = blocks.vectors * lanes * taps * 4
    return (
        terms
        | memory.traffic("weights of tiles", terms["weights loaded"] * lanes * 4, block)
        | memory.activations(bound, 1 / configuration.threads, blocks.vectors * lanes)
    )


def _row_tiles(
    columns: list[int], whole: list[bool], strip: int, most: int
) -> Iterator[tuple[int, int, int]]:
    """Of one row of windows: windows of a tile, taps of each, and how many such tiles."""
    found: dict[tuple[int, int], int] = {}
    if strip < len(columns):  # then windows are of one tap, which all lie inside
        strips, rest = divmod(len(columns), strip)
        parts = [(strip, strips), (rest, 1)]
    else:
        parts = [(sum(whole), 1)]
        for taps, is_whole in zip(columns, whole, strict=True):
            if not is_whole:
                found[1, taps] = found.get((1, taps), 0) + 1
    for inside, times in parts:
        for size in tiles(inside, most):
            key = size, max(columns)
            found[key] = found.get(key, 0) + times
    for (size, taps), times in found.items():
        yield size, taps, times


def depthwise_terms(
    bound: BoundLayer, configuration: Configuration, memory: Memory
) -> dict[str, float]:
    """Terms of a float convolution whose channels each have one filter."""
    layer = bound.layer
    assert isinstance(layer, FloatConv2d)
    height, width = product_size(bound)
    channels = bound.inputs[0].channels
    blocks = ceil_div(channels, DEPTHWISE_LANES)
    mine = share_of(configuration, bound.batch, height * width, blocks)
    share = mine.images * mine.windows / (bound.batch * height * width)
    columns = taps_inside(bound, 1)
    whole = sum(taps == layer.kernel[1] for taps in columns)
    together, alone = divmod(whole, DEPTHWISE_WINDOWS)
    lone_taps = alone * layer.kernel[1] + sum(t for t in columns if t != layer.kernel[1])
    lone = alone + width - whole
    # Of a block that its channels do not fill every window is alone.
    filled, rest = divmod(channels, DEPTHWISE_LANES)
    # The thread that has this block is the busiest.
    filled = min(filled, mine.neurons - (rest > 0))
    lines = bound.batch * share
    rows, taps = height * lines, sum(taps_inside(bound, 0)) * lines
    vectors = DEPTHWISE_LANES / LANES.get(configuration.variant, USUAL_LANES)
    terms = {
        "products": filled * taps * together * DEPTHWISE_WINDOWS * layer.kernel[1] * vectors,
        "products of lone windows": filled * taps * lone_taps * vectors,
        "taps of tiles": filled * taps * together * layer.kernel[1],
        "tiles": filled * rows * together,
        "lone windows": filled * rows * lone,
        "rows of blocks": mine.neurons * rows,
    }
    if rest:
        terms["taps of part of a vector"] = taps * sum(columns)
        terms["windows of part of a vector"] = rows * width
    return terms | memory.activations(bound, 1 / configuration.threads, DEPTHWISE_LANES)
