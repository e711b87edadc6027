"""What of a layer costs time and memory on a device: terms that its loops really have.

A cost is a sum of coefficients times these terms (:mod:`bnnplan.planner.board_model`). Terms are
pure functions of shapes, of the device, and of the configuration: they need no kernel, so that
they can be told of boards that are not at hand.
"""

from __future__ import annotations

from collections.abc import Callable

from bnnplan.backends.interface import Configuration, Device
from bnnplan.models.graph import BoundLayer
from bnnplan.models.layers import (
    BinaryConv2d,
    BinaryDense,
    BinaryWeightConv2d,
    BinaryWeightDense,
    FloatConv2d,
    FloatDense,
)
from bnnplan.planner.descriptors import bits, floats, moving, names, signed
from bnnplan.planner.descriptors.families import family_of, is_depthwise
from bnnplan.planner.descriptors.generic import (
    generic_terms,
    generic_weight_terms,
    generic_workspace_terms,
)
from bnnplan.planner.descriptors.memory import Memory, memory_of
from bnnplan.planner.descriptors.reuse import Distances, reuse_distances
from bnnplan.planner.descriptors.sizes import native_weight_terms, native_workspace_terms

__all__ = [
    "NATIVE",
    "Distances",
    "descriptors",
    "family_of",
    "names_of_terms",
    "names_of_weight_terms",
    "names_of_workspace_terms",
    "reuse_distances",
    "weight_terms",
    "workspace_terms",
]

NATIVE = "cpu"
"""The backend whose loops are known."""

Terms = Callable[[BoundLayer, Configuration, Memory], dict[str, float]]


def descriptors(
    bound: BoundLayer,
    device: Device,
    configuration: Configuration,
    distances: Distances | None = None,
) -> dict[str, float]:
    """Terms of the time that a layer takes, each at least 0.

    Parameters
    ----------
    bound : BoundLayer
    device : Device
        Of a board that need not be at hand.
    configuration : Configuration
        Threads and axes decide what the busiest thread has to do.
    distances : Distances, optional
        What the program touches between uses of the same bytes (:func:`reuse_distances`): it
        decides which cache they are still in; without them all comes from memory.
    """
    terms = {"layer": 1.0}
    if configuration.threads > 1:
        terms["meeting of threads"] = 1.0
        terms["threads that meet"] = float(configuration.threads)
    if device.backend != NATIVE:
        return terms | generic_terms(bound)
    if configuration.threads > 1:
        # What threads have written each on its own, every one of them may have to read.
        read = sum(kind.nbytes(bound.batch) for kind in bound.inputs)
        terms["bytes of other threads"] = read * (1 - 1 / configuration.threads)
    memory = memory_of(device, distances or Distances(), configuration.threads)
    terms |= memory.again("layer", 1.0, configuration.threads)  # its code, and what it keeps
    return terms | _native_terms(bound)(bound, configuration, memory)


def _native_terms(bound: BoundLayer) -> Terms:
    layer = bound.layer
    if isinstance(layer, BinaryConv2d):
        return bits.depthwise_terms if is_depthwise(bound) else bits.conv_terms
    if isinstance(layer, FloatConv2d):
        return floats.depthwise_terms if is_depthwise(bound) else floats.conv_terms
    known: dict[type, Terms] = {
        BinaryDense: bits.dense_terms,
        BinaryWeightConv2d: signed.conv_terms,
        BinaryWeightDense: signed.dense_terms,
        FloatDense: floats.dense_terms,
    }
    return known.get(type(layer), moving.moving_terms)


def weight_terms(
    bound: BoundLayer, device: Device, configuration: Configuration
) -> dict[str, float]:
    """Terms of the bytes that packed weights take, each at least 0."""
    if device.backend == NATIVE:
        return native_weight_terms(bound, configuration)
    return generic_weight_terms(bound)


def workspace_terms(
    bound: BoundLayer, device: Device, configuration: Configuration
) -> dict[str, float]:
    """Terms of the bytes that are needed while a layer runs, each at least 0."""
    if device.backend == NATIVE:
        return native_workspace_terms(bound, configuration)
    return generic_workspace_terms(bound)


def names_of_terms(family: str, backend: str) -> frozenset[str]:
    """All terms that :func:`descriptors` may give of layers of a family on a backend."""
    if backend != NATIVE:
        return names.GENERIC
    return names.NATIVE | names.PRODUCTS.get(family, names.MOVING)


def names_of_weight_terms(backend: str) -> frozenset[str]:
    """All terms that :func:`weight_terms` may give on a backend."""
    return names.NATIVE_WEIGHTS if backend == NATIVE else names.WEIGHTS


def names_of_workspace_terms(backend: str) -> frozenset[str]:
    """All terms that :func:`workspace_terms` may give on a backend."""
    return names.NATIVE_WORKSPACE if backend == NATIVE else names.WORKSPACE
