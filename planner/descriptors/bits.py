"""Products of bits by ±1 whose mismatches are counted: convolutions and dense layers."""

from __future__ import annotations

from bnnplan.backends.interface import Configuration
from bnnplan.models.graph import BoundLayer
from bnnplan.models.layers import BinaryConv2d, BinaryDense
from bnnplan.planner.descriptors.memory import Memory
from bnnplan.planner.descriptors.sharing import ceil_div, round_up, share_of
from bnnplan.planner.descriptors.windows import padded_width, windows_of

WORD = 64
BLOCK = 32
"""Filters that are computed together."""
EIGHT = 8
"""Filters are padded to a multiple of it."""
TILE_OUTPUTS = {"avx512": 4, "avx512bw": 2, "avx2": 2, "neon": 4, "portable": 1}
"""Neighbouring outputs that share the reading of weights, by instruction set."""
USUAL_OUTPUTS = 4
VECTOR_BLOCK = 64
FEWEST_FOR_VECTOR = 17
"""Filters; with fewer, one vector is counted as rows of outputs are."""
LOOKED_UP = "-lookup"
"""Ends the names of variants that look counts of mismatches up."""
NIBBLE, STEP, CHUNK = 4, 6, 60
"""Channels of a look-up; of a run so many look-ups or a multiple; most that bytes can count."""
DEPTHWISE_PIXELS = 2
"""Neighbouring outputs whose words are counted together."""


def eights(filters: int) -> int:
    """Eights of filters, those that do not fill one included; every block begins a new one."""
    return filters // BLOCK * (BLOCK // EIGHT) + ceil_div(filters % BLOCK, EIGHT)


def tiles_of(variant: str, outputs: int) -> int:
    """Tiles of a row of outputs."""
    return ceil_div(outputs, TILE_OUTPUTS.get(variant, USUAL_OUTPUTS))


