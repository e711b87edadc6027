"""The names of terms, by operator family: what a board model may give coefficients of."""

from __future__ import annotations

from bnnplan.models.tensors import ElementType
from bnnplan.planner.descriptors.floats import COUNTED
from bnnplan.planner.descriptors.memory import names_of_traffic

KINDS = tuple(kind.value for kind in ElementType)

ANY = frozenset({"layer", "meeting of threads", "threads that meet"})
"""Of every layer, on whatever backend."""
GENERIC = ANY | {
    "outputs",
    "groups of outputs",
    "bytes read",
    "bytes written",
    "bytes of weights",
    "taps",
    "products",
    "words of products",
    "taps of outputs",
}
"""Of backends whose loops are not known."""
NATIVE = ANY | {"bytes of other threads"} | names_of_traffic("layer", "bytes read", "bytes written")
"""Of every layer on the backend whose loops are known."""

SUMS = frozenset({"sums finished", "sums scaled", "rows scaled"})
STORED = names_of_traffic("bytes written across lines", "bytes written in pieces")
"""Of convolutions, which write numbers of some channels of a pixel at a time."""
BITS = SUMS | {
    "bits finished",
    "halves of words stored",
    "products, 512 at once",
    "weights loaded",
    "words spread",
    "words of tiles",
    "runs of tiles",
    "tiles",
    "rows of blocks",
    "nibbles looked up",
    "tables of nibbles",
    "nibbles of pairs",
    "chunks counted",
}
POOLED = frozenset({"pooled words", "pooled taps"})
STEPS = SUMS | {
    "bits finished",
    "runs of tiles",
    "tiles",
    "rows of blocks",
    *(
        f"{what} of {kind}"
        for what in ("products", "steps of tiles", "steps of lone outputs")
        for kind in ("bytes", *KINDS)
    ),
}
SIGNED_CONV = (
    STEPS
    | POOLED
    | STORED
    | {
        "rows copied",
        "bytes copied",
        "signed bytes turned",
        "lines of tables read",
        "tables made",
        "rows of tables",
        "triples looked up",
        "triples of tiles",
        "tables found",
        "rows",
    }
)
FLOATS = frozenset({*COUNTED, "strips"}) | names_of_traffic(
    "weights read first", "weights of tiles"
)

PRODUCTS: dict[str, frozenset[str]] = {
    "binary-conv": BITS
    | POOLED
    | STORED
    | {"bits shifted into place", "rows copied", "words copied", "bits regrouped"}
    | names_of_traffic("weights of tiles", "weights read first"),
    "binary-dense": BITS
    | {"words of one vector", "steps of one vector", "blocks of one vector"}
    | names_of_traffic("weights"),
    "binary-depthwise": STORED
    | frozenset(
        {
            "taps added",
            "words of pixels",
            "planes compared",
            "planes spread",
            "rows of blocks",
            "sums finished",
            "sums scaled",
            "pooled taps",
            "words copied",
        }
    ),
    "byte-conv": SIGNED_CONV,
    "number-conv": SIGNED_CONV,
    "number-dense": STEPS | names_of_traffic("weights"),
    "float-conv": FLOATS | STORED,
    "float-dense": FLOATS | STORED,
    "float-depthwise": STORED
    | frozenset(
        {
            "products",
            "products of lone windows",
            "taps of tiles",
            "tiles",
            "lone windows",
            "rows of blocks",
            "taps of part of a vector",
            "windows of part of a vector",
        }
    ),
}
"""By family with products, beside those of every layer."""
MOVING = frozenset(
    {
        "parts of pixels",
        "elements",
        "rows of parameters",
        "rests of rows",
        "taps of words",
        "taps of words, 2 × 2",
        "words finished",
        "windows",
        "taps of blocks",
        "vectors finished",
        "blocks",
        "rows of windows",
        "rests finished",
        "runs of windows",
        "copies",
        "pieces of bits",
        "pieces across words",
        *(
            f"{what} {kind}"
            for what in (
                "elements of",
                "thresholds of",
                "words of bits from",
                "pixels of",
                "rests of pixels of",
                "taps of vectors of",
                "taps of rests of",
            )
            for kind in KINDS
        ),
    }
)
"""Of layers without products, those of kinds that are not known yet included."""

WEIGHTS = frozenset({"layer", "weights", "bytes of weights", "output channels"})
NATIVE_WEIGHTS = WEIGHTS | {
    "filters",
    "filters scaled",
    "words of filters pooled",
    "packed words",
    "limits",
    "planes of limits",
    "words of a row",
    "classes of outputs",
    "indices",
    "lanes",
    "packed numbers",
    "bytes of a row",
    "parameters of rows",
}
WORKSPACE = frozenset({"layer", "bytes read", "bytes written"})
NATIVE_WORKSPACE = WORKSPACE | {
    "threads",
    "tables kept",
    "bytes of a row",
    "bytes of rows copied",
    "words pooled",
    "words pooled, one row",
}
