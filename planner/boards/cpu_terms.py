"""What the terms of layers cost on cores of which only published figures are known.

Terms are those of :mod:`bnnplan.planner.descriptors`. Products come from the type of core, bytes
from caches and memory; all else is counted in vectors that are loaded, changed and stored. What is
:data:`BESIDE` (starting a tile, a row, a block, what is read for products) is in what cores do not
reach of their products.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping

from bnnplan.models.tensors import ElementType
from bnnplan.planner.boards.core_types import CoreType
from bnnplan.planner.descriptors.memory import LEVELS, past

LAYER = 1000
"""Cycles to begin and end a layer."""
MEETING, MEETER = 3000, 500
"""Cycles that threads take to meet at the end of a layer: all of them, and each one more."""
MEMORY_SHARE = 0.25
"""Of the published bandwidth, what one thread gets: four busy ones share it, and one core alone
gets hardly more on small boards."""
CACHE_BYTES = {"first cache": 32, "second cache": 16, "last cache": 8}
"""That a core reads or writes in a cycle."""
KINDS = ("bytes", *(kind.value for kind in ElementType))
MOVED = (
    "bytes read",
    "bytes written",
    "weights",
    "weights read first",
)
BESIDE = frozenset(
    {
        "additions waited for",
        "blocks",
        "chunks counted",
        "copies",
        "blocks of one vector",
        "halves of words stored",
        "lines of tables read",
        "lone windows",
        "nibbles of pairs",
        "numbers spread",
        "rests finished",
        "rests of rows",
        "rows",
        "rows copied",
        "rows of blocks",
        "rows of parameters",
        "rows of tables",
        "rows of taps",
        "rows of windows",
        "rows scaled",
        "runs of tiles",
        "runs of windows",
        "strips",
        "tables found",
        "tables of nibbles",
        "taps of blocks",
        "taps of tiles",
        "tiles",
        "triples of tiles",
        "weights loaded",
        "windows",
        "windows of part of a vector",
        "planes spread",
        "words finished",
        "words of one vector",
        "words of pixels",
        "words of tiles",
        "words spread",
        *(f"{what} of {kind}" for what in ("pixels", "rests of pixels") for kind in KINDS),
        *(f"steps of {what} of {kind}" for what in ("tiles", "lone outputs") for kind in KINDS),
        "weights of tiles",
        "bytes written across lines",
        "bytes written in pieces",
        *(
            past(what, level)
            for what in (
                "weights of tiles",
                "layer",
                "bytes written across lines",
                "bytes written in pieces",
            )
            for level in LEVELS[:-1]
        ),
    }
)
"""Terms that cost nothing of their own: they go with products, elements or layers that do."""
FILTERS, BITS_AT_ONCE, BITS_LOOKED_UP = 32, 512, 256
"""In a block of filters; products of bits that are one term, counted and looked up."""
NUMBERS = (ElementType.FLOAT32, ElementType.INT32)


def traffic_costs(clock: float, bandwidth: float) -> dict[str, float]:
    """Nanoseconds of a byte by term.

    Parameters
    ----------
    clock : float
        Cycles a second.
    bandwidth : float
        Of the board's memory, bytes a second.
    """
    rates = {level: 1e-9 * clock * nbytes for level, nbytes in CACHE_BYTES.items()}
    rates |= dict.fromkeys(LEVELS[2:-1], rates[LEVELS[-2]])
    rates[LEVELS[-1]] = 1e-9 * bandwidth * MEMORY_SHARE
    costs = dict.fromkeys(MOVED, 1 / rates[LEVELS[0]])
    for near, far in itertools.pairwise(LEVELS):
        more = max(0.0, 1 / rates[far] - 1 / rates[near])
        costs |= {past(what, near): more for what in MOVED}
    # They are in the first cache of another core, or were there.
    return costs | {"bytes of other threads": 1 / rates[LEVELS[-2]]}


def product_cycles(core: CoreType, variant: str) -> dict[str, float]:
    """Cycles of terms of layers with products, by the kernel variant that computes them."""
    vector = 1 / core.vectors
    bits = core.bits.get(variant, max(core.bits.values()))
    lanes = 8 if variant.startswith("avx2") else 4
    found = {
        "products, 512 at once": BITS_AT_ONCE / bits,
        "steps of one vector": BITS_AT_ONCE / bits,
        "nibbles looked up": BITS_LOOKED_UP / bits,
        "taps added": 16 * vector,
        "planes compared": 8 * vector,
        "triples looked up": 3 * FILTERS / core.looked_up,
        "products of bytes": 4 * FILTERS / core.byte_products,
        "products": lanes / core.floats,
        "products of lone windows": 2 * lanes / core.floats,
        "tables made": 8 * vector,
        "bits finished": 2 * vector,
        "sums finished": 2 * vector,
        "sums scaled": 2 * vector,
        "vectors stored": vector,
        "pooled taps": 2.0,
        "pooled words": 2.0,
        "words copied": 1.0,
        "bytes copied": vector / 8,
        "bits regrouped": 2.0,
        "bits shifted into place": 2.0,
        "signed bytes turned": vector / 8,
        "taps of part of a vector": 8 * vector,
    }
    return found | {f"products of {kind.value}": FILTERS / core.numbers for kind in NUMBERS}


def moving_cycles(core: CoreType) -> dict[str, float]:
    """Cycles of terms of layers without products."""
    vector = 1 / core.vectors
    found = {
        "taps of words": 2.0,
        "taps of words, 2 × 2": 1.0,
        "pieces of bits": 4.0,
        "pieces across words": 4.0,
        "copies": 0.0,
        "elements": vector / 4,
    }
    for kind in ElementType:
        size = 1 / 64 if kind is ElementType.BIT else kind.dtype.itemsize / 16
        found[f"elements of {kind.value}"] = 3 * size * vector
        found[f"words of bits from {kind.value}"] = 4.0
        found[f"thresholds of {kind.value}"] = 2 * size * vector
        found[f"taps of vectors of {kind.value}"] = 8 * vector
        found[f"taps of rests of {kind.value}"] = 2.0
        found["vectors finished"] = 4 * vector
        found["parts of pixels"] = 4.0
    return found


def nanoseconds(cycles: Mapping[str, float], clock: float) -> dict[str, float]:
    """Costs of terms, those of every layer included."""
    always = {"layer": LAYER, "meeting of threads": MEETING, "threads that meet": MEETER}
    return {name: 1e9 * count / clock for name, count in {**always, **cycles}.items()}
