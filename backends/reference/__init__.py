"""Numpy semantics of every layer: slow, obviously right, the oracle of all other backends."""

from bnnplan.backends.reference.backend import ReferenceBackend
from bnnplan.backends.reference.compute import (
    check_feeds,
    compute,
    evaluate,
    logical_dtype,
)

__all__ = [
    "ReferenceBackend",
    "check_feeds",
    "compute",
    "evaluate",
    "logical_dtype",
]