def conv_terms(bound: BoundLayer, configuration: Configuration, memory: Memory) -> dict[str, float]:
    """Terms of a binary convolution; its loops are: block of filters, row, tile, run, word."""
    layer = bound.layer
    assert isinstance(layer, BinaryConv2d)
    view = windows_of(bound)
    groups, filters = layer.groups, layer.weight.shape[0]
    channels = bound.inputs[0].channels
    group_filters, group_words = filters // groups, ceil_div(channels // groups, WORD)
    group_blocks = ceil_div(group_filters, BLOCK)
    blocks = group_blocks * groups
    is_loose = groups > 1 and layer.threshold is not None and group_filters % BLOCK != 0
    unit = 2 if view.is_pooled and not is_loose else 1
    units = 1 if is_loose else ceil_div(blocks, unit)
    mine = share_of(configuration, bound.batch, view.rows, units)
    rows = mine.images * mine.windows * view.pool[0]
    my_blocks = blocks if is_loose else min(blocks, mine.neurons * unit)
    if groups == 1:
        my_eights = eights(min(filters, my_blocks * BLOCK))
    else:
        my_eights = ceil_div(groups * eights(group_filters) * my_blocks, blocks)
    joined = groups == 1 and layer.dilations[1] == 1
    runs = layer.kernel[0] if joined else layer.kernel[0] * layer.kernel[1]
    words = layer.kernel[0] * layer.kernel[1] * group_words
    tiles = tiles_of(configuration.variant, view.width)
    if configuration.variant.endswith(LOOKED_UP):
        taps = layer.kernel[0] * layer.kernel[1]
        nibbles = runs * round_up(taps // runs * ceil_div(channels // groups, NIBBLE), STEP)
        terms = look_up_terms(rows, view.width, my_blocks, nibbles)
    else:
        terms = product_terms(rows, view.width, tiles, my_blocks, my_eights, words, runs)
    terms |= finish_terms(layer, rows * view.width, my_blocks, my_eights)
    if view.is_pooled:
        terms |= view.pooled_terms(mine.images * mine.windows, ceil_div(my_blocks, 2))
    if is_loose:
        terms["bits shifted into place"] = float(rows * view.width * my_blocks)
    row_words = padded_width(bound) * group_words * groups
    regroups = groups > 1 and channels // groups % WORD != 0
    in_place = not any(layer.pads) and not regroups
    strip = view.strip(mine.windows, 0 if in_place else row_words * 8)
    strips = mine.images * ceil_div(mine.windows, strip)
    band_rows = strips * view.input_rows(view.product_rows(min(strip, mine.windows)))
    if not in_place:
        terms["rows copied"] = float(band_rows)
        terms["words copied"] = float(band_rows * row_words)
    if regroups:
        terms["bits regrouped"] = float(band_rows * padded_width(bound) * groups)
    loaded = rows * tiles * my_eights * words * EIGHT * 8
    # Every tile reads the weights of its block again, from where they have stayed.
    terms |= memory.traffic("weights of tiles", loaded, min(BLOCK, group_filters) * words * 8)
    terms |= memory.again(
        "weights read first", my_eights * EIGHT * words * 8, configuration.threads
    )
    return terms | memory.activations(bound, 1 / configuration.threads, BLOCK)


def dense_terms(
    bound: BoundLayer, configuration: Configuration, memory: Memory
) -> dict[str, float]:
    """Terms of a binary dense layer: vectors of a batch are the outputs of one row."""
    layer = bound.layer
    assert isinstance(layer, BinaryDense)
    filters, channels = layer.weight.shape
    words = ceil_div(channels, WORD)
    if bound.batch == 1 and filters >= FEWEST_FOR_VECTOR:
        return _vector_terms(bound, configuration, memory, layer, words)
    blocks = ceil_div(filters, BLOCK)
    mine = share_of(configuration, bound.batch, 1, blocks)
    my_eights = eights(min(filters, mine.neurons * BLOCK))
    tiles = tiles_of(configuration.variant, mine.images)
    if configuration.variant.endswith(LOOKED_UP):
        nibbles = round_up(ceil_div(channels, NIBBLE), STEP)
        terms = look_up_terms(1, mine.images, mine.neurons, nibbles)
    else:
        terms = product_terms(1, mine.images, tiles, mine.neurons, my_eights, words, 1)
    terms |= finish_terms(layer, mine.images, mine.neurons, my_eights)
    weights = my_eights * EIGHT * words * 8
    terms |= memory.again("weights", weights, configuration.threads)
    return terms | memory.activations(bound, 1 / configuration.threads)


def _vector_terms(
    bound: BoundLayer,
    configuration: Configuration,
    memory: Memory,
    layer: BinaryDense,
    words: int,
) -> dict[str, float]:
    """One vector: every weight is read once, in order."""
    filters = layer.weight.shape[0]
    mine = share_of(configuration, 1, 1, ceil_div(filters, VECTOR_BLOCK))
    my_filters = min(filters, mine.neurons * VECTOR_BLOCK)
    lanes = ceil_div(my_filters, BLOCK) * BLOCK
    weights = lanes * words * 8
    terms = {
        "words of one vector": float(ceil_div(my_filters, VECTOR_BLOCK) * words),
        "steps of one vector": float(lanes // EIGHT * words),
        "blocks of one vector": float(ceil_div(my_filters, VECTOR_BLOCK)),
    }
    terms |= finish_terms(layer, 1, ceil_div(my_filters, BLOCK), lanes // EIGHT)
    terms |= memory.again("weights", weights, configuration.threads)
    return terms | memory.activations(bound, 1 / configuration.threads)


def product_terms(
    rows: int, outputs: int, tiles: int, blocks: int, eighths: int, words: int, runs: int
) -> dict[str, float]:
    """Terms of rows of outputs times blocks of filters.

    Parameters
    ----------
    rows, outputs, tiles : int
        Rows, and of each of them outputs and tiles of outputs.
    blocks, eighths : int
        Blocks of filters, and eights of filters in all of them.
    words, runs : int
        Of a window, and runs of words that lie side by side.
    """
    return {
        "products, 512 at once": float(rows * outputs * eighths * words),
        "weights loaded": float(rows * tiles * eighths * words),
        "words spread": float(rows * outputs * blocks * words),
        "words of tiles": float(rows * tiles * blocks * words),
        "runs of tiles": float(rows * tiles * blocks * runs),
        "tiles": float(rows * tiles * blocks),
        "rows of blocks": float(rows * blocks),
    }


def look_up_terms(rows: int, outputs: int, blocks: int, nibbles: int) -> dict[str, float]:
    """Terms of rows of outputs times blocks of filters, two outputs looked up at once.

    Parameters
    ----------
    rows, outputs, blocks : int
    nibbles : int
        Of a window, those that fill its runs up included.
    """
    pairs = rows * ceil_div(outputs, 2)
    return {
        "nibbles looked up": float(pairs * blocks * nibbles),
        "tables of nibbles": float(pairs * ceil_div(blocks, 2) * nibbles),
        "nibbles of pairs": float(pairs * nibbles),
        "chunks counted": float(pairs * blocks * ceil_div(nibbles, CHUNK)),
        "rows of blocks": float(rows * blocks),
    }


def finish_terms(
    layer: BinaryConv2d | BinaryDense, outputs: int, blocks: int, eighths: int
) -> dict[str, float]:
    """Terms of what becomes of the mismatches: bits, sums, or scaled sums."""
    if layer.threshold is not None:
        return {
            "bits finished": float(outputs * eighths),
            "halves of words stored": float(outputs * blocks),
        }
    terms = {"sums finished": float(outputs * eighths)}
    if layer.scale_bias is not None:
        terms["sums scaled"] = float(outputs * eighths)
        terms["rows scaled"] = float(outputs * blocks)
    return terms


def depthwise_terms(
    bound: BoundLayer, configuration: Configuration, memory: Memory
) -> dict[str, float]:
    """Terms of a binary depthwise convolution: planes of bits are added, pixels side by side."""
    layer = bound.layer
    assert isinstance(layer, BinaryConv2d)
    view = windows_of(bound)
    words = ceil_div(bound.inputs[0].channels, WORD)
    taps = layer.kernel[0] * layer.kernel[1]
    mine = share_of(configuration, bound.batch, view.rows, words)
    rows = mine.images * mine.windows * view.pool[0]
    groups = rows * ceil_div(view.width, DEPTHWISE_PIXELS) * mine.neurons
    channels = min(bound.inputs[0].channels, mine.neurons * WORD)
    terms = {
        "taps added": float(groups * taps),
        "words of pixels": float(groups),
        "planes compared": float(groups * taps.bit_length()),
        "rows of blocks": float(rows),
    }
    if layer.threshold is None:
        # However few channels a word has, all its bits are spread.
        terms["planes spread"] = float(rows * view.width * mine.neurons * taps.bit_length())
        terms["sums finished"] = float(rows * view.width * channels)
        if layer.scale_bias is not None:
            terms["sums scaled"] = float(rows * view.width * channels)
    if view.is_pooled:
        pooled = mine.images * mine.windows * view.columns * mine.neurons
        terms["pooled taps"] = float(pooled * view.pool[0] * view.pool[1])
    if any(layer.pads):
        copied = mine.images * view.input_rows(view.product_rows(mine.windows))
        terms["words copied"] = float(copied * padded_width(bound) * words)
    return terms | memory.activations(bound, 1 / configuration.threads, WORD)
