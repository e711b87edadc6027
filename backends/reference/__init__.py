"""Numpy semantics of every layer: slow, obviously right, the oracle of all other backends."""

from bnnplan.backends.reference.backend import ReferenceBackend
from bnnplan.backends.reference.compute import compute, evaluate

__all__ = ["ReferenceBackend", "compute", "evaluate"]
